"""What a source needs to be let in: from the environment, or from a file that nobody else can read.

Secrets are kept in :class:`Secret`, which shows nothing of itself, and are never written anywhere.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from attribution.errors import InputError, UnknownNameError

BASE_URL: Final = "base_url"
LOGIN_URL: Final = "login_url"  # of the host that gives tokens, where that is another
_ALWAYS: Final = (BASE_URL, LOGIN_URL)
_OTHERS: Final = 0o077  # what group and others may do with a file


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
    """

    name: str
    about: str
    required: bool = True
    secret: bool = True


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

    def lacking(self, names: Sequence[str]) -> InputError:
        """Return the error that says what is missing, and both ways to give it."""
        return InputError(f"{self.source} needs " + "; and ".join(self.places.get(n, n) for n in names))


def load_credentials(
    source: str, needs: Sequence[Need], *, environment: Mapping[str, str] | None = None
) -> Credentials:
    """Find what a source needs: the environment first, then the file.

    Args:
        source: its name, which is the file's section.
        needs: what there is; `base_url` and `login_url` may always be given.
        environment: that of the process by default.

    Raises:
        InputError: something required is nowhere, or the file cannot be used.
        UnknownNameError: the file's section says something that the source does not know.

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
    found: dict[str, str] = {}
    for name in [*known, *_ALWAYS]:
        text = environment.get(variable(source, name), "").strip() or said.get(name, "").strip()
        if text:
            found[name] = text
        if not (text.isascii() and text.isprintable()):
            raise InputError(
                f"{name} of {source} has a sign or a line break that cannot be sent; copy it again, as it is"
            )
    credentials = Credentials(
        source,
        {name: text for name, text in found.items() if name in _ALWAYS or not known[name].secret},
        {name: Secret(text) for name, text in found.items() if name not in _ALWAYS and known[name].secret},
        {need.name: _how(source, need, path) for need in needs},
    )
    lacking = [need.name for need in needs if need.required and need.name not in found]
    if lacking:
        raise credentials.lacking(lacking)
    return credentials


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


def _section(path: Path, source: str) -> dict[str, str]:
    """Read the part of the file that a source is given; nothing where there is no file."""
    try:
        if not path.is_file():
            return {}
        mode = path.stat().st_mode
        if os.name == "posix" and mode & _OTHERS:
            raise InputError(
                f"{path} holds secrets and others can read it (mode {mode & 0o777:03o}); "
                f"type: chmod 600 {path}"
            )
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML ({error.args[0]}); mend that place") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8; allowed is UTF-8, so save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    section = content.get(source, {})
    if not isinstance(section, dict):
        raise InputError(f'{path}: [{source}] is no section; write [{source}] and below it token = "..."')
    texts = {}
    for name, value in section.items():
        if isinstance(value, list):
            value = ",".join(str(one) for one in value)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InputError(
                f'{path}: {name} of [{source}] is no text; allowed is a text, as in {name} = "..."'
            )
        texts[name] = str(value)
    return texts
