"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from attribution.errors import InputError


def replace_file(path: Path, content: bytes) -> Path:
    """Write a file, whole or not at all; an existing one is replaced.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); give a file in a folder that may be written to"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)  # mkstemp lets nobody else read, but a report is made to be handed on
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise InputError(
            f"cannot write {path} ({error.strerror}); free the disk or give another file"
        ) from error
    return path
