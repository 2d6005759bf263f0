"""Blocks in whatever order they came become one cross-section in symbol order."""

import numpy as np

from services.gateway.clients import ScoredBlock
from services.gateway.scored import Predictions, Scored
from services.market.vocabulary import Flag

NOTHING = Predictions({}, {})


def scored() -> Scored:
    """Give two blocks whose symbols interleave."""
    made = Scored()
    for symbols in (("C", "A"), ("D", "B")):
        flags = np.array([int(symbol == "D") for symbol in symbols], np.uint32)
        made.add(ScoredBlock(symbols, {"close": np.array([float(ord(symbol)) for symbol in symbols])}, flags, ()))
    return made


def test_columns_alphas_and_flags_follow_their_symbols() -> None:
    predictions = Predictions({"alpha_5": np.array([3.0, 1.0, 4.0, 2.0])}, {})
    found = scored().candidates(("close",), {}, predictions)
    assert found.symbols == ("A", "B", "C", "D")
    assert found.columns["close"].tolist() == [65, 66, 67, 68]
    assert found.alphas["alpha_5"].tolist() == [1, 2, 3, 4]
    assert found.flags.tolist() == [0, 0, 0, Flag.STALE_DATA]


def test_a_row_is_flagged_if_any_model_finds_it_unlike_its_training() -> None:
    outliers = {"alpha_5": np.array([True, False, False, False]), "alpha_10": np.array([True, False, True, False])}
    found = scored().candidates((), {}, Predictions({}, outliers))
    assert found.flags.tolist() == [0, 0, Flag.OUT_OF_DISTRIBUTION, Flag.OUT_OF_DISTRIBUTION | Flag.STALE_DATA]
    assert scored().candidates((), {}, NOTHING).flags.tolist() == [0, 0, 0, Flag.STALE_DATA]


def test_of_no_block_there_is_an_empty_cross_section() -> None:
    found = Scored().candidates(
        ("close",), {}, Predictions({"alpha_5": np.empty(0)}, {"alpha_5": np.empty(0, np.bool_)})
    )
    assert (found.symbols, found.flags.tolist(), found.columns["close"].tolist()) == ((), [], [])
