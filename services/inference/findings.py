"""All that is told of a trained model: what it is worth, what it was made from, how it does elsewhere."""

from dataclasses import dataclass
from datetime import date

from services.inference.appraise import Appraisal
from services.inference.train import Trained


@dataclass(frozen=True, slots=True)
class Source:
    """What a model was trained on, told without any path.

    Attributes:
        files: sha256 by name of file.
        universe_rule: which rows count.
        first_day: first session of the bars.
        last_day: last session of the bars.
        learned: first and last session that has rows.
        tested: first and last session that was predicted.
        rows: rows in all.
        sessions: sessions that have rows, 5 apart.
    """

    files: dict[str, str]
    universe_rule: str
    first_day: date
    last_day: date
    learned: tuple[date, date]
    tested: tuple[date, date]
    rows: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Era:
    """How the served models do on other bars, on sessions that they have not seen.

    Attributes:
        bars: name of the file of bars.
        sha256: of it.
        first: first session that was judged.
        last: last one.
        results: over the model's horizon, by name.
    """

    bars: str
    sha256: str
    first: date
    last: date
    results: dict[str, Appraisal]


@dataclass(frozen=True, slots=True)
class BasisGap:
    """How far alphas move if their features come from bars that are restated for dividends, too.

    Attributes:
        known: dividends within the bars.
        taken: those that the file of bars was restated for.
        rows: rows compared, all those of stocks that pay one of them.
        median: of the difference without its sign, a fraction of return.
        p95: of the same.
        deviation: standard deviation of the alphas themselves.
        rank_correlation: mean over sessions, of all stocks.
    """

    known: int
    taken: int
    rows: int
    median: float
    p95: float
    deviation: float
    rank_correlation: float


@dataclass(frozen=True, slots=True)
class Findings:
    """A trained model and what is known of it; `basis` is None where no dividends are."""

    trained: Trained
    source: Source
    eras: tuple[Era, ...]
    basis: BasisGap | None
