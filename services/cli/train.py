"""`technic train`: from a file of bars to models with cards. Puts fetcher, scorer and inference code together."""

import shutil
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.cli import exits
from services.cli.training_bars import StockBars, read_stocks
from services.cli.training_history import UNIVERSE_RULE, make_history
from services.inference.report import Source, card_json, card_markdown
from services.inference.train import Trained, train
from services.inference.training_set import TrainingSet
from services.inference.version_folder import CARD_FILE, MODEL_FILE, NOTES_FILE
from services.market.errors import LocalDataError
from services.market.scoring import ScoringConfig
from services.market.sessions import from_day_number
from services.scorer.engine import FactorEngine


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train, and where to put it."""

    bars: Path
    universe: Path | None
    out: Path
    horizons: tuple[int, ...]


def run(request: TrainRequest) -> int:
    """Train a model for each horizon; a model's files are there all at once or not at all.

    Raises:
        LocalDataError: a file is absent or unfit, or the folder cannot be written to.
        ModelUnusableError: a leak check failed.
    """
    began = time.monotonic()
    _make_folder(request.out)

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    say(f"reading {request.bars.name}")
    bars = read_stocks(request.bars, request.universe)
    stocks = bars.stocks
    say(f"{len(stocks.symbols):,} stocks, {len(stocks.session_days)} sessions")
    engine = FactorEngine(ScoringConfig.load())
    history = make_history(
        stocks, bars.benchmark, engine, lambda done, total: say(f"factors of {done:,} of {total:,} stocks")
    )
    for horizon in request.horizons:
        name = f"alpha_{horizon}"
        rows = history.rows(horizon)
        trained = train(rows, horizon, name, lambda text, name=name: say(f"{name}: {text}"))  # type: ignore[misc]  # mypy cannot infer lambdas with defaults
        folder = _write(request.out, trained, _source(bars, rows, trained))
        say(f"{name}: {folder}, {len(trained.content):,} bytes")
        print(f"{name}: {trained.card.training}")
    return exits.OK


def _source(bars: StockBars, rows: TrainingSet, trained: Trained) -> Source:
    days, sessions, blocks = bars.stocks.session_days, rows.sessions(), trained.evaluation.blocks
    first, last = _span(days, np.array([0, len(days) - 1]))
    return Source(
        files={file.name: file.sha256 for file in bars.files},
        universe_rule=UNIVERSE_RULE,
        first_day=first,
        last_day=last,
        learned=_span(days, sessions),
        tested=_span(days, np.array([blocks[0].begin, blocks[-1].end - 1])),
        rows=len(rows),
        sessions=len(sessions),
    )


def _span(days: NDArray[np.int32], positions: NDArray[np.int64]) -> tuple[date, date]:
    return from_day_number(int(days[positions[0]])), from_day_number(int(days[positions[-1]]))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalDataError(f"the folder {folder} cannot be made: {error.strerror}") from None


def _write(folder: Path, trained: Trained, source: Source) -> Path:
    """Write a version beside its place, then put it there; a folder that starts with a dot is no version."""
    place = folder / trained.card.name / str(trained.card.version)
    made = place.with_name(f".{place.name}")
    try:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        (made / MODEL_FILE).write_bytes(trained.content)
        (made / CARD_FILE).write_text(card_json(trained, source))
        (made / NOTES_FILE).write_text(card_markdown(trained, source))
        if place.exists():
            shutil.rmtree(place)
        made.rename(place)
    except OSError as error:
        raise LocalDataError(f"{place} cannot be written: {error.strerror}") from None
    return place
