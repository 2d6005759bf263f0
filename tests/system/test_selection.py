"""Filters, orders, lists, styles and trade plans through all four services."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from services.market.scoring import ScoringConfig
from services.market.vocabulary import LONGS, SHORTS
from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import vocabulary_pb2
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings

Reason = vocabulary_pb2.OmissionReason


async def whole(stack: Stack, **fields: Any) -> Scan:
    """Return a scan with every row and the ledger, after a look whether it adds up."""
    scan = await stack.scan(top_count=0, include_ledger=True, **fields)
    omitted = [omission.symbol for omission in scan.result.omissions]
    assert len({*scan.symbols, *omitted}) == len(scan.symbols) + len(omitted) == scan.result.requested_count
    return scan


def column(scan: Scan, name: str) -> list[float]:
    """Return a requested factor of all rows."""
    return [value for batch in scan.rows for factor in batch.factors if factor.name == name for value in factor.values]


def omissions(scan: Scan, reason: int) -> list[vocabulary_pb2.Omission]:
    """Return the omissions of one reason."""
    return [omission for omission in scan.result.omissions if omission.reason == reason]


async def test_a_filter_by_a_factor_names_it_with_its_value_and_the_close(stack: Stack) -> None:
    scan = await whole(stack, filters=[pb.Filter(name="rsi_14", max=45)], factors=["rsi_14"])
    assert scan.symbols
    assert all(value <= 45 for value in column(scan, "rsi_14"))
    filtered = omissions(scan, Reason.OMISSION_REASON_FILTERED_FACTOR)
    assert filtered
    for omission in filtered:
        assert (omission.filter, omission.value > 45, omission.close > 0) == ("rsi_14", True, True)


async def test_a_filter_by_a_rank_needs_no_row_to_show_it(stack: Stack) -> None:
    scan = await whole(stack, filters=[pb.Filter(name="rs_rating", min=80)])
    ranked = await whole(stack, factors=["rs_rating"])
    ratings = dict(zip(ranked.symbols, column(ranked, "rs_rating"), strict=True))
    assert set(scan.symbols) == {symbol for symbol, rating in ratings.items() if not rating < 80}
    assert column(scan, "rs_rating") == []


async def test_sectors_exchanges_and_industries_are_filtered_and_bounded(
    stack: Stack, market: Market, tmp_path: Path
) -> None:
    symbols = (await stack.scan(top_count=0)).symbols
    count = len(symbols)
    known = {
        "symbol": symbols,
        "type": ["common"] * count,
        "sector": [("Finance", "Technology", "Energy", "")[place % 4] for place in range(count)],
        "exchange": [("XNYS", "XNAS")[place % 5 == 0] for place in range(count)],
        "industry": [("Oil", "Banks")[place % 3 == 0] for place in range(count)],
    }
    parquet.write_table(pa.table(known), tmp_path / "universe.parquet")
    settings = {"universe_path": tmp_path / "universe.parquet"}
    async with (
        simulated(market) as url,
        running(tmp_path, simulated_settings(url, **settings)) as informed,
    ):
        scan = await whole(informed, symbols=symbols, sectors=["TECHNOLOGY", "Finance"], max_per_sector=2)
        unasked = omissions(scan, Reason.OMISSION_REASON_FILTERED_SECTOR)
        assert {(omission.filter, omission.attribute) for omission in unasked} == {("sector", "Energy")}
        places = sorted(it.value for it in omissions(scan, Reason.OMISSION_REASON_FILTERED_SECTOR_COUNT))
        assert places[:4] == [3, 3, 4, 4]
        sectors = Counter(sector for batch in scan.rows for sector in batch.sectors)
        assert (sectors["Technology"], sectors["Finance"], sectors["Energy"]) == (2, 2, 0)
        assert sectors[""] > 10
        assert any("the sector is known of" in notice for notice in scan.result.notices)
        scan = await whole(informed, symbols=symbols, exchanges=["xnys"])
        elsewhere = omissions(scan, Reason.OMISSION_REASON_FILTERED_EXCHANGE)
        assert {omission.attribute for omission in elsewhere} == {"XNAS"}
        assert len(elsewhere) == scan.result.omitted_count
        assert scan.result.notices == []
        scan = await whole(informed, symbols=symbols, industries=["banks"])
        assert {it.attribute for it in omissions(scan, Reason.OMISSION_REASON_FILTERED_INDUSTRY)} == {"Oil"}
        assert len(scan.symbols) == -(-count // 3)
        assert scan.result.coverage.industry_count == count


async def test_rows_come_in_the_order_asked_for(stack: Stack) -> None:
    scan = await whole(stack, sort=pb.Sort(name="rsi_14", ascending=True), factors=["rsi_14"])
    values = column(scan, "rsi_14")
    assert values == sorted(values)
    assert scan.rows[0].first_rank == 1


async def test_short_candidates_come_as_a_list_of_their_own(stack: Stack) -> None:
    plain = await whole(stack)
    scan = await whole(stack, include_shorts=True)
    longs, shorts = scan.rows
    assert (longs.shorts, shorts.shorts, shorts.first_rank) == (False, True, 1)
    assert len(shorts.symbols)
    assert set(shorts.signals) <= set(SHORTS)
    assert set(longs.signals).isdisjoint(SHORTS)
    assert list(shorts.scores) == sorted(shorts.scores)
    assert scan.result.result_hash == plain.result.result_hash
    assert scan.result.scored_count == plain.result.scored_count


@pytest.mark.parametrize("name", ["conservative", "balanced", "aggressive"])
async def test_a_profile_takes_out_rows_by_the_limits_it_has(stack: Stack, name: str) -> None:
    profile = ScoringConfig.load().profiles[name]
    scan = await whole(stack, profile=name, factors=["atr_pct_14", "close", "dollar_vol_20"])
    assert scan.symbols
    limits = (
        ("atr_pct_14", Reason.OMISSION_REASON_FILTERED_ATR_PCT, None, profile.max_atr_pct),
        ("close", Reason.OMISSION_REASON_FILTERED_PRICE, profile.min_price, None),
        ("dollar_vol_20", Reason.OMISSION_REASON_FILTERED_DOLLAR_VOLUME, profile.min_dollar_volume, None),
        ("score", Reason.OMISSION_REASON_FILTERED_SCORE, profile.min_score, None),
    )
    for factor, reason, least, most in limits:
        kept = list(scan.rows[0].scores) if factor == "score" else column(scan, factor)
        assert not any((least is not None and it < least) or (most is not None and it > most) for it in kept)
        for omission in omissions(scan, reason):
            assert omission.filter == factor
            assert omission.value < least if least is not None else omission.value > (most or 0)
    assert {omission.reason for omission in scan.result.omissions} >= {reason for _, reason, _, _ in limits}


async def test_a_style_is_applied_and_named(stack: Stack) -> None:
    plain, position = await whole(stack), await whole(stack, style="position")
    assert (plain.result.style, plain.result.horizon) == ("swing", 10)
    assert (position.result.style, position.result.horizon) == ("position", 10)
    assert position.result.result_hash != plain.result.result_hash
    breakouts = dict(zip(plain.symbols, column(plain, "breakout_score"), strict=True))
    ratings = dict(zip(plain.symbols, plain.rows[0].tech_ratings, strict=True))
    for symbol, rating in zip(position.symbols, position.rows[0].tech_ratings, strict=True):
        assert rating == ratings[symbol] - breakouts[symbol]


async def test_plans_come_with_the_rows_that_have_a_signal(stack: Stack) -> None:
    scan = await whole(stack, plans=pb.PlanOptions(account_usd=50_000), profile="none", style="position")
    assert scan.result.plan_terms == pb.PlanTerms(account_usd=50_000, risk=0.01, target_rr=3)
    (rows,) = scan.rows
    plans = rows.plans
    columns = zip(rows.signals, plans.entries, plans.stops, plans.targets, plans.shares, plans.no_plans, strict=True)
    made = 0
    for signal, entry, stop, target, shares, none in columns:
        if none:
            assert signal not in LONGS or none != vocabulary_pb2.NO_PLAN_NO_SIGNAL
            continue
        assert (stop < entry < target) if signal in LONGS else (target < entry < stop)
        assert shares * abs(entry - stop) <= 500 * (1 + 1e-9)
        made += 1
    assert made
    assert not (await whole(stack)).rows[0].HasField("plans")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"filters": [pb.Filter(name="rsi_41", min=1)]}, "filters: 'rsi_41' is unknown; did you mean 'rsi_14'"),
        ({"sort": pb.Sort(name="scor")}, "sort: 'scor' is unknown; did you mean 'score'"),
        ({"sectors": ["Tecnology"]}, "sectors: 'Tecnology' is unknown; did you mean 'Technology'"),
        ({"exchanges": ["MOON"]}, "exchanges: 'MOON' is unknown; known are"),
        ({"style": "scalp"}, "style: 'scalp' is unknown"),
    ],
)
async def test_a_name_that_is_none_is_one_clear_error(stack: Stack, fields: dict[str, Any], text: str) -> None:
    with pytest.raises(Exception, match=text):
        await stack.scan(**fields)
