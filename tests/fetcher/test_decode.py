"""The grouped-daily answer: the scanner against a JSON parser, and what is refused."""

import json
import math
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.fetcher.provider.decode import EmptyAnswerError, decode_grouped, warm
from services.fetcher.provider.scanner import VALUES, scan
from services.fetcher.provider.validity import valid_bars
from services.fetcher.source import SessionBars
from services.fetcher.symbols import SymbolIndex
from services.market.errors import MalformedAnswerError
from services.market.sessions import NEW_YORK

DAY = date(2025, 7, 9)
CLOSE_MS = int(datetime(2025, 7, 9, 16, tzinfo=NEW_YORK).timestamp() * 1000)
KEYS = {"T", "o", "h", "l", "c", "v", "t"}


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Compile before the first example, which has a deadline."""
    warm(SymbolIndex())


def row(symbol: object = "AAPL", **changes: object) -> dict[str, object]:
    """Return a row as the provider sends it."""
    bar = {"v": 48749367.5, "vw": 210.5046, "o": 209.53, "c": 211.14, "h": 211.33, "l": 207.22, "t": CLOSE_MS, "n": 491}
    return {"T": symbol, **bar, **changes}


def answer(rows: object) -> bytes:
    head = {"queryCount": 1, "resultsCount": 1, "adjusted": False}
    return json.dumps({**head, "results": rows, "status": "OK", "request_id": "x"}, separators=(",", ":")).encode()


def raw(number: str) -> bytes:
    """Return an answer with a number spelled as given, as the volume of its only row."""
    return answer([row(v=0)]).replace(b'"v":0,', f'"v":{number},'.encode())


def scanned(body: bytes) -> list[dict[str, object]] | None:
    """Return the rows as the scanner alone reads them, None for absent values; None if it gives the body back."""
    room = len(body) // 7 + 1
    values, tickers = np.empty((VALUES, room)), np.empty((2, room), np.int64)
    out = values, np.empty(room, np.int32), tickers
    count = scan(np.frombuffer(body, np.uint8), tuple(SymbolIndex().table), out)
    if count < 0:
        return None
    texts = [body[start:end].decode() for start, end in tickers[:, :count].T]
    numbers = [[None if math.isnan(value) else value for value in one] for one in values[:, :count].T.tolist()]
    return [dict(zip("Tohlcvt", (text, *one), strict=True)) for text, one in zip(texts, numbers, strict=True)]


class Row(msgspec.Struct):
    """The oracle's row: absent values are None, an absent ticker is empty."""

    T: str = ""
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741 - the provider's key
    c: float | None = None
    v: float | None = None
    t: float | None = None


class Answer(msgspec.Struct):
    """The oracle's answer."""

    results: list[Row] = []


def assert_same_or_given_back(body: bytes) -> bool:
    """Check the scanner against the parser, to the bit; tell whether it took the body."""
    found = scanned(body)
    if found is None:
        return False
    parsed = [msgspec.structs.asdict(one) for one in msgspec.json.decode(body, type=Answer).results]
    assert repr(found) == repr(parsed)
    return True


def outcome(body: bytes) -> tuple[object, ...]:
    """Return what `decode_grouped` makes of a body: an error's class, or symbols with bits and the refused rows."""
    index = SymbolIndex()
    try:
        found = decode_grouped(body, DAY, index)
    except MalformedAnswerError as error:
        return (type(error),)
    return (*bars_by_symbol(found, index).items(), found.refused_count)


def bars_by_symbol(found: SessionBars, index: SymbolIndex) -> dict[str, bytes]:
    return {index.symbol_at(column): found.bars[:, i].tobytes() for i, column in enumerate(found.columns.tolist())}


spelled_numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(0, 10_000_000, places=4).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,5})?\Z"),
    st.sampled_from(
        ["0.1e-7", "1e22", "1e23", "123456789012345678", "-0", "-0.0", "0e0", "1e-400", "1e400", "01", "1."]
    ),
    st.sampled_from([".5", "+1", "NaN", "Infinity", "1e", "1e+", "0x1", "--1", "9007199254740993", "9007199254740992"]),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
tickers = st.one_of(
    st.from_regex(r"\A[A-Z]{1,5}([.][A-Z])?\Z"), st.text(max_size=18), st.sampled_from(["AAPL", "KIMpL"])
)
prices = st.one_of(st.decimals(0, 2000, places=4).map(float), st.floats(-1, 1e18), st.integers(-1, 10**18))
good_rows = st.fixed_dictionaries(
    {"T": tickers, "o": prices, "h": prices, "l": prices, "c": prices, "v": prices, "t": st.just(CLOSE_MS)},
    optional={"vw": prices, "n": st.integers(), "otc": st.booleans(), "x": scalars},
)
odd_rows = st.dictionaries(st.sampled_from(["T", "o", "h", "l", "c", "v", "t", "vw", "tt", ""]), junk, max_size=9)


@given(spelled_numbers)
@example("0.000001")
@example("9007199254740993e1")
@example("1234567890123456789")
def test_a_number_is_read_to_the_same_bits_or_not_at_all(number: str) -> None:
    body = raw(number)
    if not assert_same_or_given_back(body):
        # Given back: then the answer is the parser's, which must not crash either.
        outcome(body)


@given(st.integers(0, 2**53), st.integers(-22, 22))
def test_numbers_of_53_bits_are_read_without_a_parser(mantissa: int, power: int) -> None:
    body = raw(f"{mantissa}e{power}")
    assert assert_same_or_given_back(body)


@given(st.lists(good_rows, max_size=6), st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (" ,\n", "\t: ")]))
def test_generated_answers_are_read_to_the_same_bits(
    rows: list[dict[str, object]], indent: int | None, separators: tuple[str, str]
) -> None:
    for ascii_only in (True, False):
        text = json.dumps({"results": rows, "count": 1}, indent=indent, separators=separators, ensure_ascii=ascii_only)
        body = text.encode()
        assert_same_or_given_back(body)
        outcome(body)


@given(st.lists(good_rows | odd_rows, max_size=4), st.dictionaries(st.sampled_from("abc"), junk, max_size=3))
def test_junk_gives_bars_or_a_malformed_answer(rows: list[Any], around: dict[str, Any]) -> None:
    body = json.dumps({**around, "results": rows, **around}, ensure_ascii=False).encode()
    assert_same_or_given_back(body)
    outcome(body)


@given(st.data())
def test_a_damaged_answer_is_read_like_the_parser_reads_it(data: st.DataObject) -> None:
    body = bytearray(answer([row(), row("MSFT", v=1e9, c=497.56, h=498.0, o=496.0, l=495.5)]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2) | st.sampled_from([b'"', b"\\"]))
        assume(body)
    assert_same_or_given_back(bytes(body))
    outcome(bytes(body))


def test_an_answer_cut_anywhere_is_malformed() -> None:
    body = answer([row(), row("MSFT")])
    for end in range(len(body)):
        assert scanned(body[:end]) is None
        with pytest.raises(MalformedAnswerError):
            decode_grouped(body[:end], DAY, SymbolIndex())


@given(st.binary(max_size=200))
def test_garbage_is_malformed(body: bytes) -> None:
    assert scanned(body) is None
    # Garbage may happen to be an object of JSON: that is an answer without bars.
    assert outcome(body) in {(MalformedAnswerError,), (EmptyAnswerError,)}


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"results":' * 5_000, b'{"results":5}', b'{"results":[{"T":5}]}', b'{"results":[]}x', b"\xff"],
)
def test_hostile_bodies_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        decode_grouped(body, DAY, SymbolIndex())


def test_what_the_provider_sends_is_taken_by_the_scanner() -> None:
    rows = [row(f"S{i}", v=float(i) * 1.5, otc=True, t=CLOSE_MS) for i in range(50)]
    del rows[7]["vw"], rows[8]["n"]
    rows[9]["v"] = 4.8675101e07
    rows[10]["vw"] = 211.13999938964844
    assert assert_same_or_given_back(answer(rows))
    assert assert_same_or_given_back(json.dumps({"results": rows}, indent=2).encode())


def test_a_key_that_comes_twice_counts_as_it_does_for_the_parser() -> None:
    body = answer([row()]).replace(b'"o":209.53', b'"T":"MSFT","o":1,"o":209.5,"t":0')
    assert assert_same_or_given_back(body)
    assert scanned(body.replace(b'"status"', b'"results":[],"status"')) is None


@pytest.mark.parametrize(
    "body", [answer([row("A\\u0041")]), answer([row(x=[1])]), answer([row(o=None)]), answer([row("É")]), raw("-0")]
)
def test_what_the_scanner_does_not_know_it_gives_back(body: bytes) -> None:
    assert scanned(body) is None


def test_bars_come_in_the_order_of_the_fields_and_get_columns() -> None:
    index = SymbolIndex()
    index.add(["ZZZ", "MSFT"])
    found = decode_grouped(answer([row(), row("MSFT", o=1.5, h=2.5, l=0.5, c=2, v=0)]), DAY, index)
    assert found.session == DAY
    assert found.columns.tolist() == [2, 1]
    assert found.columns.dtype == np.int32
    assert found.bars.T.tolist() == [[209.53, 211.33, 207.22, 211.14, 48749367.5], [1.5, 2.5, 0.5, 2.0, 0.0]]
    assert found.refused_count == 0
    assert index.column_of("AAPL") == 2


def test_both_ways_of_reading_give_the_same_session() -> None:
    rows = [row(), row("BAD", l=0), row("ODD ONE"), row("X", t=0), row("MSFT"), row(c=210.0)]
    assert outcome(answer(rows)) == outcome(answer([{**one, "x": {}} for one in rows]))


@pytest.mark.parametrize(
    "bad",
    [
        row("MSFT", o=0), row("MSFT", c=-1), row("MSFT", h=207.0), row("MSFT", v=-1), row("MSFT", l=None),
        row("MSFT", t=CLOSE_MS - 86_400_000), row("MSFT", t=CLOSE_MS + 86_400_000), row("MSFT", t=None),
        row(""), row(None), row("A B"), row("A" * 17), row("É"), {}, {"T": "MSFT"},
    ],
)  # fmt: skip
def test_a_row_that_is_no_bar_is_refused_and_counted(bad: dict[str, object]) -> None:
    index = SymbolIndex()
    found = decode_grouped(answer([bad, row()]), DAY, index)
    assert list(bars_by_symbol(found, index)) == ["AAPL"]
    assert found.refused_count == 1
    assert len(index) == 1


def test_the_last_good_bar_of_a_symbol_that_comes_twice_counts() -> None:
    index = SymbolIndex()
    found = decode_grouped(answer([row(c=208), row(c=209), row("MSFT"), row(c=0)]), DAY, index)
    assert {index.symbol_at(c): close for c, close in zip(found.columns, found.bars[3], strict=True)} == {
        "AAPL": 209.0,
        "MSFT": 211.14,
    }
    assert found.refused_count == 2


@given(st.lists(st.builds(row, st.sampled_from("ABC"), o=st.sampled_from([0, 208, None])), min_size=1, max_size=9))
def test_rows_kept_and_refused_add_up_to_the_rows_sent(rows: list[dict[str, object]]) -> None:
    found = decode_grouped(answer([*rows, row("D")]), DAY, SymbolIndex())
    assert found.bars.shape[1] + found.refused_count == len(rows) + 1
    assert len(set(found.columns.tolist())) == len(found.columns)


@pytest.mark.parametrize("body", [b"{}", b'{"status":"OK","resultsCount":0}', answer(None), answer([])])
def test_an_answer_without_rows_is_told_apart(body: bytes) -> None:
    with pytest.raises(EmptyAnswerError):
        decode_grouped(body, DAY, SymbolIndex())


def test_an_answer_for_another_day_is_malformed() -> None:
    body = answer([row(), row("MSFT")])
    for day in (date(2025, 7, 8), date(2025, 7, 10)):
        with pytest.raises(MalformedAnswerError, match=str(day)):
            decode_grouped(body, day, SymbolIndex())


def test_the_day_is_that_of_new_york_in_winter_and_summer() -> None:
    for day in (date(2025, 1, 15), DAY):
        for clock, inside in (((0, 0), True), ((23, 59), True)):
            at = datetime(day.year, day.month, day.day, *clock, tzinfo=NEW_YORK)
            found = decode_grouped(answer([row(t=int(at.timestamp() * 1000))]), day, SymbolIndex())
            assert (len(found.columns) == 1) is inside


def test_an_answer_of_nothing_but_garbage_symbols_adds_none() -> None:
    index = SymbolIndex()
    with pytest.raises(MalformedAnswerError):
        decode_grouped(answer([row(f"S{i}", o=0) for i in range(100)]), DAY, index)
    assert len(index) == 0


def test_warming_adds_no_symbol() -> None:
    index = SymbolIndex()
    warm(index)
    assert len(index) == 0


@given(st.lists(st.tuples(*[st.floats(width=32)] * 5), min_size=1, max_size=5))
def test_valid_bars_says_what_its_docstring_says(bars: list[tuple[float, ...]]) -> None:
    def valid(bar: tuple[float, ...]) -> bool:
        _, high, low, _, volume = bar
        return all(map(math.isfinite, bar)) and min(bar[:4]) > 0 and high >= low and volume >= 0

    assert valid_bars(np.array(bars, np.float64).T).tolist() == [valid(bar) for bar in bars]
