"""A result that is given again is the one that would be made anew, and is given for the very same evidence only."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from services.gateway.clients import ScoredBlock
from services.gateway.conclude import RANKED_COLUMNS, conclude, judge
from services.gateway.last import Evidence, LastResult, of_rows
from services.gateway.ledger import Ledger
from services.gateway.request import parse
from services.gateway.result_hash import result_hash
from services.gateway.scored import NOTHING, Predictions
from services.gateway.universe import Attributes, Listing, choose
from services.market.omission import Omission
from services.market.scoring import ScoringConfig
from services.market.vocabulary import Flag, Reason, SymbolType
from technic.v1 import gateway_service_pb2 as pb

CONFIG = ScoringConfig.load()
COMMON = SymbolType.COMMON
COLUMNS = dict.fromkeys(RANKED_COLUMNS, 1)
SYMBOLS = ("A", "B", "C", "D")


def block(seed: int = 1) -> ScoredBlock:
    random = np.random.default_rng(seed)
    columns = {name: random.uniform(1, 20, len(SYMBOLS)) for name in COLUMNS}
    return ScoredBlock(SYMBOLS, columns, np.zeros(len(SYMBOLS), np.uint32), ())


def evidence(**fields: Any) -> Evidence:
    request = of_rows(parse(pb.ScanUniverseRequest(**fields), CONFIG))
    return Evidence(request, COLUMNS, Flag(0), {"A": Attributes(sector="Energy")}, (block(),), NOTHING)


def test_the_same_evidence_is_judged_once_whatever_the_budget_and_the_count_of_rows() -> None:
    last, first = LastResult(keeps=True), evidence()
    judged = last.judged(first, CONFIG)
    again = replace(first, request=of_rows(parse(pb.ScanUniverseRequest(budget=Duration(seconds=3)), CONFIG)))
    assert last.judged(again, CONFIG) is judged
    assert last.judged(replace(again, request=of_rows(replace(again.request, top_count=7))), CONFIG) is judged


CHANGES: dict[str, dict[str, Any]] = {
    "request": {"request": evidence(profile="balanced").request},
    "columns": {"columns": COLUMNS | {"close": 2}},
    "flag": {"flag": Flag.LOOK_AHEAD_MODEL},
    "attributes": {"attributes": {"A": Attributes(sector="Energy")}},
    "blocks": {"blocks": (block(),)},
    "fewer blocks": {"blocks": ()},
    "predictions": {"predictions": Predictions({"alpha_5": np.arange(4.0), "alpha_10": np.arange(4.0)}, {})},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_other_evidence_is_judged_anew(change: dict[str, Any]) -> None:
    last, first = LastResult(keeps=True), evidence()
    judged = last.judged(first, CONFIG)
    other = replace(first, **change)
    anew, fresh = last.judged(other, CONFIG), LastResult(keeps=False).judged(other, CONFIG)
    assert anew is not judged
    assert anew.candidates.symbols == fresh.candidates.symbols
    assert anew.ranking.scores.tobytes() == fresh.ranking.scores.tobytes()
    assert anew.ranking.flags.tobytes() == fresh.ranking.flags.tobytes()


def test_whoever_keeps_nothing_judges_anew() -> None:
    last, first = LastResult(keeps=False), evidence()
    assert last.judged(first, CONFIG) is not last.judged(first, CONFIG)


def test_a_universe_is_made_up_anew_for_another_list_or_other_symbols_and_types() -> None:
    last, listing = LastResult(keeps=True), Listing("2025-09-30", "files", False, {"A": Attributes(type=COMMON)}, 0, 0)
    whole = parse(pb.ScanUniverseRequest(), CONFIG)
    first = last.universe(whole, listing)
    assert last.universe(replace(whole, budget_s=1.0), replace(listing, hit_count=3)) is first
    for request, listed in (
        (replace(whole, symbols=("A",)), listing),
        (replace(whole, types=frozenset()), listing),
        (whole, replace(listing, attributes=dict(listing.attributes))),
    ):
        again = last.universe(request, listed)
        assert again is not first
        assert again == choose(request, listed)
        last.universe(whole, listing)
    forgetful = LastResult(keeps=False)
    assert forgetful.universe(whole, listing) is not forgetful.universe(whole, listing)


def ledger(*omissions: Omission, symbols: tuple[str, ...] = (*SYMBOLS, "E")) -> Ledger:
    made = Ledger(symbols)
    for omission in omissions:
        made.omit(omission)
    return made


def test_a_ledger_is_closed_anew_if_it_says_anything_else() -> None:
    last, missing = LastResult(keeps=True), Omission("E", Reason.NO_DATA)
    judged = last.judged(evidence(), CONFIG)
    first = last.concluded(judged, ledger())
    assert last.concluded(judged, ledger()) is first
    for other in (ledger(missing), ledger(symbols=SYMBOLS), ledger(symbols=(*SYMBOLS, "F"))):
        expected = conclude(judged, copy.deepcopy(other))
        assert last.concluded(judged, other).omissions == expected.omissions != first.omissions
    assert last.concluded(judge(evidence().request, CONFIG, judged.candidates), ledger()) is not first
    assert LastResult(keeps=False).concluded(judged, ledger()) is not first


def test_the_hash_is_that_of_the_result_whatever_was_asked_before() -> None:
    last, first = LastResult(keeps=True), evidence()
    judged = last.judged(first, CONFIG)
    seen = []
    for ended in (conclude(judged, ledger()), conclude(judged, ledger(Omission("E", Reason.NO_DATA)))):
        for as_of in ("2025-09-29", "2025-09-30"):
            for versions in ({"config": "1"}, {"config": "2"}):
                for _ in range(2):
                    seen.append(last.hash(as_of, versions, ended))
                    assert seen[-1] == result_hash(as_of, versions, ended.candidates, ended.ranking, ended.omissions)
    assert len(set(seen)) == 8
