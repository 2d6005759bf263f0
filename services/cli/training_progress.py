"""Shows on stderr how a training goes: a live bar of the stage on a terminal, else a line for each step."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from services.inference.keep import Say


@contextmanager
def open_training_view(stream: TextIO) -> Iterator[Say]:
    """Give what to tell each step: a text, and where they are known the steps done and all of them."""
    if not stream.isatty():
        yield _lines(stream)
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    ) as progress:
        task = progress.add_task("", total=None)

        def show(text: str, done: int = 0, total: int = 0) -> None:
            progress.update(task, description=text, completed=done, total=total or None)

        yield show


def _lines(stream: TextIO) -> Say:
    """Print each text once, with the seconds since the beginning."""
    began, last = time.monotonic(), ""

    def show(text: str, done: int = 0, total: int = 0) -> None:  # noqa: ARG001  # the text tells the steps
        nonlocal last
        if text != last:
            last = text
            print(f"{time.monotonic() - began:6.1f} s  {text}", file=stream, flush=True)

    return show
