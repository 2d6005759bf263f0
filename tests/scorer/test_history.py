"""The history that models are trained on is what scans would have seen, and nothing of what came later."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.market.panel import Panel
from services.market.scoring import ScoringConfig
from services.scorer.engine import FactorEngine
from services.scorer.history import factor_history, full_history, whole
from services.scorer.series import carry_series
from tests.scorer.markets import benchmark, oddities, panel_of, walk

POSITIONS = np.array([252, 270, 299])


@pytest.fixture(scope="module")
def engine() -> FactorEngine:
    return FactorEngine(ScoringConfig.load())


@pytest.fixture(scope="module")
def panel() -> Panel:
    bars = walk(6, seed=5)
    bars[:, :120, 4] = np.nan
    bars[:, 200:203, 5] = np.nan
    return panel_of(bars)


def test_each_session_agrees_with_a_scan_of_it(engine: FactorEngine, panel: Panel) -> None:
    rules, spy = engine.config.history, benchmark()
    columns = factor_history(carry_series(panel, rules), spy, engine, POSITIONS)
    for row, position in enumerate(POSITIONS.tolist()):
        end = position + 1
        past = Panel(panel.symbols, panel.session_days[:end], panel.session_fetched[:end], panel.bars[:, :end].copy())
        scanned = engine.compute(carry_series(past, rules), spy[:end])
        for number, name in enumerate(engine.names):
            np.testing.assert_allclose(columns[name][row], scanned[:, number], rtol=1e-9, atol=1e-9, err_msg=name)


def test_later_bars_change_nothing(engine: FactorEngine, panel: Panel) -> None:
    rules, spy = engine.config.history, benchmark()
    before = factor_history(carry_series(panel, rules), spy, engine, POSITIONS[:2])
    later = panel.bars.copy()
    later[:, 271:] *= 3.0
    moved = spy.copy()
    moved[271:] *= 2.0
    changed = panel_of(later)
    after = factor_history(carry_series(changed, rules), moved, engine, POSITIONS[:2])
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_the_rating_of_a_past_session_is_there_and_finite(engine: FactorEngine, panel: Panel) -> None:
    columns = factor_history(carry_series(panel, engine.config.history), benchmark(), engine, POSITIONS)
    assert columns["tech_rating"].shape == (3, 6)
    assert np.isfinite(columns["tech_rating"]).all()


@pytest.mark.parametrize("workers", [1, 3])
def test_the_full_history_comes_in_blocks_with_every_session_of_every_column(
    workers: int, engine: FactorEngine, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scorer.history.BLOCK_SYMBOLS", 4)
    with ThreadPoolExecutor(workers) as pool:
        blocks = list(full_history(panel, benchmark(), engine, pool, workers))
    assert [block.symbols for block in blocks] == [panel.symbols[:4], panel.symbols[4:]]
    series = carry_series(panel, whole(engine.config.history, 300))
    expected = factor_history(series, benchmark(), engine, np.arange(300))
    for name in engine.columns:
        values = np.concatenate([block.columns[name] for block in blocks], axis=1)
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


@pytest.mark.parametrize("odd", [False, True])
def test_the_last_session_of_the_history_is_the_scan_of_the_same_array(odd: bool, engine: FactorEngine) -> None:  # noqa: FBT001
    bars = np.stack(list(oddities().values()), axis=2) if odd else walk(300, seed=6)
    series = carry_series(panel_of(bars), engine.config.history)
    columns = factor_history(series, benchmark(), engine, np.arange(300))
    scanned = engine.compute(series, benchmark())
    for number, name in enumerate(engine.names):
        np.testing.assert_allclose(columns[name][-1], scanned[:, number], rtol=1e-9, atol=1e-9, err_msg=name)


def test_an_empty_panel_has_no_history(engine: FactorEngine) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert list(full_history(panel_of(np.empty((5, 300, 0))), None, engine, pool, 1)) == []
