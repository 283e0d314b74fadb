"""The script that draws charts in a browser, as one text: Vega, Vega-Lite and Vega-Embed.

Putting it together takes more than a second, and holds the interpreter's lock. A page that has much to
compute first has another process do it meanwhile (a report over a million touches: 10.4 s against 9.1 s).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

import vl_convert

_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
# the interpreter, and no program that has one inside; -P: what lies in the working folder is not imported
_COMMAND: Final = [
    sys.executable, "-P", "-c",
    f"import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle({_SNIPPET!r}).encode())",
]  # fmt: skip
_running: list[subprocess.Popen[bytes]] = []


@contextmanager
def made_meanwhile() -> Iterator[None]:
    """Have another process make the script for the first :func:`drawing_library` of a `with` block."""
    if drawing_library.cache_info().currsize or not Path(sys.executable).name.startswith("python"):
        yield
        return
    with suppress(OSError):  # no process may be had: it is made here then
        _running.append(
            subprocess.Popen(
                _COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        )
    try:
        yield
    finally:
        while _running:
            child = _running.pop()
            child.kill()
            child.communicate()


@cache
def drawing_library() -> str:
    """Return the script, such as may stand inside a script element."""
    made = ""
    if _running:
        child = _running.pop()
        out, _ = child.communicate()
        made = out.decode() if child.returncode == 0 else ""
    return (made or str(vl_convert.javascript_bundle(_SNIPPET))).replace("</script", "<\\/script")
