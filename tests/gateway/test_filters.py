"""Each filter and each profile takes out what it should, and says why; the lists and their order."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from services.gateway.candidates import Candidates
from services.gateway.ranking import Ranking, rank, rate_by, score
from services.gateway.selection import Filter, Selection, Sort
from services.market.omission import Omission
from services.market.scoring import ScoringConfig
from services.market.trading import Profile
from services.market.vocabulary import Reason, Signal
from tests.gateway.rows import COUNT, candidates

CONFIG = ScoringConfig.load()
GIVEN = candidates()
SHORTS = (Signal.SHORT, Signal.STRONG_SHORT)


def ranked(selection: Selection, given: Candidates = GIVEN, profile: Profile = CONFIG.profiles["none"]) -> Ranking:
    return rank(given, CONFIG, profile, selection=selection)


def left_out(ranking: Ranking, given: Candidates = GIVEN) -> dict[str, Omission]:
    """Return the omissions by symbol, after a look whether they and the rows are all there is."""
    kept = [given.symbols[row] for row in ranking.rows]
    omitted = [omission.symbol for omission in ranking.omissions]
    assert sorted(kept + omitted) == list(given.symbols)
    return {omission.symbol: omission for omission in ranking.omissions}


@pytest.mark.parametrize("name", ["conservative", "balanced", "aggressive"])
def test_a_profile_takes_out_what_it_names_with_the_failing_value(name: str) -> None:
    profile = CONFIG.profiles[name]
    ranking = ranked(Selection(), profile=profile)
    omitted = left_out(ranking)
    limits = (
        ("atr_pct_14", Reason.FILTERED_ATR_PCT, -math.inf, profile.max_atr_pct),
        ("close", Reason.FILTERED_PRICE, profile.min_price, math.inf),
        ("dollar_vol_20", Reason.FILTERED_DOLLAR_VOLUME, profile.min_dollar_volume, math.inf),
        ("score", Reason.FILTERED_SCORE, profile.min_score, math.inf),
    )
    for row, symbol in enumerate(GIVEN.symbols):
        failed = []
        for column, reason, least, most in limits:
            value = ranking.scores[row] if column == "score" else GIVEN.columns[column][row]
            assert least
            assert most
            if value < least or value > most:
                failed.append(Omission(symbol, reason, value, column, close=GIVEN.columns["close"][row]))
        assert omitted.get(symbol) == next(iter(failed), None)
    assert {omission.reason for omission in ranking.omissions} == {
        Reason.FILTERED_ATR_PCT,
        Reason.FILTERED_PRICE,
        Reason.FILTERED_DOLLAR_VOLUME,
        Reason.FILTERED_SCORE,
    }


@pytest.mark.parametrize("name", ["short_term_swing", "swing", "position"])
def test_rows_leave_by_the_score_that_the_style_gives_them(name: str) -> None:
    style, profile = CONFIG.styles[name], Profile(min_score=75.0)
    given = rate_by(style, GIVEN, CONFIG.rating_weights)
    scores = score(given, CONFIG, style)
    expected = {
        symbol: Omission(symbol, Reason.FILTERED_SCORE, value, "score", close=close)
        for symbol, value, close in zip(given.symbols, scores, given.columns["close"], strict=True)
        if value < 75.0
    }
    ranking = rank(given, CONFIG, profile, style)
    assert left_out(ranking, given) == expected
    others = [score(GIVEN, CONFIG, other) for other in CONFIG.styles.values() if other is not style]
    assert all({*np.flatnonzero(scores < 75.0)} != {*np.flatnonzero(other < 75.0)} for other in others)


def test_no_profile_takes_out_nothing() -> None:
    assert not left_out(ranked(Selection()))


@pytest.mark.parametrize(
    ("name", "least", "most", "reason"),
    [
        ("rsi_14", None, 30.0, Reason.FILTERED_FACTOR),
        ("rsi_14", 40.0, 60.0, Reason.FILTERED_FACTOR),
        ("tech_rating", 10.0, None, Reason.FILTERED_FACTOR),
        ("trend_score", 0.0, None, Reason.FILTERED_FACTOR),
        ("alpha_5", 0.0, None, Reason.FILTERED_FACTOR),
        ("alpha_10", None, 0.01, Reason.FILTERED_FACTOR),
        ("atr_pct_14", 0.01, 0.03, Reason.FILTERED_ATR_PCT),
        ("close", 10.0, 100.0, Reason.FILTERED_PRICE),
        ("dollar_vol_20", 5e6, None, Reason.FILTERED_DOLLAR_VOLUME),
        ("score", 60.0, None, Reason.FILTERED_SCORE),
        ("market_cap", 1e9, 1e11, Reason.FILTERED_MARKET_CAP),
    ],
)
def test_a_filter_takes_out_what_is_outside_of_its_bounds(
    name: str, least: float | None, most: float | None, reason: Reason
) -> None:
    ranking = ranked(Selection(filters=(Filter(name, least, most),)))
    values = ranking.scores if name == "score" else GIVEN.number(name)
    expected = {
        symbol: Omission(symbol, reason, value, name, close=close)
        for symbol, value, close in zip(GIVEN.symbols, values, GIVEN.columns["close"], strict=True)
        if (least is not None and value < least) or (most is not None and value > most)
    }
    assert 0 < len(expected) < COUNT
    assert left_out(ranking) == expected


@pytest.mark.parametrize(
    ("selection", "texts", "name", "reason"),
    [
        (Selection(exchanges=("XNYS",)), GIVEN.exchanges, "exchange", Reason.FILTERED_EXCHANGE),
        (Selection(sectors=("Finance", "Energy")), GIVEN.sectors, "sector", Reason.FILTERED_SECTOR),
        (Selection(industries=("Major Banks",)), GIVEN.industries, "industry", Reason.FILTERED_INDUSTRY),
    ],
)
def test_other_exchanges_sectors_and_industries_leave_and_unknown_ones_stay(
    selection: Selection, texts: tuple[str, ...], name: str, reason: Reason
) -> None:
    asked = selection.exchanges or selection.sectors or selection.industries
    expected = {
        symbol: Omission(symbol, reason, None, name, text, close)
        for symbol, text, close in zip(GIVEN.symbols, texts, GIVEN.columns["close"], strict=True)
        if text and text not in asked
    }
    assert expected
    assert left_out(ranked(selection)) == expected


def test_missing_data_never_filters() -> None:
    given = candidates(holes=1.0)
    for name in ("atr_pct_14", "close", "dollar_vol_20"):
        given.columns[name][:] = np.nan
    given = replace(given, exchanges=("",) * COUNT, sectors=("",) * COUNT, industries=("",) * COUNT)
    given = replace(given, alphas={})
    selection = Selection(
        filters=tuple(Filter(name, 1.0, 1.0) for name in ("rsi_14", "close", "market_cap", "alpha_5", "not_computed")),
        exchanges=("XNYS",),
        sectors=("Finance",),
        industries=("Major Banks",),
        max_per_sector=1,
    )
    profile = replace(CONFIG.profiles["conservative"], min_score=None)
    assert not left_out(ranked(selection, given, profile), given)


def test_the_first_filter_that_fails_is_the_reason() -> None:
    selection = Selection(sectors=("Finance",), filters=(Filter("rsi_14", most=0.0), Filter("close", least=1e9)))
    reasons = {omission.reason for omission in left_out(ranked(selection)).values()}
    assert reasons == {Reason.FILTERED_SECTOR, Reason.FILTERED_FACTOR, Reason.FILTERED_PRICE}
    for omission in left_out(ranked(selection)).values():
        row = GIVEN.symbols.index(omission.symbol)
        missing = np.isnan(GIVEN.columns["rsi_14"][row])
        foreign = GIVEN.sectors[row] not in {"Finance", ""}
        expected = Reason.FILTERED_PRICE if missing else Reason.FILTERED_FACTOR
        assert omission.reason is (Reason.FILTERED_SECTOR if foreign else expected)


def test_an_omission_without_a_close_says_none() -> None:
    given = candidates()
    given.columns["close"][:] = np.nan
    assert {it.close for it in ranked(Selection(sectors=("Finance",)), given).omissions} == {None}


def test_filters_do_not_change_a_score() -> None:
    plain, filtered = ranked(Selection()), ranked(Selection(filters=(Filter("rsi_14", most=30.0),)))
    assert filtered.scores.tolist() == plain.scores.tolist()


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize(
    "name", ["score", "rsi_14", "market_cap", "alpha_10", "symbol", "exchange", "sector", "industry"]
)
def test_rows_are_in_the_order_asked_for_without_a_value_last(name: str, ascending: bool) -> None:  # noqa: FBT001  # a case
    ranking = ranked(Selection(sort=Sort(name, ascending=ascending)))
    texts = {
        "symbol": GIVEN.symbols,
        "exchange": GIVEN.exchanges,
        "sector": GIVEN.sectors,
        "industry": GIVEN.industries,
    }
    values = ranking.scores if name == "score" else GIVEN.number(name)
    keys: list[Any] = [texts[name][row] if name in texts else float(values[row]) for row in range(COUNT)]
    there = [row for row in range(COUNT) if keys[row] != "" and str(keys[row]) != "nan"]
    missing = [row for row in range(COUNT) if row not in there]
    # Sorting is stable, reversed too: ties stay in symbol order.
    assert ranking.order.tolist() == sorted(there, key=keys.__getitem__, reverse=not ascending) + missing


def test_short_candidates_are_a_list_of_their_own_lowest_score_first() -> None:
    ranking = ranked(Selection(include_shorts=True))
    short = {row for row in range(COUNT) if ranking.signals[row] in SHORTS}
    assert set(ranking.shorts.tolist()) == short
    assert short
    assert short.isdisjoint(ranking.order.tolist())
    keys = [(ranking.scores[row], GIVEN.symbols[row]) for row in ranking.shorts]
    assert keys == sorted(keys)
    assert not left_out(ranking)


def test_without_being_asked_for_short_candidates_stay_among_the_others() -> None:
    ranking = ranked(Selection())
    assert len(ranking.order) == COUNT
    assert len(ranking.shorts) == 0


@pytest.mark.parametrize("name", ["conservative", "balanced", "aggressive"])
def test_a_short_candidate_must_keep_below_the_mirrored_score_of_the_profile(name: str) -> None:
    profile = Profile(min_score=CONFIG.profiles[name].min_score)
    least = profile.min_score
    assert least
    ranking = ranked(Selection(include_shorts=True), profile=profile)
    for omission in left_out(ranking).values():
        row = GIVEN.symbols.index(omission.symbol)
        assert omission.value is not None
        assert omission.value == ranking.scores[row]
        assert omission.value > 100 - least if ranking.signals[row] in SHORTS else omission.value < least
    assert (ranking.scores[ranking.shorts] <= 100 - least).all()
    assert len(ranking.shorts)


@pytest.mark.parametrize("shorts", [False, True])
def test_further_rows_of_a_sector_are_left_out_with_their_place(shorts: bool) -> None:  # noqa: FBT001  # a case
    whole = ranked(Selection(include_shorts=shorts))
    ranking = ranked(Selection(include_shorts=shorts, max_per_sector=3))
    omitted = left_out(ranking)
    kept = [GIVEN.symbols[row] for row in ranking.rows]
    for order in (whole.order, whole.shorts):
        places: Counter[str] = Counter()
        for row in order:
            symbol, sector = GIVEN.symbols[row], GIVEN.sectors[row]
            places[sector] += 1
            if sector and places[sector] > 3:
                close = float(GIVEN.columns["close"][row])
                expected = Omission(symbol, Reason.FILTERED_SECTOR_COUNT, places[sector], "sector", sector, close)
                assert omitted.pop(symbol) == expected
            else:
                assert kept.pop(0) == symbol
    assert not omitted
