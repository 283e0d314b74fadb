"""Puts what a platform takes as a file into a folder: each request is one new file, whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attribution import clock
from attribution.destinations.file import File
from attribution.destinations.request import Reply, Request
from attribution.errors import InputError
from attribution.report.files import replace_file

WRITTEN, NOT_WRITTEN = 201, 507  # as HTTP says it


class FileSender:
    """Writes files into the folder of a destination.

    A file is named by the time and by what it holds, `20261105T120000.000000Z-google-conversions.csv`, so
    that names sort by time; none is ever replaced.

    Args:
        destination: with the setting `path`.

    Raises:
        InputError: there is no such folder.
    """

    def __init__(self, destination: File) -> None:
        self._folder = _folder(destination)
        if not self._folder.is_dir():
            raise InputError(
                f"the path of {destination.name} is {self._folder}, which is no folder; "
                "make it, or give another one"
            )

    def send(self, request: Request) -> Reply:
        """Write a file, and say how it is called or why there is none."""
        path = self._free(request.path)
        try:
            replace_file(path, request.body.encode())
        except InputError as error:
            return Reply(NOT_WRITTEN, str(error))
        return Reply(WRITTEN, {"file": path.name})

    def clean(self, text: str) -> str:
        """Return a text as it is: no secret is known here."""
        return text

    def close(self) -> None:
        """Nothing is open."""

    def _free(self, name: str) -> Path:
        """Return a path that nothing has."""
        instant = clock.from_micros(clock.now_micros()).strftime("%Y%m%dT%H%M%S.%fZ")
        path, number = self._folder / f"{instant}-{name}", 1
        while path.exists():
            number += 1
            path = self._folder / f"{instant}-{number}-{name}"
        return path


def shown_file(destination: File, request: Request) -> dict[str, Any]:
    """Return a file as `--dry-run` prints it: where it would be, its time left open, and its content."""
    return {
        "method": request.method,
        "url": str(_folder(destination) / f"TIME-{request.path}"),
        "headers": {},
        "body": request.body,
    }


def _folder(destination: File) -> Path:
    return Path(destination.setting("path")).expanduser()
