"""Trade plans against a plain transcription of scoring.md in exact fractions, and what holds of any of them."""

from fractions import Fraction
from math import ceil, floor
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from services.gateway.plans import Plans, PlanTerms, make_plans
from services.gateway.selection import PlanOptions
from services.market.scoring import ScoringConfig
from services.market.vocabulary import LONGS, SHORTS, NoPlan, ShareCap, Signal

CONFIG: Final = ScoringConfig.load()
RULES: Final = CONFIG.plans
TERMS: Final = PlanTerms(account_usd=10_000.0, risk=0.01, target_rr=2.0)
NAN: Final = float("nan")
Columns = dict[str, NDArray[np.float64]]


def random_rows(count: int, seed: int, *, on_ticks: bool) -> tuple[Columns, NDArray[np.int64]]:
    """Return columns and signals: prices from a hundredth of a cent to a million, quiet and wild, some with holes."""
    random = np.random.default_rng(seed)
    close = 10.0 ** random.uniform(-4, 6, count)
    close[: count // 10] = random.uniform(0.9, 1.1, count // 10)  # where the tick changes
    atr = close * 10.0 ** random.uniform(-5, 0.3, count)
    low, high = close - atr * random.uniform(0, 5, count), close + atr * random.uniform(0, 5, count)
    volume = np.floor(10.0 ** random.uniform(-1, 9, count))
    columns = {"close": close, "atr_14": atr, "low_10": low, "high_10": high, "volume_mean_20": volume}
    if on_ticks:
        columns = {name: np.round(values, 2) for name, values in columns.items()}
    for values in columns.values():
        values[random.random(count) < 0.01] = NAN
    return columns, random.integers(1, 6, count)


def on_tick(price: Fraction, *, up: bool) -> Fraction:
    """Round to a tick; a millionth of one beside it is on it, as floats do not hold decimals."""
    tick = Fraction(1, 100) if abs(price) >= 1 else Fraction(1, 10_000)
    nearest = round(price / tick)
    if abs(price / tick - nearest) < Fraction(1, 10**6):
        return nearest * tick
    return (ceil(price / tick) if up else floor(price / tick)) * tick


def oracle(row: dict[str, float], signal: int, terms: PlanTerms) -> tuple[object, ...]:
    """Return entry, stop, target, shares and cap; or the cause why there is no plan."""
    if signal not in (*LONGS, *SHORTS):
        return (NoPlan.NO_SIGNAL,)
    is_long = signal in LONGS
    needed = ("close", "atr_14", "low_10" if is_long else "high_10", "volume_mean_20")
    if any(np.isnan(row[name]) for name in needed):
        return (NoPlan.MISSING_DATA,)
    close, atr, extreme, volume = (Fraction(row[name]) for name in needed)
    if atr < 2 * (Fraction(1, 100) if close >= 1 else Fraction(1, 10_000)):
        return (NoPlan.ATR_TOO_SMALL,)
    reward = Fraction(terms.target_rr)
    tenth, near, far = Fraction(1, 10) * atr, Fraction(3, 2) * atr, 3 * atr
    if is_long:
        stop = on_tick(min(max(extreme, close - far), close - near), up=False)
        entry = on_tick(close + tenth, up=True)
        target = on_tick(entry + reward * (entry - stop), up=True)
    else:
        stop = on_tick(max(min(extreme, close + far), close + near), up=True)
        entry = on_tick(close - tenth, up=False)
        target = on_tick(entry - reward * (stop - entry), up=False)
    if stop <= 0:
        return (NoPlan.STOP_NOT_POSITIVE,)
    if target <= 0:
        return (NoPlan.TARGET_NOT_POSITIVE,)
    account = Fraction(terms.account_usd)
    caps = {
        ShareCap.RISK: account * Fraction(str(terms.risk)) / abs(entry - stop),
        ShareCap.VOLUME: volume * Fraction(1, 20),
        ShareCap.ACCOUNT: account / entry,
    }
    least = min(caps, key=caps.__getitem__)
    return (float(entry), float(stop), float(target), floor(caps[least]), least)


def planned(plans: Plans, row: int) -> tuple[object, ...]:
    """Return a plan in the oracle's words."""
    if plans.no_plans[row]:
        return (NoPlan(plans.no_plans[row]),)
    prices = (float(plans.entries[row]), float(plans.stops[row]), float(plans.targets[row]))
    return (*prices, int(plans.shares[row]), ShareCap(plans.share_caps[row]))


@pytest.mark.parametrize("on_ticks", [False, True])
def test_plans_are_those_of_a_plain_transcription(on_ticks: bool) -> None:  # noqa: FBT001  # a case
    columns, signals = random_rows(4000, 3, on_ticks=on_ticks)
    plans = make_plans(columns, signals, TERMS, RULES)
    seen = set()
    for row in range(len(signals)):
        values = {name: float(column[row]) for name, column in columns.items()}
        expected = oracle(values, int(signals[row]), TERMS)
        assert planned(plans, row) == expected, values
        seen.add(expected[-1])
    assert seen >= {*NoPlan, *ShareCap}


@pytest.fixture(scope="module")
def million() -> tuple[Columns, NDArray[np.int64], Plans]:
    columns, signals = random_rows(1_000_000, 4, on_ticks=False)
    return columns, signals, make_plans(columns, signals, TERMS, RULES)


def test_prices_of_a_million_plans_stand_in_their_order_and_on_ticks(
    million: tuple[Columns, NDArray[np.int64], Plans],
) -> None:
    _, signals, plans = million
    long, short = np.isin(signals, LONGS) & (plans.no_plans == 0), np.isin(signals, SHORTS) & (plans.no_plans == 0)
    assert min(long.sum(), short.sum()) > 100_000
    assert (plans.stops[long] > 0).all()
    assert (plans.stops < plans.entries)[long].all()
    assert (plans.entries < plans.targets)[long].all()
    assert (plans.targets[short] > 0).all()
    assert (plans.targets < plans.entries)[short].all()
    assert (plans.entries < plans.stops)[short].all()
    there = long | short
    for prices in (plans.entries[there], plans.stops[there], plans.targets[there]):
        digits = np.where(prices >= 1, 100.0, 10_000.0)
        assert (np.rint(prices * digits) / digits == prices).all()
    reward = np.abs(plans.targets - plans.entries)[there]
    assert (reward >= (1 - 1e-9) * TERMS.target_rr * np.abs(plans.entries - plans.stops)[there]).all()


def test_a_million_plans_keep_within_their_caps_and_use_one_of_them_up(
    million: tuple[Columns, NDArray[np.int64], Plans],
) -> None:
    columns, _, plans = million
    there = plans.no_plans == 0
    shares, distance = plans.shares[there], np.abs(plans.entries - plans.stops)[there]
    used = np.stack([distance, 1 / columns["volume_mean_20"][there].clip(1e-9), plans.entries[there]])
    allowed = np.array([TERMS.account_usd * TERMS.risk, RULES.volume_share, TERMS.account_usd])[:, None]
    assert (shares >= 0).all()
    assert (shares * used <= allowed * (1 + 1e-9)).all()
    cap = plans.share_caps[there] - 1
    one_more = (shares + 1) * used[cap, np.arange(len(cap))]
    assert (one_more > allowed[cap, 0] * (1 - 1e-9)).all()
    assert set(cap.tolist()) == {0, 1, 2}


def test_without_a_plan_there_is_no_price_no_share_and_no_cap(
    million: tuple[Columns, NDArray[np.int64], Plans],
) -> None:
    _, _, plans = million
    none = plans.no_plans != 0
    assert {*NoPlan} == set(plans.no_plans[none].tolist())
    assert np.isnan([plans.entries[none], plans.stops[none], plans.targets[none]]).all()
    assert not plans.shares[none].any()
    assert not plans.share_caps[none].any()


def one(signal: Signal, terms: PlanTerms = TERMS, **changes: float) -> tuple[object, ...]:
    """Return the plan of a stock at 50 USD with an ATR of 1 USD."""
    row = {"close": 50.0, "atr_14": 1.0, "low_10": 47.995, "high_10": 52.005, "volume_mean_20": 1e6} | changes
    columns = {name: np.array([value]) for name, value in row.items()}
    return planned(make_plans(columns, np.array([signal.value]), terms, RULES), 0)


def test_a_long_and_its_mirror_by_hand() -> None:
    # Risk: 100 USD over 2.11 a share.
    assert one(Signal.LONG) == (50.1, 47.99, 54.32, 47, ShareCap.RISK)
    assert one(Signal.STRONG_SHORT) == (49.9, 52.01, 45.68, 47, ShareCap.RISK)


@pytest.mark.parametrize(("low", "stop"), [(49.9, 48.5), (48.2, 48.2), (40.0, 47.0)])
def test_the_stop_is_the_low_within_a_band_of_atrs(low: float, stop: float) -> None:
    assert one(Signal.LONG, low_10=low)[1] == stop


@pytest.mark.parametrize(
    ("terms", "changes", "shares", "cap"),
    [
        (TERMS, {"volume_mean_20": 100.0}, 5, ShareCap.VOLUME),
        (TERMS, {"volume_mean_20": 0.0}, 0, ShareCap.VOLUME),
        (PlanTerms(10_000.0, 1.0, 2.0), {}, 199, ShareCap.ACCOUNT),
        (PlanTerms(40.0, 1.0, 2.0), {}, 0, ShareCap.ACCOUNT),
    ],
)
def test_the_cap_that_binds_is_named(terms: PlanTerms, changes: dict[str, float], shares: int, cap: ShareCap) -> None:
    assert one(Signal.LONG, terms, **changes)[3:] == (shares, cap)


@pytest.mark.parametrize(
    ("signal", "changes", "cause"),
    [
        (Signal.AVOID, {}, NoPlan.NO_SIGNAL),
        (Signal.LONG, {"atr_14": NAN}, NoPlan.MISSING_DATA),
        (Signal.LONG, {"low_10": NAN}, NoPlan.MISSING_DATA),
        (Signal.SHORT, {"high_10": NAN}, NoPlan.MISSING_DATA),
        (Signal.SHORT, {"atr_14": 0.019}, NoPlan.ATR_TOO_SMALL),
        (Signal.SHORT, {"atr_14": 0.0}, NoPlan.ATR_TOO_SMALL),
        (Signal.LONG, {"atr_14": 40.0}, NoPlan.STOP_NOT_POSITIVE),
        (Signal.SHORT, {"atr_14": 20.0}, NoPlan.TARGET_NOT_POSITIVE),
    ],
)
def test_where_no_plan_can_be_made_the_cause_is_named(signal: Signal, changes: dict[str, float], cause: NoPlan) -> None:
    assert one(signal, TERMS, **changes) == (cause,)


@pytest.mark.parametrize(
    ("profile", "style", "risk", "target_rr"),
    [
        ("none", "swing", 0.01, 2.0),
        ("none", "short_term_swing", 0.01, 2.0),
        ("none", "position", 0.01, 3.0),
        ("conservative", "swing", 0.005, 2.0),
        ("balanced", "position", 0.01, 3.0),
        ("aggressive", "swing", 0.015, 2.5),
        ("aggressive", "position", 0.015, 3.0),
    ],
)
def test_risk_is_the_profiles_and_the_larger_reward_counts(
    profile: str, style: str, risk: float, target_rr: float
) -> None:
    given = (CONFIG.profiles[profile], CONFIG.styles[style], RULES)
    assert PlanTerms.of(PlanOptions(), *given) == PlanTerms(10_000.0, risk, target_rr)
    assert PlanTerms.of(PlanOptions(500.0, 0.02), *given) == PlanTerms(500.0, 0.02, target_rr)


def test_no_rows_have_no_plans() -> None:
    columns, signals = random_rows(0, 1, on_ticks=False)
    assert len(make_plans(columns, signals, TERMS, RULES).shares) == 0
