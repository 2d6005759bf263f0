"""However a scan goes, it adds up: ten thousand random ones, with faults, through universe, ranking and ledger."""

from collections import Counter
from random import Random
from typing import Final

import numpy as np

from services.gateway.clients import ScoredBlock
from services.gateway.conclude import RANKED_COLUMNS, Conclusion, conclude, gather, judge
from services.gateway.ledger import Ledger
from services.gateway.plans import COLUMNS
from services.gateway.request import ScanRequest
from services.gateway.scored import Predictions, Scored
from services.gateway.selection import Filter, PlanOptions, Selection, Sort
from services.gateway.universe import Attributes, Listing, Universe, choose
from services.market.omission import Omission
from services.market.scoring import ScoringConfig
from services.market.vocabulary import DEFAULT_TYPES, Reason, SymbolType

CONFIG: Final = ScoringConfig.load()
NAMES: Final = tuple(dict.fromkeys((*RANKED_COLUMNS, *COLUMNS, "rsi_14", "mom_12_1")))
NUMBERS: Final = ("rsi_14", "close", "score", "market_cap", "alpha_5", "momentum_percentile", "trend_score")
FAULTS: Final = (Reason.NO_DATA, Reason.STALE_DATA, Reason.PROVIDER_UNAVAILABLE, Reason.TOO_LITTLE_HISTORY)
FILTERED: Final = {reason for reason in Reason if reason.name.startswith("FILTERED_")}


def random_listing(random: Random) -> Listing:
    attributes = {
        f"S{number}": Attributes(
            type=random.choice((SymbolType.COMMON, SymbolType.ETF, SymbolType.UNKNOWN)),
            sector=random.choice(("Finance", "Energy", "")),
            market_cap=random.choice((float("nan"), 1e6, 1e9, 1e12)),
            exchange=random.choice(("XNYS", "XNAS", "")),
            industry=random.choice(("Major Banks", "Oil", "")),
        )
        for number in range(random.randrange(30))
    }
    return Listing("2025-09-30", "simulated", simulated=True, attributes=attributes, request_total=0, hit_count=0)


def random_filter(random: Random) -> Filter:
    least, most = sorted(random.gauss(20, 40) for _ in range(2))
    return Filter(random.choice(NUMBERS), least, most)


def random_request(random: Random) -> ScanRequest:
    symbols = tuple({f"S{random.randrange(40)}" for _ in range(random.randrange(30))} | {"no symbol"})
    return ScanRequest(
        symbols=random.choice(((), symbols)),
        types=random.choice((DEFAULT_TYPES, frozenset(SymbolType))),
        as_of="",
        budget_s=90.0,
        top_count=0,
        profile=random.choice(tuple(CONFIG.profiles)),
        include_ledger=True,
        factors=(),
        style=random.choice(tuple(CONFIG.styles)),
        selection=Selection(
            filters=tuple(random_filter(random) for _ in range(random.randrange(3))),
            exchanges=random.choice(((), ("XNYS",))),
            sectors=random.choice(((), ("Finance",))),
            industries=random.choice(((), ("Oil",))),
            sort=random.choice((None, Sort(random.choice((*NUMBERS, "sector", "symbol")), random.random() < 0.5))),
            max_per_sector=random.choice((0, 1, 3)),
            include_shorts=random.random() < 0.5,
        ),
        plans=random.choice((None, PlanOptions())),
    )


def score(
    random: Random, universe: Universe, ledger: Ledger, scored: Scored
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Score the universe in blocks; some symbols fail, and the budget may end before the last block, or the first.

    Return the names of the columns, if they came, and the alphas, if the models answered.
    """
    values, symbols = np.random.default_rng(random.randrange(2**32)), list(universe.symbols)
    count, columns = 0, random.choice(((), NAMES))
    while symbols and random.random() < 0.9:
        block, symbols = symbols[:8], symbols[8:]
        failed = [symbol for symbol in block if random.random() < 0.1]
        there = tuple(symbol for symbol in block if symbol not in failed)
        matrix = values.normal(20, 20, (len(NAMES), len(there)))
        matrix[values.random(matrix.shape) < 0.05] = np.nan
        omissions = tuple(Omission(symbol, random.choice(FAULTS)) for symbol in failed)
        flags = np.zeros(len(there), np.uint32)
        scored.add(ScoredBlock(there, dict(zip(NAMES, matrix, strict=True)), flags, omissions))
        for omission in omissions:
            ledger.omit(omission)
        count, columns = count + len(there), NAMES
    return columns, random.choice(({}, {role: values.normal(size=count) for role in ("alpha_5", "alpha_10")}))


def random_scan(random: Random) -> tuple[ScanRequest, Universe, Conclusion]:
    request, listing = random_request(random), random_listing(random)
    universe = choose(request, listing)
    ledger, scored = Ledger(universe.requested), Scored()
    for omission in universe.omissions:
        ledger.omit(omission)
    columns, alphas = score(random, universe, ledger, scored)
    candidates = gather(request, scored, columns, listing.attributes, Predictions(alphas, {}))
    return request, universe, conclude(judge(request, CONFIG, candidates), ledger)


def test_ten_thousand_random_scans_add_up() -> None:
    seen: Counter[Reason] = Counter()
    row_count = short_count = plan_count = 0
    for seed in range(10_000):
        request, universe, ended = random_scan(Random(seed))  # noqa: S311  # a test's, not a secret
        rows = [ended.candidates.symbols[row] for row in ended.ranking.rows]
        omitted = [omission.symbol for omission in ended.omissions]
        assert universe.requested_count == len(rows) + len(omitted)
        assert sorted(rows + omitted) == sorted(universe.requested)
        scored = set(ended.candidates.symbols)
        for omission in ended.omissions:
            filtered = omission.reason in FILTERED
            assert bool(omission.filter) == filtered
            assert (omission.symbol in scored) == (filtered and omission.reason is not Reason.FILTERED_TYPE)
            assert filtered == (omission.value is not None or omission.attribute != "")
            seen[omission.reason] += 1
        assert request.selection.include_shorts or not len(ended.ranking.shorts)
        row_count, short_count = row_count + len(rows), short_count + len(ended.ranking.shorts)
        plan_count += 0 if ended.plans is None else int((ended.plans.no_plans == 0).sum())
    assert min(row_count, short_count, plan_count) > 300
    assert set(seen) == {Reason.BUDGET_SPENT, Reason.UNKNOWN_SYMBOL, *FAULTS, *FILTERED}
