"""What the gateway remembers of a scan, and for whom it holds."""

from dataclasses import replace

import numpy as np
import pytest

from services.gateway.clients import ScoredBlock
from services.gateway.models import Model, ModelTerms
from services.gateway.remembered import Remembered, RememberedScans, ScoreRequest
from services.gateway.scored import NOTHING, Predictions
from services.market.omission import Omission
from services.market.vocabulary import Reason

MODEL = Model("alpha_5", ModelTerms("alpha_5"), "1", "ab12", "cpu", ("rsi_14",), {"rsi_14": 1}, tells_outliers=True)


def scan(row_count: int, models: tuple[Model, ...] = (MODEL,)) -> Remembered:
    symbols = tuple(f"S{number}" for number in range(row_count))
    block = ScoredBlock(symbols, {"rsi_14": np.zeros(row_count)}, np.zeros(row_count, np.uint32), ())
    return Remembered("first", {"rsi_14": 1}, (block,), models, NOTHING)


def test_alphas_hold_for_the_same_files_only() -> None:
    assert scan(1).said_by((MODEL,))
    assert not scan(1).said_by((replace(MODEL, sha256="cd34"),))
    assert not scan(1).said_by((MODEL, MODEL))
    assert not scan(1).said_by(())


def test_alphas_of_a_server_that_does_not_tell_its_files_are_asked_for_again() -> None:
    unknown = replace(MODEL, sha256="")
    assert not scan(1, (unknown,)).said_by((unknown,))


@pytest.mark.parametrize("limit", [0, 1_000_000])
def test_scans_without_a_row_count_too(limit: int) -> None:
    symbols = [tuple(f"X{number}-{place}" for place in range(100)) for number in range(200)]
    kept = RememberedScans(limit)
    for some in symbols:
        omissions = tuple(Omission(symbol, Reason.UNKNOWN_SYMBOL) for symbol in some)
        block = ScoredBlock((), {}, np.zeros(0, np.uint32), omissions)
        request = ScoreRequest(some, "2025-07-09", False, False)
        kept.put(request, Remembered("first", {}, (block,), (), NOTHING))
    count = sum(kept.get(ScoreRequest(some, "2025-07-09", False, False)) is not None for some in symbols)
    assert count <= limit / 10_000
    assert (count > 0) == (limit > 0)


def test_what_was_asked_for_longest_ago_leaves_first_and_too_much_is_not_kept() -> None:
    requests = [ScoreRequest((name,), "2025-07-09", False, False) for name in "ABC"]  # two columns
    kept = RememberedScans(2 * scan(10).byte_count)
    for request in requests:
        kept.put(request, scan(10))
    assert [kept.get(request) is not None for request in requests] == [False, True, True]
    kept.put(requests[2], scan(200))
    assert kept.get(requests[2]) is None


def test_predictions_are_cut_and_joined_by_rows() -> None:
    both = Predictions({"alpha_5": np.arange(5.0)}, {"alpha_5": np.arange(5) % 2 == 0})
    joined = both.first(2).then(Predictions({"alpha_5": np.arange(2.0, 5)}, {"alpha_5": both.outliers["alpha_5"][2:]}))
    assert joined.alphas["alpha_5"].tolist() == both.alphas["alpha_5"].tolist()
    assert joined.outliers["alpha_5"].tolist() == both.outliers["alpha_5"].tolist()
    assert both.then(NOTHING) is both
