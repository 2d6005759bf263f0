"""What `technic evaluate` found, and the same as a document for machines."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.inference.appraise import Appraisal
from services.inference.estimates import Estimate
from services.inference.evaluate import COST
from services.inference.plain import plain
from services.market.sessions import from_day_number

COST_BP: Final = round(COST * 1e4)
CAVEATS: Final = """\
Survivorship: a file of bars holds the names listed on the day of its dump, few that died. Real results are worse.
Prices are the file's, adjusted for splits and perhaps dividends to its end: the price floor knows the future.
Positions are entered at the very close that the numbers end with; market impact and borrowing cost nothing here.
A few hundred sessions are few independent periods of few market regimes: intervals are wide, the next years may differ.
Many numbers are looked at: one in twenty intervals leaves out 0 by chance alone.
""".splitlines()
METHOD: Final = (
    "Every 5th session after 252 of warm-up. IC: correlation within a session with returns winsorised at 1 and 99 %; "
    "Rank IC: of ranks; ICIR: mean over deviation. Intervals (95 %) and t: Newey and West, lags of three horizons, "
    "critical values of Kiefer and Vogelsang for few sessions. Tenths: equal weights, raw returns, periods that do not "
    "overlap."
)
ABOVE, BELOW, NOT_TOLD = "above 0", "below 0", "not told from 0"
"""What a 95 % interval says."""


@dataclass(frozen=True, slots=True)
class RatingReport:
    """An evaluation.

    Attributes:
        bars: what the files of bars are called together.
        files: sha256 by name of file, that of names and types among them.
        universe_rule: which rows count.
        stocks: symbols that may have rows.
        days: (session,) int32, all sessions of the bars.
        sessions: positions of the sessions that were looked at.
        horizons: sessions held.
        about: what each subject is, by name.
        results: by subject and horizon.
        notes: what a reader must know of this evaluation.
    """

    bars: str
    files: dict[str, str]
    universe_rule: str
    stocks: int
    days: NDArray[np.int32]
    sessions: NDArray[np.int64]
    horizons: tuple[int, ...]
    about: dict[str, str]
    results: dict[str, dict[int, Appraisal]]
    notes: tuple[str, ...]

    @property
    def main_horizon(self) -> int:
        """The horizon that is shown in detail: 10 if it is there, else the one in the middle."""
        return 10 if 10 in self.horizons else sorted(self.horizons)[len(self.horizons) // 2]

    def day(self, position: int) -> date:
        """Return the date of a session."""
        return from_day_number(int(self.days[position]))

    def span(self) -> tuple[date, date]:
        """Return the first and the last session that were looked at."""
        return self.day(int(self.sessions[0])), self.day(int(self.sessions[-1]))

    def summary(self) -> str:
        """Say in one line which Rank ICs are told from 0 over the main horizon."""
        said: dict[str, list[str]] = {ABOVE: [], BELOW: [], NOT_TOLD: []}
        for name, found in self.results.items():
            if self.main_horizon in found:
                said[verdict(found[self.main_horizon].skill.rank_ic)].append(name)
        parts = [f"{what}: {', '.join(names)}" for what, names in said.items() if names]
        return f"Rank IC over {self.main_horizon} sessions {'; '.join(parts)}."

    def document(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return {
            "bars": self.bars,
            "files": self.files,
            "universe_rule": self.universe_rule,
            "stocks": self.stocks,
            "first_session": self.span()[0].isoformat(),
            "last_session": self.span()[1].isoformat(),
            "session_count": len(self.sessions),
            "cost_bp_a_side": COST_BP,
            "method": METHOD,
            "summary": self.summary(),
            "subjects": {
                name: {"about": self.about[name], "horizons": {str(h): self._appraisal(a) for h, a in found.items()}}
                for name, found in self.results.items()
            },
            "notes": list(self.notes),
            "caveats": list(CAVEATS),
        }

    def _appraisal(self, appraisal: Appraisal) -> dict[str, Any]:
        fields: dict[str, Any] = plain(asdict(appraisal))
        fields["sessions"] = [self.day(position).isoformat() for position in fields.pop("positions")]
        return fields


def verdict(rank_ic: Estimate) -> str:
    """Say whether an interval leaves out 0."""
    if rank_ic.low > 0:
        return ABOVE
    return BELOW if rank_ic.high < 0 else NOT_TOLD
