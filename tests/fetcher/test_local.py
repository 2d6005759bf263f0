"""Bars from Parquet files: what is read, what is refused, and the one clear line for files that are not bars."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from services.fetcher.local import LocalFiles, LocalSource
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.sessions import from_day_number, sessions_ending, to_day_number
from services.market.vocabulary import SymbolType

LAST = date(2025, 7, 9)
SESSIONS = sessions_ending(LAST, 4)
Columns = dict[str, Any]


def columns(symbols: list[str] | None = None, days: list[date] | None = None, **changes: object) -> Columns:
    """Return columns of bars, one row a symbol and day."""
    symbols, days = symbols or ["AAPL", "MSFT"], days or list(SESSIONS)
    rows = [(symbol, day) for symbol in symbols for day in days]
    prices = np.array([209.53, 211.33, 207.22, 211.14], np.float32)
    fields = {name: pa.array(np.full(len(rows), price)) for name, price in zip(OHLC, prices, strict=True)}
    volume = np.arange(len(rows)) + 0.5
    base = {"symbol": [row[0] for row in rows], "date": [row[1] for row in rows], **fields, "volume": volume}
    return {**base, **changes}


OHLC = ("open", "high", "low", "close")


def universe(*rows: tuple[str, str], **changes: object) -> pa.Table:
    """Return a table of attributes, from symbols and types."""
    count = len(rows)
    base = {
        "bars_symbol": [symbol for symbol, _ in rows],
        "name": [f"{symbol} Inc." for symbol, _ in rows],
        "exchange": ["NYSE"] * count,
        "type": [kind for _, kind in rows],
        "sector": ["Finance"] * count,
        "market_cap": [1e9] * count,
        "test_issue": ["N"] * count,
    }
    return pa.table({**base, **changes})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write columns as a Parquet file."""

    def writer(table: Columns | pa.Table, name: str = "bars.parquet", **options: object) -> Path:
        path = tmp_path / name
        parquet.write_table(pa.table(table), path, **options)
        return path

    return writer


async def open_bars(
    path: Path, universe_path: Path | None = None, splits_path: Path | None = None
) -> tuple[LocalSource, SymbolIndex]:
    index = SymbolIndex()
    return await LocalSource.open(LocalFiles(path, universe_path, splits_path), index), index


async def closes(source: LocalSource, index: SymbolIndex, session: date) -> dict[str, float]:
    bars = await source.session_bars(session)
    return {index.symbol_at(column): close for column, close in zip(bars.columns, bars.bars[3].tolist(), strict=True)}


async def test_bars_come_by_session_and_by_symbol(write: Callable[..., Path]) -> None:
    source, index = await open_bars(write(columns(["B", "A"])))
    bars = await source.session_bars(SESSIONS[1])
    assert [index.symbol_at(column) for column in bars.columns] == ["B", "A"]
    assert bars.bars.T.tolist() == [[209.53, 211.33, 207.22, 211.14, 1.5], [209.53, 211.33, 207.22, 211.14, 5.5]]
    assert (bars.session, bars.refused_count) == (SESSIONS[1], 0)
    assert bars.columns.dtype == np.int32
    one = await source.symbol_bars("A", SESSIONS[1], SESSIONS[2])
    assert [from_day_number(day) for day in one.session_days.tolist()] == list(SESSIONS[1:3])
    assert one.bars[:, 1].tolist() == [209.53, 211.33, 207.22, 211.14, 6.5]
    assert one.symbol == "A"
    assert one.session_days.dtype == np.int32


async def test_a_file_is_a_source_of_adjusted_bars_without_calls(write: Callable[..., Path]) -> None:
    source, _ = await open_bars(write(columns()))
    assert source.latest_session() == LAST
    assert await source.splits(SESSIONS[0]) == ()
    assert (source.name, source.simulated, source.request_count, source.repair_limit) == ("files", False, 0, 0)
    assert source.concurrency >= 1
    await source.close()


async def test_what_the_file_does_not_have_is_empty(write: Callable[..., Path]) -> None:
    source, _ = await open_bars(write(columns(days=[SESSIONS[0], SESSIONS[3]])))
    for day in (SESSIONS[1], SESSIONS[0] - timedelta(days=30), LAST + timedelta(days=1)):
        assert (await source.session_bars(day)).bars.shape == (5, 0)
    assert (await source.symbol_bars("NONE", SESSIONS[0], LAST)).bars.shape == (5, 0)
    assert (await source.symbol_bars("AAPL", SESSIONS[1], SESSIONS[2])).bars.shape == (5, 0)
    assert (await source.symbol_bars("AAPL", SESSIONS[0], LAST)).bars.shape == (5, 2)


def days_as(kind: pa.DataType) -> pa.Table:
    table = pa.table(columns())
    return table.set_column(1, "date", table["date"].cast(pa.timestamp("ms")).cast(kind))


@pytest.mark.parametrize(
    "table",
    [
        columns(),
        pa.table(columns()).set_column(0, "symbol", pa.array(columns()["symbol"]).dictionary_encode()),
        pa.table(columns()).set_column(0, "symbol", pa.array(columns()["symbol"], pa.large_string())),
        days_as(pa.date64()),
        days_as(pa.timestamp("ns")),
        {**columns(), **{name: np.full(8, 211.14) for name in OHLC}},
        columns(volume=np.arange(8)),
        columns(volume=np.arange(8, dtype=np.float32)),
        columns(extra=["x"] * 8),
    ],
)  # fmt: skip
@pytest.mark.parametrize("options", [{}, {"row_group_size": 3}, {"compression": "zstd", "use_dictionary": False}])
async def test_files_of_other_writers_are_read(
    write: Callable[..., Path], table: Columns | pa.Table, options: dict[str, object]
) -> None:
    source, index = await open_bars(write(table, **options))
    for session in SESSIONS:
        assert await closes(source, index, session) == {"AAPL": 211.14, "MSFT": 211.14}


@given(order=st.permutations(range(8)))
async def test_the_order_of_the_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "bars.parquet"
    parquet.write_table(pa.table(columns()).take(order), path)
    source, index = await open_bars(path)
    for i, session in enumerate(SESSIONS):
        bars = await source.session_bars(session)
        volumes = dict(zip(map(index.symbol_at, bars.columns.tolist()), bars.bars[4].tolist(), strict=True))
        assert volumes == {"AAPL": i + 0.5, "MSFT": i + 4.5}


async def test_bars_that_are_none_are_refused_and_counted(write: Callable[..., Path]) -> None:
    close = pa.array([1.0, None, np.nan, 0, -1.0, np.inf, 208.0, 208.0])
    source, index = await open_bars(write(columns(list("ABCDEFGH"), [LAST], close=close)))
    bars = await source.session_bars(LAST)
    assert [index.symbol_at(column) for column in bars.columns] == ["A", "G", "H"]
    assert bars.refused_count == 5
    assert (await source.symbol_bars("B", LAST, LAST)).refused_count == 1


async def test_rows_on_days_without_a_session_are_dropped_and_counted(write: Callable[..., Path]) -> None:
    odd = [date(2025, 7, 4), date(2025, 7, 5), date(1969, 12, 31), date(1, 1, 1), date(9999, 12, 31)]
    source, index = await open_bars(write(columns(["A"], [*odd, *SESSIONS])))
    assert source.dropped_count == len(odd)
    assert source.latest_session() == LAST
    assert list(await closes(source, index, SESSIONS[0])) == ["A"]
    assert (await source.session_bars(odd[0])).bars.shape == (5, 0)


async def test_listings_are_joined_on_the_symbol_of_the_bars(write: Callable[..., Path]) -> None:
    path = write(columns(["T", "BRK-B", "ABR_D", "ZVZZT", "XYZ-U", "NEW"], [LAST]))
    kinds = [
        ("BRK-B", "unclassified"),
        ("T", "adr"),
        ("ABR_D", "common"),
        ("XYZ-U", "unclassified"),
        ("ZVZZT", "common"),
    ]
    flags = {"test_issue": ["N", None, "N", "N", "Y"], "market_cap": [1e12, 0.0, None, -1.0, 1.0]}
    write(universe(*kinds, sector=["", "Finance", None, "", ""], **flags), "universe.parquet")
    source, _ = await open_bars(path)
    found = await source.listings()
    assert [(one.symbol, one.type) for one in found] == [
        ("ABR_D", SymbolType.COMMON),
        ("BRK-B", SymbolType.UNKNOWN),
        ("NEW", SymbolType.UNKNOWN),
        ("T", SymbolType.ADR),
        ("XYZ-U", SymbolType.UNIT),
    ]
    assert [one.sector for one in found] == ["", "", "", "Finance", ""]
    assert [one.market_cap if one.market_cap > 0 else None for one in found] == [None, 1e12, None, None, None]
    assert [one.name for one in found][:3] == ["ABR_D Inc.", "BRK-B Inc.", ""]


async def test_a_universe_can_be_named_or_be_absent(write: Callable[..., Path]) -> None:
    path = write(columns(["T", "ABR_D"], [LAST]))
    source, _ = await open_bars(path)
    assert [one.type for one in await source.listings()] == [SymbolType.PREFERRED, SymbolType.UNKNOWN]
    named = write(universe(("T", "common"), ("T", "etf")), "named.parquet")
    source, _ = await open_bars(path, named)
    assert [one.type for one in await source.listings()] == [SymbolType.PREFERRED, SymbolType.COMMON]


async def test_only_symbols_of_the_last_300_sessions_are_listed(write: Callable[..., Path]) -> None:
    days = sessions_ending(LAST, 301)
    rows = [("OLD", days[0]), ("EDGE", days[1]), *(("A", day) for day in days)]
    one_price = {name: np.ones(len(rows)) for name in (*OHLC, "volume")}
    path = write({"symbol": [row[0] for row in rows], "date": [row[1] for row in rows], **one_price})
    source, index = await open_bars(path)
    assert [one.symbol for one in await source.listings()] == ["A", "EDGE"]
    assert [one.symbol for one in await source.listed_on(days[299])] == ["A", "EDGE", "OLD"]
    assert [one.symbol for one in await source.listed_on(days[0])] == ["A", "OLD"]
    assert set(await closes(source, index, days[0])) == {"OLD", "A"}


async def refused(path: Path, universe_path: Path | None = None) -> str:
    with pytest.raises(LocalDataError) as caught:
        await open_bars(path, universe_path)
    message = caught.value.message
    assert "\n" not in message
    return message


async def test_an_absent_file_is_named(tmp_path: Path, write: Callable[..., Path]) -> None:
    absent = tmp_path / "absent.parquet"
    assert "absent.parquet" in await refused(absent)
    assert "absent.parquet" in await refused(write(columns()), absent)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"symbol,date,open\nAAPL,2025-07-09,1\n", b"PAR1" + b"\0" * 99 + b"PAR1"]
)
async def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bars.parquet"
    path.write_bytes(content)
    assert "bars.parquet" in await refused(path)
    assert await refused(tmp_path)


async def test_a_file_cut_anywhere_is_refused(write: Callable[..., Path]) -> None:
    path = write(columns())
    whole = path.read_bytes()
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        assert await refused(path)


async def test_a_damaged_page_is_refused(write: Callable[..., Path]) -> None:
    path = write(columns(), compression="zstd", write_page_checksum=True)
    whole = bytearray(path.read_bytes())
    whole[4:40] = bytes(36)
    path.write_bytes(whole)
    assert await refused(path)


async def test_a_flipped_byte_is_refused_or_does_no_harm(write: Callable[..., Path]) -> None:
    path = write(columns(), compression="none")
    whole = path.read_bytes()
    refused_count = 0
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            source, _ = await open_bars(path)
        except LocalDataError:
            refused_count += 1
        else:
            await source.session_bars(source.latest_session())
    assert refused_count > len(whole) // 10


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"text": ["AAPL"]}, "column symbol"),
        (columns([f"S{i}" for i in range(65_537)], [LAST]), "65536"),
        ({key: values for key, values in columns().items() if key != "low"}, "column low"),
        (pa.table(columns()).slice(0, 0), "0 rows"),
        (columns(symbol=np.arange(8)), "symbol must hold a text"),
        (columns(date=["2025-07-09"] * 8), "date must hold a date"),
        (columns(date=pa.array([datetime(2025, 7, 9)] * 8, pa.timestamp("s", "UTC"))), "date must hold a date"),  # noqa: DTZ001 - zone is in the type
        (columns(close=["1"] * 8), "close must hold a number"),
        (columns(volume=[True] * 8), "volume must hold a number"),
        (columns(symbol=[None, *"ABCDEFG"]), "1 rows without a symbol"),
        (columns(date=[None, *[LAST] * 7]), "1 rows without a date"),
        (columns(symbol=pa.nulls(8)), "8 rows without a symbol"),
        (columns(symbol=["A B", *"ABCDEFG"]), "'A B' is no symbol"),
        (columns(days=[date(2025, 7, 4), date(2025, 7, 5)]), "no row is on a session"),
        (columns(days=[LAST, LAST, SESSIONS[0]]), "2 bars twice"),
        (columns(symbols=["A", "B", "A"]), "4 bars twice"),
    ],
)  # fmt: skip
async def test_a_file_that_is_not_bars_is_refused(
    write: Callable[..., Path], table: Columns | pa.Table, said: str
) -> None:
    assert said in await refused(write(table))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (universe(("T", "common")).drop_columns("bars_symbol"), "column bars_symbol"),
        (universe(("T", "common"), market_cap=["1"]), "market_cap must hold a number"),
        (universe(("T", "common"), name=[5]), "name must hold a text"),
    ],
)  # fmt: skip
async def test_a_file_that_is_no_universe_is_refused(write: Callable[..., Path], table: pa.Table, said: str) -> None:
    path = write(columns())
    write(table, "universe.parquet")
    assert said in await refused(path)


async def test_a_folder_is_a_source_and_its_universe_and_splits_are_no_bars(write: Callable[..., Path]) -> None:
    path = write(columns(["A"], [*SESSIONS[:2]]), "1.parquet")
    write(columns(["A"], [*SESSIONS[2:]]), "2.parquet")
    write(universe(("A", "etf")), "universe.parquet")
    splits = write({"symbol": ["A"], "date": [LAST], "ratio": [2.0]}, "splits.parquet")
    source, _ = await open_bars(path.parent, None, splits)
    assert (await source.symbol_bars("A", SESSIONS[0], LAST)).bars.shape == (5, 4)
    assert [one.type for one in await source.listings()] == [SymbolType.ETF]


async def test_raw_bars_come_with_the_splits_from_a_day_on(write: Callable[..., Path]) -> None:
    days, ratios = [SESSIONS[1], SESSIONS[3], SESSIONS[2]], [4.0, 0.5, 2.0]
    splits = write({"symbol": ["A", "A", "OTHER"], "date": days, "ratio": ratios}, "splits.parquet")
    source, _ = await open_bars(write(columns(["A"])), None, splits)
    early, late = Split("A", to_day_number(days[0]), 1.0, 4.0), Split("A", to_day_number(days[1]), 2.0, 1.0)
    assert await source.splits(SESSIONS[0]) == (early, late)
    assert await source.splits(SESSIONS[2]) == (late,)


async def test_the_real_market_is_read(shared_data: Path) -> None:
    source, index = await open_bars(shared_data / "bars_2025.parquet")
    assert source.latest_session() == LAST
    assert source.dropped_count == 0
    assert (await closes(source, index, LAST))["AAPL"] == 211.14
    aapl = await source.symbol_bars("AAPL", SESSIONS[0], LAST)
    assert aapl.bars[3, -1] == 211.14
    assert aapl.session_days.tolist() == [to_day_number(day) for day in SESSIONS]
    types = {one.symbol: one.type for one in await source.listings()}
    assert len(types) > 6_000
    for symbol in ("V", "TSM", "BRK-B", "T", "MO"):
        assert types[symbol] in {SymbolType.COMMON, SymbolType.ADR, SymbolType.UNKNOWN}
    assert types["SPY"] == SymbolType.ETF
    assert "ZVZZT" not in types


async def test_dirt_of_the_real_market_is_dropped_and_counted(shared_data: Path) -> None:
    source, _ = await open_bars(shared_data / "bars_2017.parquet")
    assert source.dropped_count > 0
    low = await source.symbol_bars("HLG", date(2015, 6, 29), date(2017, 11, 10))
    assert low.refused_count == 1
