"""What the gateway remembers of a scan, and for whom it holds."""

from dataclasses import replace

import numpy as np

from services.gateway.clients import ScoredBlock
from services.gateway.models import Model, ModelTerms
from services.gateway.remembered import Remembered, RememberedScans, ScoreRequest
from services.gateway.scored import NOTHING, Predictions

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


def test_what_was_asked_for_longest_ago_leaves_first_and_too_much_is_not_kept() -> None:
    requests = [ScoreRequest((name,), "2025-07-09", False, False) for name in "ABC"]  # two columns
    kept = RememberedScans(2 * scan(10).byte_count)
    for request in requests:
        kept.put(request, scan(10))
    assert [kept.get(request) is not None for request in requests] == [False, True, True]
    kept.put(requests[2], scan(21))
    assert kept.get(requests[2]) is None


def test_predictions_are_cut_and_joined_by_rows() -> None:
    both = Predictions({"alpha_5": np.arange(5.0)}, {"alpha_5": np.arange(5) % 2 == 0})
    joined = both.first(2).then(Predictions({"alpha_5": np.arange(2.0, 5)}, {"alpha_5": both.outliers["alpha_5"][2:]}))
    assert joined.alphas["alpha_5"].tolist() == both.alphas["alpha_5"].tolist()
    assert joined.outliers["alpha_5"].tolist() == both.outliers["alpha_5"].tolist()
    assert both.then(NOTHING) is both
