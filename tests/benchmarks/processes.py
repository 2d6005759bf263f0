"""What the kernel knows of our processes: memory and CPU time."""

import os
from pathlib import Path
from typing import Final

from services.cli.stack import Stack

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


def peak_mb(stack: Stack) -> dict[str, float]:
    """Return the largest resident memory that each process ever had, in MB of 10^6 bytes, by name."""
    return {process.name: _peak_kb(process.pid) * 1024 / 1e6 for process in stack.processes}


def cpu_s(stack: Stack) -> float:
    """Return CPU seconds, user and system, that all processes have used so far; counted in ticks of 10 ms."""
    return sum(_ticks(process.pid) for process in stack.processes) * _TICK_S


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def _ticks(pid: int) -> int:
    # The name, in brackets, may hold blanks; utime and stime are fields 14 and 15 of the line.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
