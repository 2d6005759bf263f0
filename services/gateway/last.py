"""What the last scan came to: a scan of the same rows, asked for in the same way, comes to the same.

What was made is given again for the very objects that it was made of, not for such as look alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import is_
from typing import TYPE_CHECKING

from services.gateway.conclude import Judged, conclude, gather, judge
from services.gateway.result_hash import result_hash
from services.gateway.scored import Scored
from services.gateway.universe import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.gateway.clients import ScoredBlock
    from services.gateway.conclude import Conclusion
    from services.gateway.ledger import Ledger
    from services.gateway.request import ScanRequest
    from services.gateway.scored import Predictions
    from services.gateway.universe import Attributes, Listing, Universe
    from services.market.omission import Omission
    from services.market.scoring import ScoringConfig
    from services.market.vocabulary import Flag, SymbolType

    _Asked = tuple[tuple[str, ...], frozenset[SymbolType]]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that candidates are judged by. Nobody changes what is in it.

    Attributes:
        request: as `of_rows` gives it.
        columns: version of the formula by column.
        flag: what all candidates are flagged with.
        attributes: by symbol.
        blocks: those with rows, in the order in which they came.
        predictions: what the models said of them.
    """

    request: ScanRequest
    columns: Mapping[str, int]
    flag: Flag
    attributes: Mapping[str, Attributes]
    blocks: tuple[ScoredBlock, ...]
    predictions: Predictions

    def is_that_of(self, other: Evidence) -> bool:
        """Tell whether this is the same evidence: the very same blocks, attributes and predictions, not equal ones."""
        return (
            (self.request, self.columns, self.flag) == (other.request, other.columns, other.flag)
            and self.attributes is other.attributes
            and self.predictions is other.predictions
            and len(self.blocks) == len(other.blocks)
            and all(map(is_, self.blocks, other.blocks))
        )


def of_rows(request: ScanRequest) -> ScanRequest:
    """Return a request without what changes no row: time, and how much of the answer is told."""
    return replace(request, budget_s=0.0, top_count=0, include_ledger=False)


class LastResult:
    """Makes up universes, judges evidence and closes ledgers, and keeps what came of the last one each, if `keeps`."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._chosen: tuple[Mapping[str, Attributes], _Asked, Universe] | None = None
        self._judged: tuple[Evidence, Judged] | None = None
        self._concluded: tuple[Judged, tuple[dict[str, None], dict[str, Omission]], Conclusion] | None = None
        self._hash: tuple[tuple[str, Mapping[str, str]], Conclusion, str] | None = None

    def __repr__(self) -> str:
        return f"LastResult({'empty' if self._judged is None else self._judged[1].candidates.symbols[:1]})"

    def universe(self, request: ScanRequest, listing: Listing) -> Universe:
        """Make up the universe of a request; arguments as of `choose`."""
        last, asked = self._chosen, (request.symbols, request.types)
        if last is not None and last[0] is listing.attributes and last[1] == asked:
            return last[2]
        universe = choose(request, listing)
        if self._keeps:
            self._chosen = listing.attributes, asked, universe
        return universe

    def judged(self, evidence: Evidence, config: ScoringConfig) -> Judged:
        """Return what the candidates are judged to be; the same as last time for the same evidence."""
        if self._judged is not None and evidence.is_that_of(self._judged[0]):
            return self._judged[1]
        scored = Scored(evidence.blocks)
        candidates = gather(
            evidence.request, scored, evidence.columns, evidence.attributes, evidence.predictions, evidence.flag
        )
        judged = judge(evidence.request, config, candidates)
        if self._keeps:
            self._judged = evidence, judged
        return judged

    def concluded(self, judged: Judged, ledger: Ledger) -> Conclusion:
        """Close a ledger with what was judged; arguments as of `conclude`."""
        if not self._keeps:
            return conclude(judged, ledger)
        last, state = self._concluded, ledger.state()
        if last is not None and last[0] is judged and last[1] == state:
            return last[2]
        self._concluded = judged, state, conclude(judged, ledger)
        return self._concluded[2]

    def hash(self, as_of: str, versions: Mapping[str, str], ended: Conclusion) -> str:
        """Return the hash of a result; arguments as of `result_hash`."""
        key = as_of, versions
        if self._hash is not None and self._hash[0] == key and _says_the_same(self._hash[1], ended):
            return self._hash[2]
        found = result_hash(as_of, versions, ended.candidates, ended.ranking, ended.omissions)
        if self._keeps:
            self._hash = key, ended, found
        return found


def _says_the_same(one: Conclusion, other: Conclusion) -> bool:
    same_rows = one.candidates is other.candidates and one.ranking is other.ranking
    return same_rows and one.omissions == other.omissions
