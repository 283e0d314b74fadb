"""Time and peak memory: of a whole process as the system counts them, or of a piece of work within one."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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


# Glibc gives freed memory back to the system and asks for it again, which costs more or less on every
# machine (thirty times as much where a virtual machine's memory is reclaimed); engines with a pool of their
# own do not. So that repetitions are alike for all, freed memory stays with every child.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**33), "MALLOC_TRIM_THRESHOLD_": str(2**34)}


@dataclass(frozen=True)
class Job:
    """What one piece of work in a process of its own told of itself: see :func:`tell`."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    found: dict[str, Any]


def tell(work: Callable[[], dict[str, Any]], repeat: int = 1) -> None:
    """In the child: do the work, and print its times (best of some), peak memory and what it found.

    Imports and whatever was read before are in neither figure: memory is the highest resident set while
    working less the one before (Linux; elsewhere the highest of the process).
    """
    seconds, cpu_seconds, peak_mb = float("inf"), float("inf"), 0.0
    gc.collect()
    _give_back()
    for _ in range(repeat):
        gc.collect()
        before = _resident_mb(start=True)
        start, cpu = time.perf_counter(), time.process_time()
        found = work()
        seconds = min(seconds, time.perf_counter() - start)
        cpu_seconds = min(cpu_seconds, time.process_time() - cpu)
        peak_mb = max(peak_mb, _resident_mb() - before)
    told = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_mb, "found": found}
    print("\n" + json.dumps(told))


def ask(*command: str, seconds: float = 600, gigabytes: float = 16) -> Job | str:
    """Run a child that tells; what it told, or `did not finish (why)` if it failed, hung or grew."""
    cap = int(gigabytes * 2**30)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=os.environ | KEEP_MEMORY,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (cap, cap)),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"did not finish ({seconds:.0f} s)"
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return f"did not finish ({reason[:60]})"
    return Job(**json.loads(lines[-1]))


def _give_back() -> None:
    """Return what reading left free to the system, or the work would seem to need less."""
    with suppress(OSError, AttributeError):  # only glibc can
        ctypes.CDLL(None).malloc_trim(0)


def _resident_mb(start: bool = False) -> float:
    """Return the resident set now if this is a start, else its highest value since the start."""
    try:
        if start:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:" if start else "VmHWM:")[1].split()[0]) / 1024
    except OSError:
        return 0.0 if start else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
