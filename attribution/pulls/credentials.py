"""What a source needs to be let in: from the environment, or from a file that nobody else can read.

Secrets are kept in :class:`Secret`, which shows nothing of itself, and are never written anywhere.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from attribution.errors import InputError, UnknownNameError
from attribution.pulls.forms import Form

BASE_URL: Final = "base_url"
LOGIN_URL: Final = "login_url"  # of the host that gives tokens, where that is another
_ALWAYS: Final = (BASE_URL, LOGIN_URL)
_OTHERS: Final = 0o077  # what group and others may do with a file


class LackingError(InputError):
    """Something that is needed is nowhere.

    Attributes:
        names: of what is needed.
    """

    def __init__(self, words: str, names: Sequence[str]) -> None:
        super().__init__(words)
        self.names = tuple(names)


class Secret:
    """A text that no message, log or trace shows.

    >>> token = Secret("abc")
    >>> token, f"{token}", token.reveal()
    (***, '***', 'abc')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, to be sent."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True)
class Need:
    """One thing that a source has to be told.

    Attributes:
        name: as in the file; in capitals in the environment.
        about: what it is, for somebody who has to find it.
        required: whether nothing works without it.
        secret: whether it must never be shown.
        form: how it has to look, where that is known for certain.
    """

    name: str
    about: str
    required: bool = True
    secret: bool = True
    form: Form | None = None


@dataclass(frozen=True)
class Credentials:
    """What was found for one source.

    Attributes:
        source: its name.
        values: what is no secret, by name.
        secrets: what is.
        places: where more can be written, in words: for messages.
    """

    source: str
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str | None:
        """Return what is no secret, or None."""
        return self.values.get(name)

    def secret(self, name: str) -> Secret:
        """Return a secret.

        Raises:
            InputError: it is nowhere; says both places where it may stand.
        """
        if name not in self.secrets:
            raise self.lacking([name])
        return self.secrets[name]

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list that is written with commas.

        >>> Credentials("meta", {"account_ids": "1, 2"}).words("account_ids")
        ('1', '2')
        """
        return tuple(word for text in self.values.get(name, "").split(",") if (word := text.strip()))

    def lacking(self, names: Sequence[str]) -> LackingError:
        """Return the error that says what is missing, and both ways to give it."""
        told = "; and ".join(self.places.get(n, n) for n in names)
        return LackingError(f"{self.source} needs {told}", names)


def load_credentials(
    source: str,
    needs: Sequence[Need],
    *,
    any_of: Sequence[str] = (),
    others: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Credentials:
    """Find what a source needs: the environment first, then the file.

    Args:
        source: its name, which is the file's section.
        needs: what there is; `base_url` and `login_url` may always be given.
        any_of: names of needs of which one at least is required; the first is the example.
        others: names of sources; variables of one whose name begins with this one's are no business of it.
        environment: that of the process by default.

    Raises:
        LackingError: something required is nowhere.
        InputError: something has not the form that it has to have, or the file cannot be used.
        UnknownNameError: the file's section or the environment says something that the source does not know.

    >>> found = load_credentials(
    ...     "hubspot",
    ...     [Need("token", "the access token of a private app")],
    ...     environment={"ATTRIBUTION_HUBSPOT_TOKEN": "abc", "ATTRIBUTION_CREDENTIALS": "/dev/null"},
    ... )
    >>> found.secrets
    {'token': ***}
    """
    environment = os.environ if environment is None else environment
    path = credentials_path(environment)
    said = _section(path, source)
    known = {need.name: need for need in needs}
    for name in said:
        if name not in _ALWAYS and name not in known:
            raise UnknownNameError(f"entry of [{source}] in {path}", name, [*known, *_ALWAYS])
    _refuse_unknown(source, [*known, *_ALWAYS], others, environment)
    found: dict[str, str] = {}
    for name in [*known, *_ALWAYS]:
        text = environment.get(variable(source, name), "").strip() or said.get(name, "").strip()
        if text:
            found[name] = text
        # headers and addresses are ASCII; what a conversion counts as may be called as people write
        sent = name in _ALWAYS or known[name].secret
        if not text.isprintable() or (sent and not text.isascii()):
            raise InputError(
                f"{name} of {source} has a sign or a line break that cannot be sent; copy it again, as it is"
            )
    wrong = []
    for need in needs:
        if need.form is None or need.name not in found:
            continue
        read = need.form.read(found[need.name])
        if read is None:
            wrong.append(_misshapen(source, need, need.form, found[need.name], path, environment))
        else:
            found[need.name] = read
    if wrong:
        raise InputError("; and ".join(wrong))
    credentials = Credentials(
        source,
        {name: text for name, text in found.items() if name in _ALWAYS or not known[name].secret},
        {name: Secret(text) for name, text in found.items() if name not in _ALWAYS and known[name].secret},
        {need.name: _how(source, need, path) for need in needs},
    )
    lacking = [need.name for need in needs if need.required and need.name not in found]
    if any_of and found.keys().isdisjoint(any_of):
        lacking.append(any_of[0])
    if lacking:
        raise credentials.lacking(lacking)
    return credentials


def unclaimed(
    prefix: str, names: Mapping[str, Iterable[str]], environment: Mapping[str, str] | None = None
) -> list[str]:
    """Tell of variables and sections that begin like those of sources and are of none.

    Args:
        prefix: what the names of these sources begin with, such as `send_`.
        names: each source -> the names of what it can be told.
        environment: that of the process by default.

    Returns:
        A sentence for each, without any value.

    Raises:
        InputError: the file cannot be used.

    >>> said = {"ATTRIBUTION_CREDENTIALS": "/dev/null", "ATTRIBUTION_SEND_METTA_TOKEN": "abc"}
    >>> unclaimed("send_", {"send_meta": ["token"]}, said)
    ['ATTRIBUTION_SEND_METTA_TOKEN is read by nobody; did you mean ATTRIBUTION_SEND_META_TOKEN?']
    """
    environment = os.environ if environment is None else environment
    path = credentials_path(environment)
    mine = tuple(variable(source, "") for source in names)
    known = [variable(source, name) for source, all_names in names.items() for name in (*all_names, *_ALWAYS)]
    begins = variable(prefix.rstrip("_"), "")
    found = []
    for name in sorted(environment):
        if name.startswith(begins) and not name.startswith(mine):
            found.append(f"{name} is read by nobody{_nearest(name, known)}")
    for section in _content(path):
        if section.startswith(prefix) and section not in names:
            near = get_close_matches(section, names, n=1)
            meant = f"; did you mean [{near[0]}]?" if near else ""
            found.append(f"[{section}] in {path} is read by nobody{meant}")
    return found


def variable(source: str, name: str) -> str:
    """Return the name of a variable of the environment.

    >>> variable("google_ads", "developer_token")
    'ATTRIBUTION_GOOGLE_ADS_DEVELOPER_TOKEN'
    """
    return f"ATTRIBUTION_{source}_{name}".upper()


def credentials_path(environment: Mapping[str, str] | None = None) -> Path:
    """Return where the file of credentials is, or would be."""
    environment = os.environ if environment is None else environment
    if given := environment.get("ATTRIBUTION_CREDENTIALS"):
        return Path(given).expanduser()
    folder = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "attribution" / "credentials.toml"


def _how(source: str, need: Need, path: Path) -> str:
    return (
        f"{need.name} ({need.about}): set {variable(source, need.name)}, "
        f'or write {need.name} = "..." under [{source}] in {path}'
    )


def _refuse_unknown(
    source: str, names: Sequence[str], others: Iterable[str], environment: Mapping[str, str]
) -> None:
    """Refuse a variable that is meant for a source and says nothing that it knows.

    Raises:
        UnknownNameError: there is one.
    """
    begins = variable(source, "")
    longer = tuple(variable(other, "") for other in others if other.startswith(f"{source}_"))
    allowed = [name.upper() for name in names]
    for name in sorted(environment):
        said = name.removeprefix(begins)
        if said == name or said in allowed or name.startswith(longer) or not environment[name].strip():
            continue
        raise UnknownNameError(f"name after {begins} in the environment", said, allowed)


def _misshapen(
    source: str, need: Need, form: Form, text: str, path: Path, environment: Mapping[str, str]
) -> str:
    """Return the sentence about a value that has not the form of its kind; a secret is not shown."""
    named = variable(source, need.name)
    place = named if environment.get(named, "").strip() else f"{need.name} under [{source}] in {path}"
    said = "not what it has to be" if need.secret else repr(text)
    return f"{need.name} of {source} is {said}; allowed is {form.words}: {form.advice}mend {place}"


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _section(path: Path, source: str) -> dict[str, str]:
    """Read the part of the file that a source is given; nothing where there is no file."""
    section = _content(path).get(source, {})
    if not isinstance(section, dict):
        raise InputError(f'{path}: [{source}] is no section; write [{source}] and below it token = "..."')
    return dict(_texts(path, source, section))


def _content(path: Path) -> dict[str, Any]:
    """Read the file; nothing where there is none."""
    try:
        if not path.is_file():
            return {}
        mode = path.stat().st_mode
        if os.name == "posix" and mode & _OTHERS:
            raise InputError(
                f"{path} holds secrets and others can read it (mode {mode & 0o777:03o}); "
                f"type: chmod 600 {path}"
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML ({error.args[0]}); mend that place") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8; allowed is UTF-8, so save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None


def _texts(path: Path, source: str, section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in section.items():
        if isinstance(value, list):
            value = ",".join(str(one) for one in value)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InputError(
                f'{path}: {name} of [{source}] is no text; allowed is a text, as in {name} = "..."'
            )
        yield name, str(value)
