"""What the kernel tells of processes over time: descriptors, threads, memory."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.campaign.table import Row

TELLING: Final = 500
"""Things from which on a slope is more than noise."""


@dataclass(slots=True)
class Growth:
    """Samples of one process.

    Attributes:
        name: of the process.
        pid: its number.
        at: how many things had been done at each sample.
        descriptors: open at each.
        threads: running at each.
        memory_mb: resident at each, MB of 10^6 bytes.
    """

    name: str
    pid: int
    at: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)

    def look(self, done_count: int) -> None:
        """Take a sample after so many things."""
        folder = Path(f"/proc/{self.pid}")
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        self.at.append(done_count)
        self.descriptors.append(len(list((folder / "fd").iterdir())))
        self.threads.append(int(status["Threads"]))
        self.memory_mb.append(int(status["VmRSS"].split()[0]) * 1024 / 1e6)

    @property
    def slope(self) -> float | None:
        """Growth of memory in percent of its mean per 1,000 things, by the straight line through the later half.

        None after fewer than TELLING things.
        """
        if self.at[-1] < TELLING:
            return None
        half = len(self.at) // 2
        at, memory_mb = self.at[half:], self.memory_mb[half:]
        return 1_000 * statistics.linear_regression(at, memory_mb).slope / statistics.mean(memory_mb) * 100

    def rows(self, what: str) -> Iterator[Row]:
        """Give the rows of descriptors, held against the first sample, and of memory, by its slope."""
        name = f"{what}: {self.name}"
        more = tuple(float(count - self.descriptors[0]) for count in self.descriptors)
        note = f"{self.descriptors[0]} at first, {self.threads[0]} threads at first and {self.threads[-1]} at last"
        yield Row(f"{name}, descriptors more", "", more, "<= 2 at last", ok=more[-1] <= 2, note=note)
        slope = self.slope
        note = "too few for a slope" if slope is None else f"{slope:+.2f} % per 1,000 over the later half"
        memory_mb, fine = tuple(self.memory_mb), slope is None or slope < 1
        yield Row(f"{name}, memory", "MB", memory_mb, "< 1 % per 1,000", ok=fine, note=note)
