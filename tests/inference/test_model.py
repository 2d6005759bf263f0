"""A model predicts every row alone: bit for bit the same in any batch and thread."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xgboost

from services.inference.card import Card
from services.inference.model import Model
from services.market.errors import InvalidRequestError
from tests.inference.conftest import FEATURES, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARKET = 6_000
"""Rows of a scan of the whole market."""


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    return train(len(FEATURES))


@pytest.fixture(scope="module")
def model(booster: xgboost.Booster) -> Model:
    content = bytes(booster.save_raw("ubj"))
    return Model(Card("alpha_5", 1, 5, FEATURES, 0.5, hashlib.sha256(content).hexdigest(), "tests"), content)


def test_alphas_are_those_of_the_library(model: Model, booster: xgboost.Booster, block: NDArray[np.float32]) -> None:
    oracle = booster.predict(xgboost.DMatrix(block, nthread=1))
    np.testing.assert_array_equal(model.predict(block), oracle)
    assert len(np.unique(oracle)) > 100


def test_every_batch_size_gives_the_bits_of_single_rows_in_two_threads(
    model: Model, block: NDArray[np.float32]
) -> None:
    single = np.concatenate([model.predict(block[row : row + 1]) for row in range(len(block))])

    def agrees(size: int) -> bool:
        batch = model.predict(block[:size])
        return batch.tobytes() == single[:size].tobytes()

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(agrees, range(1, len(block) + 1)))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_no_size_up_to_a_whole_market_and_no_number_of_threads_changes_a_bit(
    threads: int, model: Model, booster: xgboost.Booster
) -> None:
    """XGBoost walks trees in blocks of rows: the sizes around whole blocks are where it would show."""
    rows = np.random.default_rng(3).standard_normal((MARKET, len(FEATURES))).astype(np.float32)
    rows[::7, 1] = np.nan
    single = np.concatenate([model.predict(rows[row : row + 1]) for row in range(MARKET)]).tobytes()
    threaded = booster.copy()
    threaded.set_param({"nthread": threads})
    sizes = {size + shift for size in (*range(0, MARKET, 256), *range(0, MARKET, 64 * 9)) for shift in (-1, 0, 1)}
    for size in sorted({*sizes, MARKET} & set(range(1, MARKET + 1))):
        assert threaded.inplace_predict(rows[:size]).tobytes() == single[: 4 * size]
        assert model.predict(rows[MARKET - size :]).tobytes() == single[4 * (MARKET - size) :]


def test_neither_order_nor_layout_nor_neighbours_change_a_row(model: Model, block: NDArray[np.float32]) -> None:
    alphas = model.predict(block)
    order = np.random.default_rng(1).permutation(len(block))
    np.testing.assert_array_equal(model.predict(block[order]), alphas[order])
    np.testing.assert_array_equal(model.predict(np.asfortranarray(block)), alphas)
    np.testing.assert_array_equal(model.predict(np.repeat(block, 2, axis=0)[::2]), alphas)


def test_no_rows_give_no_alphas(model: Model) -> None:
    assert model.predict(np.empty((0, len(FEATURES)), np.float32)).shape == (0,)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (3,), (0, 0)])
def test_another_width_is_refused(shape: tuple[int, ...], model: Model) -> None:
    with pytest.raises(InvalidRequestError, match="takes 3 features"):
        model.predict(np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_value_is_refused_by_name_and_row(value: float, model: Model, block: NDArray[np.float32]) -> None:
    block[17, 1] = value
    with pytest.raises(InvalidRequestError, match="mom_12_1 is infinite as FP32 in row 17"):
        model.predict(block)
