"""Time and peak memory of a whole process, as the operating system counts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One process from start to end."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def run(*command: str) -> Measured:
    """Run a command to its end; stops the benchmark if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{output.decode(errors='replace')}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def attribution(store: str, *arguments: str) -> Measured:
    """Run the engine's own command on a store."""
    return run(sys.executable, "-m", "attribution", "--store", store, *arguments)
