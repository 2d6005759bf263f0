"""The array-wise JSON writer, read back by an ordinary JSON parser."""

import json

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.simulator.bars import SCALE, Bars, raw_bars
from services.simulator.body import RowWriter, grouped_body
from services.simulator.market import Market

FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vw": "average"}


def assert_rows_equal(body: bytes, symbols: tuple[str, ...], bars: Bars) -> None:
    document = orjson.loads(body)
    traded = np.flatnonzero(bars.traded[0])
    assert [row["T"] for row in document["results"]] == [symbols[column] for column in traded]
    assert document["resultsCount"] == document["queryCount"] == document["count"] == len(traded)
    for column, row in zip(traded, document["results"], strict=True):
        expected = {key: getattr(bars, name)[0, column] / SCALE for key, name in FIELDS.items()}
        expected |= {"n": bars.trades[0, column], "T": symbols[column], "t": 1_759_262_400_000}
        if not bars.average[0, column]:
            del expected["vw"], expected["n"]
        assert row == expected


def test_a_session_reads_back_as_its_bars(market: Market) -> None:
    bars = raw_bars(market, np.array([799]), np.arange(len(market.listings.symbols)))
    symbols = market.listings.symbols
    body = grouped_body(*RowWriter(symbols).rows(bars, 1_759_262_400_000), adjusted=False, status="OK", name="id")
    assert_rows_equal(body, symbols, bars)


@given(
    arrays(np.int64, (5, 1, 8), elements=st.integers(1, 10**12 - 1)),
    arrays(np.int64, (1, 8), elements=st.integers(1, 2**53 - 1)),
    arrays(np.int64, (1, 8), elements=st.integers(1, 10**8 - 1)),
    arrays(np.bool_, (1, 8)),
)
def test_every_number_reads_back(
    prices: np.ndarray, volume: np.ndarray, trades: np.ndarray, traded: np.ndarray
) -> None:
    symbols = tuple("ABCDEFGH")
    opened, high, low, close, average = prices
    bars = Bars(traded, opened, high, low, close, average, volume, trades)
    body = grouped_body(*RowWriter(symbols).rows(bars, 1_759_262_400_000), adjusted=True, status="OK", name="id")
    assert_rows_equal(body, symbols, bars)


def test_large_volumes_are_written_as_the_vendor_writes_them() -> None:
    volumes = np.array([[9_999_999_999, 10_000_000_000, 561_739_900_000, 6_543_210_000_000_000, 259_336_000]])
    ones = np.full((1, 5), SCALE)
    bars = Bars(np.full((1, 5), fill_value=True), ones, ones, ones, ones, ones, volumes, ones)
    rows, count = RowWriter(tuple("ABCDE")).rows(bars, 1)
    assert count == 5
    numbers = [part.split(b",")[0] for part in rows.split(b'"v":')[1:]]
    assert numbers == [b"999999.9999", b"1e+06", b"5.617399e+07", b"6.54321e+11", b"25933.6"]
    assert len(json.loads(b"[" + rows + b"]")) == 5
