"""What models are trained on: prices as a provider has them, and returns that count dividends."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from services.cli.training_bars import StockBars, read_stocks, with_dividends
from services.cli.training_basis import compare_bases
from services.cli.training_history import SPACING, WARM_UP, History, make_history
from services.cli.training_slices import LIQUID, find_slices
from services.inference.boosting import fit
from services.inference.card import Card
from services.inference.model import Model
from services.market.scoring import ScoringConfig
from services.market.sessions import from_day_number
from services.market.trading import Profile
from services.scorer.engine import FactorEngine
from tests.cli.test_train_command import SESSIONS, STOCKS, write_bars

ENGINE = FactorEngine(ScoringConfig.load())
EX, AMOUNT = WARM_UP + 4 * SPACING + 2, 3.0


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> StockBars:
    """Read bars of which S1 pays a dividend, which was taken out of its prices: they are no whole cents."""
    path = write_bars(tmp_path_factory.mktemp("bars") / "bars.parquet")
    read = read_stocks(path, None)
    (path.parent / "dividends.csv").write_text(
        f"symbol,date,amount\nS1,{from_day_number(int(read.stocks.session_days[EX]))},{AMOUNT}\n"
    )
    return with_dividends(read, path, path.parent / "dividends.csv")


def history_of(bars: StockBars) -> History:
    total = None if bars.bases is None else bars.bases.total
    return make_history(bars.stocks, bars.benchmark, ENGINE, lambda *_: None, total=total)


def test_a_dividend_is_put_back_into_prices_and_counted_in_returns(bars: StockBars) -> None:
    payer = bars.stocks.symbols.index("S1")
    plain, price = bars.stocks.close[:, payer], bars.on_price_basis().stocks.close[:, payer]
    assert price[EX - 1] == pytest.approx(plain[EX - 1] + AMOUNT)
    np.testing.assert_array_equal(price[EX:], plain[EX:])
    np.testing.assert_allclose(bars.on_total_basis().stocks.close[:, payer], plain)
    on_price, as_they_are = history_of(bars.on_price_basis()), history_of(read_again(bars))
    np.testing.assert_allclose(on_price.closes[:, payer], as_they_are.closes[:, payer])
    position, column = 4, on_price.names.index("ret_21@1")
    assert on_price.features[position + 1, payer, column] < as_they_are.features[position + 1, payer, column]
    np.testing.assert_array_equal(np.delete(on_price.features, payer, 1), np.delete(as_they_are.features, payer, 1))


def read_again(bars: StockBars) -> StockBars:
    """Return the bars without what is known of dividends."""
    return StockBars(bars.stocks, bars.benchmark, bars.files)


def test_the_gap_between_the_bases_is_that_of_the_stocks_that_pay(bars: StockBars) -> None:
    price, total = history_of(bars.on_price_basis()), history_of(read_again(bars))
    known = price.features[price.counts]
    content = fit(known, np.nan_to_num(known[:, 2]).astype(np.float64), price.names, 30)
    model = Model(Card("m", 1, 5, price.names, 0.0, "0" * 64, "for a test"), content)
    assert bars.bases is not None
    gap = compare_bases(bars.bases, price, total, model)
    assert (gap.known, gap.taken) == (1, 1)
    assert gap.rows == price.counts[:, bars.stocks.symbols.index("S1")].sum()
    assert 0 < gap.p95 < gap.deviation
    assert gap.median <= gap.p95
    assert 0.99 < gap.rank_correlation < 1


def test_without_a_file_of_dividends_bars_are_as_they_are(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.parquet", sessions=30, last=date(2021, 6, 30))
    read = read_stocks(path, None)
    same = with_dividends(read, path, None)
    assert same.bases is None
    assert same.on_price_basis() is same.on_total_basis() is same


def test_rows_know_the_return_less_the_markets_and_over_other_horizons(bars: StockBars) -> None:
    history = history_of(bars.on_price_basis())
    rows = history.rows(10)
    assert len(history.positions) == len(range(WARM_UP, SESSIONS, SPACING))
    assert len(rows.sessions()) == len(history.positions) - 2
    row = len(rows) // 2
    position, symbol = int(rows.positions[row]), int(rows.symbols[row])
    earned = history.closes[position + 10, symbol] / history.closes[position, symbol] - 1
    market = history.benchmark[position + 10] / history.benchmark[position] - 1
    assert rows.returns[row] == pytest.approx(earned)
    assert rows.neutral[row] == pytest.approx(earned - rows.styles["beta_252"][row] * market)
    np.testing.assert_array_equal(rows.later[10], rows.returns)
    assert np.isnan(rows.later[40][-STOCKS:]).all()


def test_slices_are_what_each_profile_lets_by() -> None:
    columns = {
        "atr_pct_14": np.array([[0.01, 0.05, np.nan]]),
        "dollar_vol_20": np.array([[1e8, 1e8, 1e8]]),
        "median_dollar_volume": np.array([[1e8, 1e6, 1e8]]),
    }
    profiles = {"none": Profile(), "calm": Profile(max_atr_pct=0.02, min_price=5.0), "late": Profile(min_score=50.0)}
    found = find_slices(columns, np.array([[10.0, 10.0, 4.0]]), profiles)
    assert {name: slice_.tolist() for name, slice_ in found.items()} == {
        LIQUID: [[True, False, True]],
        "profile calm": [[True, False, False]],
    }
