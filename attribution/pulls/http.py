"""One client for all platforms: what fails in passing is asked again, what fails for good is told.

Asked again are connections that break or time out, answers that are cut off or no JSON, 429 and 5xx, with
waits that double and that follow `Retry-After`. Redirects are not followed: they would take the token with
them. Nothing secret is in an address, and what a platform says is cleared of secrets before it is shown.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from attribution import clock
from attribution.errors import InputError, PullAccessError, PullError
from attribution.pulls.credentials import BASE_URL, Secret
from attribution.sources.masking import mask_text

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

TIMEOUT: Final = 60.0  # seconds without a byte
CONNECT_TIMEOUT: Final = 15.0  # seconds until somebody is there
LONGEST_ANSWER: Final = 600.0  # seconds until the last one
ATTEMPTS: Final = 8
FEWER_ATTEMPTS: Final = 5  # where nobody is there: a quarter of a minute
LONGEST_WAIT: Final = 60.0  # between two attempts, where the platform names no time
LONGEST_ASKED: Final = 900.0  # that a platform may ask for; more than that is told and not waited for
LONGEST_IN_ALL: Final = 1800.0  # of one request
MAX_BYTES: Final = 1 << 28
_SHOWN: Final = 300

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Fault:
    """What an answer that is no success means.

    Attributes:
        words: the platform's own.
        again: whether to ask again later.
        after: seconds to wait, where that is known.
        token: whether the access token is what is refused.
        code: the platform's name for it, for a source that knows what to do.
    """

    words: str
    again: bool = False
    after: float | None = None
    token: bool = False
    code: str = ""


ReadFault = Callable[[int, Any, Mapping[str, str]], Fault | None]


@dataclass
class Waits:
    """How to wait; tests give a clock that stands still.

    Attributes:
        sleep: waits so many seconds.
        tell: is told of long waits.
        random: between 0 and 1, so that not all come back at once.
    """

    sleep: Callable[[float], None] = time.sleep
    tell: Tell = field(default=lambda words: None)
    random: Callable[[], float] = random.random


class _Again(Exception):
    """A request that is to be made again; never leaves this module."""

    def __init__(
        self, words: str, after: float | None = None, status: int | None = None, *, reached: bool = True
    ) -> None:
        super().__init__(words)
        self.after = after
        self.status = status
        self.reached = reached


class BrokenError(Exception):
    """A request without an answer: see :meth:`Client.exchange`.

    Attributes:
        reached: whether there was a connection: without one nothing was read.
    """

    def __init__(self, words: str, *, reached: bool = True) -> None:
        super().__init__(words)
        self.reached = reached


class Client:
    """Speaks to one host.

    Args:
        name: of the platform, as people write it: for messages.
        base_url: `https://...`; plain `http://` only to this machine.
        waits: how to wait.
        headers: sent with every request, made anew for each.
        renew: gets a new access token; a 401 is answered by it once.
        secrets: texts that no message may show; asked for when a message is made.
        fault: reads the platform's errors from status, body and headers; what it returns None for is read as
            usual. It sees successes too: some platforms answer 200 and refuse.
        between: least seconds between two requests.
        kept: what a failure does not undo, in words.
        mend: what to do where the credentials are refused, in words.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        waits: Waits | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
        renew: Callable[[], None] | None = None,
        secrets: Callable[[], Iterable[Secret]] = tuple,
        fault: ReadFault | None = None,
        between: float = 0.0,
        kept: str = "what was pulled is kept",
        mend: str = "renew them where `attribution pull --list` says",
    ) -> None:
        self.name = name
        self.base_url = checked_url(base_url, name)
        self.waits = waits or Waits()
        self._headers, self._renew, self._secrets = headers, renew, secrets
        self._fault = fault or (lambda status, body, headers: None)
        self._between, self._last = between, float("-inf")
        self._kept, self._mend = kept, mend
        self._http: httpx.Client | None = None

    def get(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Ask for JSON; see :meth:`request`."""
        return self.request("GET", path, params=params, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Send JSON and get JSON; see :meth:`request`."""
        return self.request("POST", path, json=body, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        query: str | None = None,
        plain: bool = False,
        max_bytes: int = MAX_BYTES,
    ) -> Any:
        """Make a request, again where that may help, and return the answer.

        Args:
            method: GET or POST.
            path: below `base_url`.
            params: of the address.
            json: the body.
            data: the body, as a form.
            query: of the address, as it is to stand there.
            plain: return bytes, and read no JSON.
            max_bytes: an answer may have.

        Returns:
            JSON with all numbers that have a decimal point as the text that they were written as.

        Raises:
            PullAccessError: the platform refuses the credentials.
            PullError: it refuses the request, or goes on failing.
        """
        tenacity = _needed("tenacity")
        options = {"params": params, "json": json, "data": data}
        address = self.base_url + path + (f"?{query}" if query else "")
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            wait=self._wait,
            stop=self._is_enough,
            sleep=self.waits.sleep,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return attempts(self._with_token, method, address, options, plain, max_bytes)
        except _Again as error:
            if error.after is not None and error.after > LONGEST_ASKED:
                raise PullError(
                    f"{self.name} asks to wait {_duration(error.after)} ({self.clean(str(error))}); "
                    f"{self._kept}: repeat the command then"
                ) from None
            raise PullError(
                f"{self.name} goes on failing ({self.clean(str(error))}); {self._kept}: "
                "repeat the command later to go on"
            ) from None

    def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Make a request once, and return whatever comes back: status, headers and content.

        Where the access token is refused, once more with a new one. The body is `json`, or `content` as it
        is, for what is signed byte by byte.

        Raises:
            BrokenError: nothing came back; nobody knows whether the request was read.
        """
        options = {"params": params, "json": json, "content": content}
        renewed = False
        while True:
            try:
                answer = self._once(method, self.base_url + path, options, MAX_BYTES, headers or {})
            except _Again as error:
                raise BrokenError(self.clean(str(error)), reached=error.reached) from None
            if answer[0] != 401 or self._renew is None or renewed:
                return answer
            renewed = True
            self._renew()

    def clean(self, text: str) -> str:
        """Return what a platform says on one short line, without any secret, address or number of people."""
        for secret in self._secrets():
            if secret.reveal():
                text = text.replace(secret.reveal(), "***")
        text = " ".join(mask_text(text).split())  # before it is cut: half an address is one as well
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _with_token(
        self, method: str, address: str, options: Mapping[str, Any], plain: bool, max_bytes: int
    ) -> Any:
        renewed = False
        while True:
            status, headers, content = self._once(method, address, options, max_bytes)
            if 200 <= status < 300:
                body = content if plain else self._json(content, status)
                fault = None if plain else self._fault(status, body, headers)
                if fault is None:
                    return body
            else:
                fault = self._read_fault(status, headers, content)
            if fault.again:
                after = fault.after if fault.after is not None else retry_after(headers)
                raise _Again(f"{status}: {fault.words}", after, status)
            if fault.token and self._renew is not None and not renewed:
                renewed = True
                self._renew()
                continue
            words = self.clean(fault.words)
            if fault.token:
                raise PullAccessError(f"{self.name} does not accept the credentials ({words}); {self._mend}")
            raise PullError(f"{self.name} refuses the request ({status}: {words})", fault.code)

    def _once(
        self,
        method: str,
        address: str,
        options: Mapping[str, Any],
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        httpx = _needed("httpx")
        self._pace()
        try:
            with self._client().stream(
                method,
                address,
                headers={**self._headers(), **(headers or {})},
                **{k: v for k, v in options.items() if v},
            ) as answer:
                content, size, begun = [], 0, time.monotonic()
                for part in answer.iter_bytes():
                    content.append(part)
                    size += len(part)
                    if size > max_bytes:
                        raise PullError(
                            f"{self.name} sends more than {max_bytes >> 20} MB at once; "
                            "ask for less with --since, or load a file"
                        )
                    if time.monotonic() - begun > LONGEST_ANSWER:
                        raise _Again("the answer does not come to an end")
                return answer.status_code, answer.headers, b"".join(content)
        except (httpx.InvalidURL, UnicodeError):
            raise InputError(
                f"{self.name}: {self.base_url} is no address; write base_url as https://HOST"
            ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            host = urlsplit(self.base_url).hostname
            raise _Again(
                f"{host} cannot be reached ({error or type(error).__name__}); see to the network, base_url "
                "and login_url",
                reached=False,
            ) from None
        except httpx.TimeoutException:
            raise _Again("it does not answer in time") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _Again(f"the connection broke: {error or type(error).__name__}") from None

    def _json(self, content: bytes, status: int) -> Any:
        try:
            return json.loads(content, parse_float=str)
        except (ValueError, RecursionError):
            raise _Again("the answer is cut off, or no JSON", status=status) from None

    def _read_fault(self, status: int, headers: Mapping[str, str], content: bytes) -> Fault:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = content.decode("utf-8", "replace")
        known = self._fault(status, body, headers)
        if known is not None:
            return known
        words = _words(body) or "no reason given"
        if status in (408, 425, 429) or status >= 500:
            return Fault(words, again=True)
        if 300 <= status < 400:
            return Fault(f"it moves to another address, which is not followed: {_host(headers)}")
        return Fault(words, token=status == 401)

    def _pace(self) -> None:
        if self._between:
            now = time.monotonic()
            early = self._last + self._between - now
            if early > 0:
                self.waits.sleep(early)
            self._last = max(now, self._last + self._between)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.after if isinstance(error, _Again) else None
        if asked is not None:
            return asked + self.waits.random()
        most = min(LONGEST_WAIT, 2.0 ** (state.attempt_number - 1))
        return most / 2 + self.waits.random() * most / 2

    def _is_enough(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.after if isinstance(error, _Again) else None
        reached = error.reached if isinstance(error, _Again) else True
        return (
            state.attempt_number >= (ATTEMPTS if reached else FEWER_ATTEMPTS)
            or (asked is not None and asked > LONGEST_ASKED)
            or state.idle_for + (asked or 0.0) > LONGEST_IN_ALL
        )

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        seconds = state.next_action.sleep if state.next_action is not None else 0.0
        self.waits.tell(f"{self.name}: waiting {_duration(seconds)} ({self.clean(str(error))})")

    def _client(self) -> httpx.Client:
        if self._http is None:
            httpx = _needed("httpx")
            _hide_queries()
            # a proxy of the environment is for other machines
            local = is_local(urlsplit(self.base_url).hostname or "")
            self._http = httpx.Client(
                timeout=httpx.Timeout(TIMEOUT, connect=CONNECT_TIMEOUT),
                follow_redirects=False,
                trust_env=not local,
            )
        return self._http


def checked_url(url: str, name: str, setting: str = BASE_URL) -> str:
    """Return an address without the slash at its end.

    Args:
        url: as it was given.
        name: of who is there: for messages.
        setting: in which it was given: likewise.

    Raises:
        InputError: it is none that a secret may be sent to.

    >>> checked_url("https://api.hubapi.com/", "HubSpot")
    'https://api.hubapi.com'
    >>> checked_url("http://example.com", "HubSpot")
    Traceback (most recent call last):
    ...
    attribution.errors.InputError: HubSpot: the base_url http://example.com would send the credentials \
where others can read them; allowed are https://HOST, and http:// to this machine only
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            f"{name}: the {setting} of {host!r} has more than a host and a path; write https://HOST"
        )
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_local(host))):
        raise InputError(
            f"{name}: the {setting} {url} would send the credentials where others can read them; "
            "allowed are https://HOST, and http:// to this machine only"
        )
    return url.rstrip("/")


def is_local(host: str) -> bool:
    """Tell whether a host is this machine.

    >>> is_local("127.0.0.1"), is_local("localhost"), is_local("localhost.example.com")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _words(body: Any) -> str:
    """Find the sentence in an error, wherever platforms put it."""
    if isinstance(body, str):
        return "" if body.lstrip().startswith("<") else body
    if isinstance(body, list):
        return _words(body[0]) if body else ""
    if isinstance(body, dict):
        for name in ("message", "error_description", "Message", "error", "detail", "errors"):
            if words := _words(body.get(name)):
                return words
    return ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`: seconds, or a date.

    >>> retry_after({"retry-after": "30"}), retry_after({})
    (30.0, None)
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text)) if float(text) < float("inf") else None
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None


def _host(headers: Mapping[str, str]) -> str:
    return urlsplit(headers.get("location", "")).hostname or "none named"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


class _WithoutQueries(logging.Filter):
    """Leaves out what stands behind the path in addresses that httpx logs: some are secrets themselves."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                str(one).partition("?")[0] if type(one).__name__ == "URL" else one for one in record.args
            )
        return True


def _hide_queries() -> None:
    # what a platform sends back holds tokens and addresses of people
    logging.getLogger("httpcore").setLevel(logging.INFO)
    logger = logging.getLogger("httpx")
    if not any(isinstance(one, _WithoutQueries) for one in logger.filters):
        logger.addFilter(_WithoutQueries())


def _needed(name: str) -> Any:
    """Import what only pulls need."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"pulling needs the package {name}; install it with: pip install 'closed-loop-attribution[pull]'"
        ) from None
