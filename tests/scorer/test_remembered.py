"""The bound on what the scorer remembers."""

import numpy as np

from services.market.omission import Omission
from services.market.panel import Panel
from services.market.scoring import ScoringConfig
from services.market.vocabulary import Reason
from services.scorer.block import ScoredBlock
from services.scorer.regime import CONTEXT_SYMBOLS
from services.scorer.remembered import Remembered, RememberedScorings, ScoreRequest
from services.scorer.scoring_run import find_context


def scoring(symbol_count: int) -> Remembered:
    symbols = tuple(f"S{number}" for number in range(symbol_count))
    block = ScoredBlock(symbols, np.zeros((symbol_count, 100)), np.zeros(symbol_count, np.uint32), ())
    return Remembered("first", (block,), {})


def test_what_was_asked_for_longest_ago_leaves_first() -> None:
    requests = [ScoreRequest((name,), "2025-07-09") for name in "ABC"]
    one = scoring(10)
    kept = RememberedScorings(2 * one.byte_count)
    for request in requests[:2]:
        kept.put(request, one)
    kept.put(requests[0], one)
    kept.put(requests[2], one)
    assert [kept.get(request) is not None for request in requests] == [True, False, True]


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    kept = RememberedScorings(scoring(10).byte_count)
    request = ScoreRequest(("A",), "")
    kept.put(request, scoring(10))
    kept.put(request, scoring(11))
    assert kept.get(request) is None


def test_what_is_remembered_keeps_no_bars_of_the_panel() -> None:
    bars = np.ones((5, 300, len(CONTEXT_SYMBOLS)))
    panel = Panel(CONTEXT_SYMBOLS, np.arange(300, dtype=np.int32), np.ones(300, np.bool_), bars)
    context = find_context(panel, ScoringConfig.load().history)
    assert tuple(context) == CONTEXT_SYMBOLS
    assert all(closes.base is None for closes in context.values())
    kept = Remembered("first", (), context)
    assert kept.byte_count == 8 * 300 * len(CONTEXT_SYMBOLS) + Remembered("first", (), {}).byte_count


def test_symbols_without_a_row_count_too() -> None:
    omissions = tuple(Omission(f"X{number}", Reason.NO_DATA) for number in range(1000))
    block = ScoredBlock((), np.empty((0, 100)), np.empty(0, np.uint32), omissions)
    assert Remembered("first", (block,), {}).byte_count > 100 * len(omissions)
