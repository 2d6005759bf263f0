"""The scorer's RPC over a fetcher that answers as a test tells it to, both over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from services.market import errors
from services.market.omission import Omission
from services.market.panel import FIELDS, Panel
from services.market.sessions import from_day_number, sessions_ending, to_day_number
from services.market.vocabulary import Flag, Reason
from services.market.weeks import WEEKLY_SESSIONS
from services.rpc.channel import open_channel
from services.rpc.serve import ServerSpec, start
from services.rpc.status import from_call
from services.rpc.wire import flags_from_bytes, matrix_from_bytes, omission_from_message, panel_parts
from services.scorer import __main__ as scorer
from services.scorer import factors
from services.scorer.factors import FACTORS, WEEKLY
from services.scorer.regime import CONTEXT_SYMBOLS
from services.scorer.settings import ScorerSettings
from technic.v1 import fetcher_service_pb2 as fetcher_pb
from technic.v1 import fetcher_service_pb2_grpc, scorer_service_pb2_grpc
from technic.v1 import scorer_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SESSIONS = 300
DAYS = np.array([to_day_number(day) for day in sessions_ending(from_day_number(20361), WEEKLY_SESSIONS)], np.int32)


def panel(symbols: tuple[str, ...], sessions: int = SESSIONS, seed: int = 3) -> Panel:
    """Make bars that wander, of the newest sessions; a symbol's bars depend on its name only."""
    columns = []
    for symbol in symbols:
        random = np.random.default_rng([seed, *symbol.encode()])
        close = 50 * np.cumprod(1 + random.normal(0, 0.02, len(DAYS)))
        columns.append(np.stack([close * 0.99, close * 1.02, close * 0.98, close, random.uniform(1e5, 1e6, len(DAYS))]))
    bars = np.stack(columns, axis=2)[:, -sessions:]
    return Panel(symbols, DAYS[-sessions:], np.ones(sessions, np.bool_), np.ascontiguousarray(bars))


class ScriptedFetcher(fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Streams the bars of everything it is asked for, in blocks of `size`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.size = 8
        self.absent: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.version = ""
        self.bar_counts: dict[str, int] = {}
        self.early_sessions = 0
        self.asked: list[fetcher_pb.StreamBarsRequest] = []
        self.seconds_left: list[float] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.cancelled = asyncio.Event()

    async def StreamBars(self, request: fetcher_pb.StreamBarsRequest, context: Any) -> None:  # noqa: N802  # grpc's
        """Stream progress, blocks, omissions, a summary."""
        self.asked.append(request)
        self.seconds_left.append(context.time_remaining())
        state = fetcher_pb.FetchProgress(sessions_ready=1, sessions_wanted=SESSIONS)
        await context.write(fetcher_pb.StreamBarsResponse(progress=state))
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.error:
            raise self.error
        present = [symbol for symbol in request.symbols if symbol not in self.absent]
        if self.version and request.known_version == self.version:
            present = []
        for begin in range(0, len(present) if request.include_early and self.early_sessions else 0, self.size):
            response = fetcher_pb.StreamBarsResponse()
            block = panel(tuple(present[begin : begin + self.size]), request.history_count)
            block.session_fetched[: -self.early_sessions] = False
            block.bars[:, : -self.early_sessions] = np.nan
            response.early_block.MergeFromString(b"".join(panel_parts(block)))
            await context.write(response)
        for begin in range(0, len(present), self.size):
            response = fetcher_pb.StreamBarsResponse()
            block = panel(tuple(present[begin : begin + self.size]), request.history_count)
            for symbol, count in self.bar_counts.items():
                if symbol in block.symbols:
                    block.bars[:, : request.history_count - count, block.symbols.index(symbol)] = np.nan
            parts = panel_parts(block)
            response.block.MergeFromString(b"".join(parts))
            await context.write(response)
        if self.version:
            await context.write(fetcher_pb.StreamBarsResponse(version=fetcher_pb.BarsVersion(version=self.version)))
        batch = fetcher_pb.OmissionBatch()
        for symbol in self.absent:
            batch.omissions.add(symbol=symbol, reason=Reason.NO_DATA)
        await context.write(fetcher_pb.StreamBarsResponse(omissions=batch))
        summary = fetcher_pb.FetchSummary(as_of="2025-09-30", sessions_ready=SESSIONS, sessions_wanted=SESSIONS)
        await context.write(fetcher_pb.StreamBarsResponse(summary=summary))


@pytest.fixture
def fetcher() -> ScriptedFetcher:
    return ScriptedFetcher()


@asynccontextmanager
async def scorer_over(
    fetcher: ScriptedFetcher, folder: Path, **changes: Any
) -> AsyncIterator[scorer_service_pb2_grpc.ScorerServiceStub]:
    """Run a scorer that asks `fetcher`, with settings of its own."""

    async def nothing() -> None:
        pass

    def register(server: grpc.aio.Server) -> None:
        fetcher_service_pb2_grpc.add_FetcherServiceServicer_to_server(fetcher, server)

    source = await start(ServerSpec("fetcher", f"unix:{folder}/fetcher", register, (), nothing))
    settings = ScorerSettings(address=f"unix:{folder}/scorer", fetcher_address=source.address, **changes)
    async with scorer.compose(settings) as spec:
        running = await start(spec)
        async with open_channel(running.address) as channel:
            yield scorer_service_pb2_grpc.ScorerServiceStub(channel)
        await running.kill()
    await source.kill()


@pytest.fixture
async def stub(fetcher: ScriptedFetcher, tmp_path: Path) -> AsyncIterator[scorer_service_pb2_grpc.ScorerServiceStub]:
    async with scorer_over(fetcher, tmp_path) as made:
        yield made


async def score(
    stub: scorer_service_pb2_grpc.ScorerServiceStub,
    symbols: list[str],
    timeout: float = 30,  # noqa: ASYNC109
    **fields: Any,
) -> tuple[dict[str, np.ndarray], list[pb.ScoreUniverseResponse]]:
    """Return the rows by symbol, and all events."""
    request = pb.ScoreUniverseRequest(symbols=symbols, **fields)
    events = [event async for event in stub.ScoreUniverse(request, timeout=timeout)]
    columns = len(events[0].header.columns)
    rows = {
        symbol: row
        for event in events
        if event.HasField("block")
        for symbol, row in zip(
            event.block.symbols,
            matrix_from_bytes(event.block.values, len(event.block.symbols), columns),
            strict=True,
        )
    }
    return rows, events


async def test_context_etfs_go_first_and_come_back_only_if_asked_for(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    rows, events = await score(stub, ["AAA", "QQQ", "BBB"])
    assert tuple(fetcher.asked[0].symbols) == (*CONTEXT_SYMBOLS, "AAA", "BBB")
    assert fetcher.asked[0].history_count == SESSIONS
    assert set(rows) == {"AAA", "QQQ", "BBB"}
    assert [event.WhichOneof("event") for event in events][:2] == ["header", "progress"]
    assert events[-1].summary.regime.trend
    assert list(events[-1].summary.regime.missing_symbols) == []


@pytest.mark.parametrize("asked", [True, False])
async def test_a_running_session_is_asked_for_as_the_caller_does(
    asked: bool,  # noqa: FBT001  # pytest's parameter
    stub: scorer_service_pb2_grpc.ScorerServiceStub,
    fetcher: ScriptedFetcher,
) -> None:
    request = pb.ScoreUniverseRequest(symbols=["AAA"], as_of="2025-10-01", include_running=asked)
    async for _ in stub.ScoreUniverse(request, timeout=30):
        pass
    assert (fetcher.asked[0].as_of, fetcher.asked[0].include_running) == ("2025-10-01", asked)


async def test_rows_are_the_same_bits_in_any_block_and_order(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    symbols = [f"S{number}" for number in range(23)]
    rows, _ = await score(stub, symbols)
    for size in (9, 16, 31):
        fetcher.size = size
        again, _ = await score(stub, symbols[::-1])
        assert {symbol: row.tobytes() for symbol, row in again.items()} == {
            symbol: row.tobytes() for symbol, row in rows.items()
        }


async def test_without_spy_rows_are_flagged_and_market_relative_factors_missing(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    fetcher.absent = ("SPY", "GONE")
    rows, events = await score(stub, ["AAA", "GONE"])
    columns = list(events[0].header.columns)
    assert np.isnan(rows["AAA"][columns.index("beta_60")])
    blocks = [event.block for event in events if event.HasField("block")]
    flags = [flag for block in blocks for flag in flags_from_bytes(block.flags, len(block.symbols)).tolist()]
    assert flags == [Flag.BENCHMARK_MISSING]
    omitted = [omission for block in blocks for omission in map(omission_from_message, block.omissions)]
    assert omitted == [Omission("GONE", Reason.NO_DATA)]
    assert "SPY" in events[-1].summary.regime.missing_symbols


async def test_symbols_without_enough_bars_are_omissions_and_spoil_nothing(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    whole, _ = await score(stub, ["AAA", "BBB"])
    fetcher.bar_counts = {"YOUNG": 59, "NONE": 0}
    rows, events = await score(stub, ["AAA", "YOUNG", "NONE", "BBB"])
    assert {symbol: row.tobytes() for symbol, row in rows.items()} == {
        symbol: row.tobytes() for symbol, row in whole.items()
    }
    omitted = [one for event in events for one in map(omission_from_message, event.block.omissions)]
    assert [(one.symbol, one.reason, one.value) for one in omitted] == [
        ("YOUNG", Reason.TOO_LITTLE_HISTORY, 59),
        ("NONE", Reason.NO_DATA, None),
    ]
    assert omitted[0].close
    assert omitted[1].close is None


async def test_bars_that_did_not_change_are_neither_sent_nor_scored_again(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    fetcher.version, fetcher.absent = "first", ("GONE",)
    symbols = ["AAA", "GONE", "QQQ", *(f"S{number}" for number in range(20))]
    rows, events = await score(stub, symbols)
    again, events_again = await score(stub, symbols)
    assert [request.known_version for request in fetcher.asked] == ["", "first"]
    assert list(again) == list(rows)
    assert [row.tobytes() for row in again.values()] == [row.tobytes() for row in rows.values()]
    assert events_again[-1].summary.compute_seconds == 0 < events[-1].summary.compute_seconds
    assert events_again[-1].summary.regime == events[-1].summary.regime
    assert [event.block for event in events_again if event.HasField("block")] == [
        event.block for event in events if event.HasField("block")
    ]


async def test_weekly_factors_come_behind_the_other_columns_which_stay_the_same(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    symbols = [f"S{number}" for number in range(20)]
    rows, events = await score(stub, symbols)
    longer, weekly_events = await score(stub, symbols, include_weekly=True)
    assert [request.history_count for request in fetcher.asked] == [SESSIONS, WEEKLY_SESSIONS]
    daily, columns = list(events[0].header.columns), list(weekly_events[0].header.columns)
    assert columns == [*daily, *(spec.name for spec in WEEKLY)]
    assert {symbol: row[: len(daily)].tobytes() for symbol, row in longer.items()} == {
        symbol: row.tobytes() for symbol, row in rows.items()
    }
    bars = panel(tuple(symbols), WEEKLY_SESSIONS)
    frame = {
        "symbol": np.repeat(symbols, WEEKLY_SESSIONS),
        "date": np.tile(DAYS.astype("datetime64[D]"), len(symbols)),
    } | {name: bars.bars[number].T.ravel() for number, name in enumerate(FIELDS)}
    expected = factors.weekly(frame)
    for spec in WEEKLY:
        place = columns.index(spec.name)
        assert [row[place] for row in longer.values()] == list(expected[spec.name])


async def test_rows_that_the_caller_has_are_left_out_for_as_long_as_they_are_the_same(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    fetcher.version, fetcher.absent = "first", ("GONE",)
    symbols = ["AAA", "BBB", "GONE"]
    whole, events = await score(stub, symbols)
    (known,) = [event.version.version for event in events if event.HasField("version")]
    rows, events = await score(stub, symbols, known_version=known)
    assert rows == {}
    assert [event.WhichOneof("event") for event in events] == ["header", "progress", "version", "block", "summary"]
    assert events[2].version.version == known
    assert events[-1].summary.regime.trend
    fetcher.version = "second"
    rows, events = await score(stub, symbols, known_version=known)
    assert set(rows) == set(whole)
    assert [event.version.version for event in events if event.HasField("version")] != [known]


async def test_a_scorer_that_keeps_nothing_names_no_version(fetcher: ScriptedFetcher, tmp_path: Path) -> None:
    fetcher.version = "first"
    async with scorer_over(fetcher, tmp_path, cache_mb=0) as stub:
        for _ in range(2):
            rows, events = await score(stub, ["AAA"])
            assert set(rows) == {"AAA"}
            assert not any(event.HasField("version") for event in events)
    assert [request.known_version for request in fetcher.asked] == ["", ""]


async def test_early_bars_are_scored_as_such_and_change_nothing_that_follows(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    symbols = [f"S{number}" for number in range(20)]
    plain, events = await score(stub, symbols)
    fetcher.early_sessions = 210
    rows, events = await score(stub, symbols, include_early=True)
    early = [event.early_block for event in events if event.HasField("early_block")]
    assert [symbol for block in early for symbol in block.symbols] == symbols
    flags = [flag for block in early for flag in flags_from_bytes(block.flags, len(block.symbols)).tolist()]
    assert all(flag & Flag.EARLY_HISTORY for flag in flags)
    assert {symbol: row.tobytes() for symbol, row in rows.items()} == {
        symbol: row.tobytes() for symbol, row in plain.items()
    }
    columns = list(events[0].header.columns)
    values = matrix_from_bytes(early[0].values, len(early[0].symbols), len(columns))
    place = columns.index("rsi_2")
    # Two sessions are in both; a recursion's seed is far away.
    np.testing.assert_allclose(values[:, place], [rows[symbol][place] for symbol in early[0].symbols], rtol=1e-9)
    assert np.isnan(values[:, columns.index("ret_252")]).all()


async def test_another_version_is_scored_anew(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    for version in ("first", "second", "second", ""):
        fetcher.version = version
        rows, events = await score(stub, ["AAA", "BBB"])
        assert set(rows) == {"AAA", "BBB"}
        assert (events[-1].summary.compute_seconds == 0) is (len(fetcher.asked) == 3)
    await score(stub, ["BBB", "AAA"])
    assert [request.known_version for request in fetcher.asked] == ["", "first", "second", "second", ""]


@pytest.mark.parametrize(
    "error",
    [errors.ProviderAuthError("the key is refused"), errors.ProviderRateLimitedError("slow down", retry_after_s=7.0)],
)
async def test_errors_of_the_fetcher_pass_unchanged(
    error: errors.TechnicError, stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    fetcher.error = error
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await score(stub, ["AAA"])
    passed = from_call(raised.value, "scorer")
    assert (type(passed), passed.message, passed.retry_after_s) == (type(error), error.message, error.retry_after_s)


async def test_deadlines_shrink_on_the_way_down(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    await score(stub, ["AAA"], timeout=7)
    assert 0 < fetcher.seconds_left[0] < 7


async def test_a_cancelled_scoring_cancels_its_call_to_the_fetcher(
    stub: scorer_service_pb2_grpc.ScorerServiceStub, fetcher: ScriptedFetcher
) -> None:
    fetcher.hold.clear()
    call = stub.ScoreUniverse(pb.ScoreUniverseRequest(symbols=["AAA"]), timeout=30)
    await call.read()
    await call.read()
    call.cancel()
    async with asyncio.timeout(5):
        await fetcher.cancelled.wait()


async def test_factors_are_listed_as_the_registry_declares_them(
    stub: scorer_service_pb2_grpc.ScorerServiceStub,
) -> None:
    answer = await stub.ListFactors(pb.ListFactorsRequest())
    assert len(FACTORS) >= 80
    assert [factor.name for factor in answer.factors if factor.weekly] == [spec.name for spec in WEEKLY]
    assert answer.factors[-1].lookback_sessions == 5 * WEEKLY[-1].lookback
    daily = [factor for factor in answer.factors if not factor.weekly]
    for factor, spec in zip(daily, FACTORS, strict=True):
        assert (factor.name, factor.family, factor.unit, factor.source) == (
            spec.name,
            spec.family,
            spec.unit,
            spec.source,
        )
        assert (factor.lookback_sessions, factor.version, factor.recursive) == (
            spec.lookback,
            spec.version,
            spec.recursive,
        )
        assert (tuple(factor.inputs), factor.nan_rule, factor.description) == (
            spec.inputs,
            spec.nan_rule,
            spec.description,
        )


async def test_factors_of_one_family_are_listed(stub: scorer_service_pb2_grpc.ScorerServiceStub) -> None:
    answer = await stub.ListFactors(pb.ListFactorsRequest(family="volume"))
    assert {factor.family for factor in answer.factors} == {"volume"}
    assert "mfi_14" in {factor.name for factor in answer.factors}


async def test_an_unknown_family_is_refused_by_name(stub: scorer_service_pb2_grpc.ScorerServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListFactors(pb.ListFactorsRequest(family="volumes"))
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "'volumes' is not one of: returns, trend" in str(raised.value.details())


@pytest.mark.parametrize(
    ("symbols", "text"),
    [([], "ask for 1 to 20000"), (["A", "A"], "duplicates"), ([f"Q{n}" for n in range(20_001)], "20001 symbols")],
)
async def test_a_wrong_list_of_symbols_is_refused(
    symbols: list[str], text: str, stub: scorer_service_pb2_grpc.ScorerServiceStub
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await score(stub, symbols)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert text in str(raised.value.details())
