"""Real bars behind the REST API: what the files hold, and nothing else."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime
from pathlib import Path

import aiohttp
import pytest

from services.market.errors import LocalDataError
from services.market.sessions import NEW_YORK, sessions_ending
from services.simulator.api import Terms, create_replay
from services.simulator.plans import PLANS
from services.simulator.replay import Replay
from services.simulator.serve import serving
from services.simulator.settings import read_settings
from tests.simulator.conftest import KEY, Running

LAST = date(2025, 7, 9)
SESSIONS = sessions_ending(LAST, 4)
BEFORE = sessions_ending(LAST, 400)[0]
GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"
TICKERS = "/v3/reference/tickers"
UNIVERSE = """bars_symbol,name,type,exchange,market_cap,test_issue
AAPL,Apple Inc.,common,NASDAQ,3e12,N
BRK-B,Berkshire,unclassified,NYSE,,N
SPY,SPDR,etf,ARCA,,N
ZVZZT,Test,common,NASDAQ,,Y
"""

StartReplay = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Bars of five symbols, and what is known of four."""
    folder = tmp_path_factory.mktemp("files")
    symbols = {"AAPL": "0.123456789", "BRK-B": "2", "SPY": "3", "ZVZZT": "4"}
    rows = [f"{symbol},{day},1,9,0.1,{close},1000.0625" for symbol, close in symbols.items() for day in SESSIONS]
    rows += [f"GONE,{BEFORE},1,1,1,1,1", f"DIRT,{LAST},1,1,-1,1,1", f"VOID,{LAST},1,,1,1,1"]
    (folder / "bars.csv").write_text("symbol,date,open,high,low,close,volume\n" + "\n".join(rows))
    (folder / "universe.csv").write_text(UNIVERSE)
    return folder / "bars.csv", folder / "universe.csv"


@pytest.fixture(scope="session")
def start_replay(files: tuple[Path, Path]) -> StartReplay:
    @asynccontextmanager
    async def started(now: datetime | None = None) -> AsyncIterator[Running]:
        replay = await asyncio.to_thread(Replay.read, *files)
        app = create_replay(replay, Terms(KEY, PLANS["advanced"]), lambda: now or replay.evening)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            async with serving(app, socket.create_server(("127.0.0.1", 0))) as url:
                yield Running(url, replay.evening, http)

    return started


@pytest.fixture(scope="session")
async def replay(start_replay: StartReplay) -> AsyncIterator[Running]:
    async with start_replay() as running:
        yield running


@pytest.mark.parametrize("adjusted", ["true", "false"])
async def test_grouped_has_the_numbers_of_the_file(replay: Running, adjusted: str) -> None:
    _, found = await replay.get(f"{GROUPED}{LAST}?adjusted={adjusted}")
    close = datetime(2025, 7, 9, 16, tzinfo=NEW_YORK).timestamp() * 1000
    rows = {row.pop("T"): row for row in found["results"]}
    assert rows["AAPL"] == {"o": 1, "h": 9, "l": 0.1, "c": 0.123456789, "v": 1000.0625, "t": close}
    # Dirt is replayed; a bar that JSON has no number for is not.
    assert set(rows) == {"AAPL", "BRK-B", "SPY", "ZVZZT", "DIRT"}
    assert found["resultsCount"] == len(rows)


@pytest.mark.parametrize("day", ["2025-07-04", "2025-07-10", "2023-11-30", "2024-06-03"])
async def test_a_day_that_the_file_lacks_is_a_good_answer_without_results(replay: Running, day: str) -> None:
    status, found = await replay.get(GROUPED + day)
    assert (status, found["resultsCount"]) == (200, 0)
    assert "results" not in found


async def test_custom_bars_are_those_of_one_symbol(replay: Running) -> None:
    _, found = await replay.get(f"/v2/aggs/ticker/BRK-B/range/1/day/{SESSIONS[1]}/{LAST}")
    midnights = [datetime.combine(day, datetime.min.time(), NEW_YORK).timestamp() * 1000 for day in SESSIONS[1:]]
    assert [row["t"] for row in found["results"]] == midnights
    assert found["results"][0] == {"o": 1, "h": 9, "l": 0.1, "c": 2, "v": 1000.0625, "t": midnights[0]}
    _, unknown = await replay.get(f"/v2/aggs/ticker/NONE/range/1/day/{SESSIONS[1]}/{LAST}")
    assert unknown["resultsCount"] == 0
    _, previous = await replay.get("/v2/aggs/ticker/SPY/prev")
    assert [row["c"] for row in previous["results"]] == [3]


async def test_the_list_has_the_symbols_of_the_last_sessions_with_the_vendor_s_codes(replay: Running) -> None:
    _, found = await replay.get(f"{TICKERS}?market=stocks&active=true&limit=1000")
    told = {row["ticker"]: (row["name"], row.get("type"), row.get("primary_exchange")) for row in found["results"]}
    assert told == {
        "AAPL": ("Apple Inc.", "CS", "XNAS"),
        "BRK-B": ("Berkshire", None, "XNYS"),
        "DIRT": ("", None, None),
        "SPY": ("SPDR", "ETF", "ARCX"),
        "VOID": ("", None, None),
    }
    _, gone = await replay.get(f"{TICKERS}?active=false")
    assert [(row["ticker"], row["delisted_utc"][:10]) for row in gone["results"]] == [("GONE", str(BEFORE))]


async def test_details_tell_the_market_cap_where_the_file_does(replay: Running) -> None:
    _, apple = await replay.get(f"{TICKERS}/AAPL")
    _, berkshire = await replay.get(f"{TICKERS}/BRK-B")
    assert apple["results"]["market_cap"] == 3e12
    assert "market_cap" not in berkshire["results"]
    assert (await replay.get(f"{TICKERS}/ZVZZT"))[0] == 404


async def test_there_are_no_splits(replay: Running) -> None:
    for path in ("/stocks/v1/splits", "/v3/reference/splits"):
        status, found = await replay.get(path)
        assert (status, found["results"]) == (200, [])


async def test_the_snapshot_shows_the_last_session_and_the_one_before(replay: Running) -> None:
    _, found = await replay.get("/v2/snapshot/locale/us/markets/stocks/tickers?tickers=AAPL,DIRT")
    rows = {row["ticker"]: row for row in found["tickers"]}
    assert (rows["AAPL"]["day"]["c"], rows["AAPL"]["prevDay"]["c"]) == (0.123456789, 0.123456789)
    assert rows["DIRT"]["prevDay"]["c"] == 0


async def test_the_clock_stands_in_the_evening_of_the_last_session(replay: Running) -> None:
    _, found = await replay.get("/v1/marketstatus/now")
    assert found["serverTime"] == "2025-07-09T20:00:00-04:00"


async def test_a_session_that_runs_does_not_show(start_replay: StartReplay) -> None:
    async with start_replay(datetime(2025, 7, 9, 12, tzinfo=NEW_YORK)) as running:
        _, today = await running.get(GROUPED + str(LAST))
        _, before = await running.get(GROUPED + str(SESSIONS[2]))
        _, snapshot = await running.get("/v2/snapshot/locale/us/markets/stocks/tickers?tickers=AAPL")
        _, bars = await running.get(f"/v2/aggs/ticker/AAPL/range/1/day/{SESSIONS[2]}/{LAST}")
    assert (today["resultsCount"], before["resultsCount"], bars["resultsCount"]) == (0, 4, 1)
    assert (snapshot["tickers"][0]["day"]["c"], snapshot["tickers"][0]["prevDay"]["c"]) == (0, 0.123456789)


def test_the_first_session_has_none_before_it(files: tuple[Path, Path]) -> None:
    replay = Replay.read(*files)
    assert replay.position(BEFORE) == 0
    assert not replay.listed(date(2020, 1, 2)).any()
    assert not replay.delisted(date(2020, 1, 2)).any()


def test_absent_files_are_an_error(tmp_path: Path, files: tuple[Path, Path]) -> None:
    with pytest.raises(LocalDataError, match="absent"):
        Replay.read(tmp_path / "absent", None)
    with pytest.raises(LocalDataError, match="absent"):
        Replay.read(files[0], tmp_path / "absent.csv")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the simulator until its standard input, which is empty, ends it."""
    return subprocess.run(
        [sys.executable, "-m", "services.simulator", "--port", "0", *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TECHNIC_EXIT_WITH_STDIN": "1"},
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_says_that_the_bars_are_real(files: tuple[Path, Path]) -> None:
    done = command("--bars", str(files[0]), "--universe", str(files[1]))
    assert done.returncode == 0
    assert done.stderr.startswith(f"real bars of {files[0]}, replayed, on http://")
    assert f"{BEFORE} to {LAST}" in done.stderr


def test_what_cannot_be_replayed_is_one_line_and_status_2(files: tuple[Path, Path], tmp_path: Path) -> None:
    for arguments in (("--bars", str(tmp_path)), ("--bars", str(files[0]), "--clock", "2023-01-03T20:00")):
        done = command(*arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_universe_without_bars_is_a_wrong_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_settings(["--universe", "x.csv"])
    assert "--universe" in capsys.readouterr().err
