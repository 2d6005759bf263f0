"""The generated market: deterministic, made of the right parts, and shaped like a market."""

from collections import Counter
from dataclasses import fields
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.sessions import is_half_day
from services.simulator.bars import SCALE, Bars, raw_bars, running_bars
from services.simulator.listings import CONTEXT, KINDS, make_listings
from services.simulator.market import HISTORY, HORIZON, Market, MarketSpec, generate
from services.simulator.prices import index_members
from tests.simulator.conftest import END


def everything(market: Market) -> Bars:
    return raw_bars(market, np.arange(len(market.sessions)), np.arange(len(market.listings.symbols)))


@pytest.fixture(scope="module")
def bars(market: Market) -> Bars:
    return everything(market)


def test_the_same_seed_gives_the_same_bars(market: Market, bars: Bars) -> None:
    again = generate(market.spec)
    assert again.listings.symbols == market.listings.symbols
    assert again.splits.rows == market.splits.rows
    repeated = everything(again)
    for field in fields(Bars):
        np.testing.assert_array_equal(getattr(repeated, field.name), getattr(bars, field.name))


def test_another_seed_gives_another_market(market: Market) -> None:
    other = generate(MarketSpec(seed=12, symbols=300, end=END))
    assert not np.array_equal(other.closes[:, 0], market.closes[:, 0])
    assert other.spec.fingerprint != market.spec.fingerprint


@given(st.integers(0, HISTORY + HORIZON - 1), st.integers(0, 300))
def test_a_bar_is_the_same_in_every_grid(market: Market, bars: Bars, session: int, column: int) -> None:
    alone = raw_bars(market, np.array([session]), np.array([column]))
    for field in fields(Bars):
        assert getattr(alone, field.name)[0, 0] == getattr(bars, field.name)[session, column]


def test_bars_are_consistent(bars: Bars) -> None:
    assert (bars.low >= 1).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.volume > 0).all()
    given_average = bars.average > 0
    assert (bars.average[given_average] <= bars.high[given_average]).all()
    assert (bars.average[given_average] >= bars.low[given_average]).all()


def test_prices_from_one_dollar_on_are_whole_cents(bars: Bars) -> None:
    for name in ("open", "high", "low", "close"):
        price = getattr(bars, name)
        assert (price[price >= SCALE] % 100 == 0).all()


def test_the_vendor_leaves_some_averages_out_and_some_volumes_are_fractional(bars: Bars) -> None:
    assert 0 < (bars.average[bars.traded] == 0).mean() < 0.05
    assert 0 < (bars.volume[bars.traded] % SCALE != 0).mean() < 0.5


def test_a_full_market_has_exactly_6000_stocks_and_all_kinds() -> None:
    listings = make_listings(7, 12_500, HISTORY + HORIZON, HORIZON)
    kinds = Counter(KINDS[kind].code for kind in listings.kind[: listings.active])
    assert kinds["CS"] + kinds["ADRC"] + kinds[""] == 6000
    assert kinds.total() == 12_500
    assert set(kinds) == {kind.code for kind in KINDS}
    assert len(set(listings.symbols)) == len(listings.symbols)
    assert any(symbol.endswith((".A", ".B")) for symbol in listings.symbols)
    assert any("p" in symbol for symbol in listings.symbols)


def test_the_market_has_silent_listed_delisted_and_halted_symbols(market: Market) -> None:
    traded = market.closes > 0
    active = traded[:, : market.listings.active]
    assert (~active.any(axis=0)).sum() == 3
    assert (~active[:20].any(axis=0) & active.any(axis=0)).any()
    assert not traded[HISTORY:, market.listings.active : -1].any()
    assert traded[:, -1].all()
    liquid = market.listings.fill[: market.listings.active] == 1
    assert (~active[HISTORY - 1] & active[: HISTORY - 10].any(axis=0) & liquid).any()


def test_half_days_have_less_volume(market: Market, bars: Bars) -> None:
    spy = bars.volume[:, 0] * bars.close[:, 0].astype(float)
    half = np.array([is_half_day(session) for session in market.sessions])
    assert half.any()
    assert np.median(spy[half]) < 0.7 * np.median(spy[~half])


def test_spy_moves_with_the_common_stocks(market: Market) -> None:
    stocks = [column for column in index_members(market.listings, 11) if (market.closes[:, column] > 0).all()]
    split = {row.column for row in market.splits.rows}
    closes = market.closes[:, [column for column in stocks if column not in split]].astype(float)
    mean = np.diff(np.log(closes), axis=0).mean(axis=1)
    spy = np.diff(np.log(market.closes[:, CONTEXT.index("SPY")].astype(float)))
    assert np.corrcoef(mean, spy)[0, 1] > 0.8


def test_volatility_clusters_and_tails_are_fat(market: Market) -> None:
    log_prices = np.log(np.maximum(market.closes[:, : market.listings.active], 1).astype(float))
    whole = (market.closes[:, : market.listings.active] > 0).all(axis=0)
    returns = np.diff(log_prices[:, whole], axis=0)
    returns = returns[:, np.abs(returns).max(axis=0) < 0.6]
    scaled = returns / returns.std(axis=0)
    assert (scaled**4).mean() > 4
    spread = np.abs(scaled).mean(axis=1)
    assert np.corrcoef(spread[1:], spread[:-1])[0, 1] > 0.1


def test_a_running_session_ends_as_the_whole_one(bars: Bars) -> None:
    whole = running_bars(bars, 1.0)
    for field in fields(Bars):
        np.testing.assert_array_equal(getattr(whole, field.name), getattr(bars, field.name))
    part = running_bars(bars, 0.3)
    assert (part.high <= bars.high).all()
    assert (part.low >= bars.low).all()
    assert (part.high >= np.maximum(part.open, part.close)).all()
    assert (part.low <= np.minimum(part.open, part.close)).all()


@pytest.mark.parametrize(("seed", "symbols", "end"), [(-1, 300, END), (1, 99, END), (1, 300, date(2025, 9, 28))])
def test_an_impossible_market_is_refused(seed: int, symbols: int, end: date) -> None:
    with pytest.raises(ValueError, match=r"seed|small|session"):
        generate(MarketSpec(seed, symbols, end))
