"""The bars of one symbol: the scanner's way against the parser's."""

import json
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.fetcher.provider.decode import warm
from services.fetcher.provider.parse import RawBar, columns_of, following, parse_bars, symbol_bars
from services.fetcher.symbols import SymbolIndex
from services.market.errors import MalformedAnswerError

DAY_MS = 86_400_000
FIRST_MS = 1_752_033_600_000


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Compile before the first example, which has a deadline."""
    warm(SymbolIndex())


class Answer(msgspec.Struct):
    """The oracle's answer."""

    results: list[RawBar] = []
    next_url: str | None = None


def row(place: int, **changes: object) -> dict[str, object]:
    """Return a row as the provider sends it."""
    bar = {"v": 66565825.0, "vw": 388.2433, "o": 389.43, "c": 387.73, "h": 389.71, "l": 387.13}
    return {**bar, "t": FIRST_MS + place * DAY_MS, "n": 739620, **changes}


def answer(rows: object, **around: object) -> bytes:
    head = {"ticker": "SPY", "queryCount": 2, "adjusted": False, "results": rows, "status": "OK"}
    return json.dumps({**head, **around}, separators=(",", ":")).encode()


def assert_as_parsed(body: bytes) -> None:
    """Check a page against the parser, to the bit, errors included."""
    try:
        expected = msgspec.json.decode(body, type=Answer)
        link = following(expected.next_url)
    except (msgspec.DecodeError, UnicodeDecodeError, MalformedAnswerError):
        with pytest.raises(MalformedAnswerError):
            parse_bars(body)
        return
    page = parse_bars(body)
    found = [part.values.tobytes() for part in page.rows]
    assert found == ([columns_of(expected.results).values.tobytes()] if expected.results else [])
    assert page.following == link


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.decimals(0, 2000, places=4).map(float), st.integers(0, 2**54)
)
times = st.one_of(st.integers(-1, 2**54), st.sampled_from([1.0, 1e3, None, "1", True, 0, FIRST_MS]))
rows = st.fixed_dictionaries(
    {"o": numbers, "h": numbers, "l": numbers, "c": numbers, "v": numbers, "t": times},
    optional={
        "vw": numbers,
        "n": st.integers(),
        "T": st.none() | st.text(max_size=3),
        "x": st.none() | st.lists(numbers),
    },
)


@given(st.lists(rows, max_size=4), st.sampled_from([None, 1]))
def test_generated_pages_are_read_as_the_parser_reads_them(found: list[dict[str, Any]], indent: int | None) -> None:
    for ascii_only in (True, False):
        text = json.dumps({"results": found, "count": 1}, indent=indent, ensure_ascii=ascii_only)
        assert_as_parsed(text.encode())


@given(st.data())
def test_a_damaged_page_is_read_as_the_parser_reads_it(data: st.DataObject) -> None:
    body = bytearray(answer([row(0), row(1, v=1e9, o=1)], next_url="https://x.example/v2?cursor=1"))
    if data.draw(st.booleans()):
        body = bytearray(answer([row(0), row(1, t=5)]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2) | st.sampled_from([b'"', b"\\"]))
        assume(body)
    assert_as_parsed(bytes(body))


@pytest.mark.parametrize(
    "body",
    [
        answer([row(0)], next_url="https://x.example/v2/aggs?cursor=1"), answer([row(0)], next_url=None),
        answer([row(0, o=None)]), answer([row(0, t=1.0)]), answer([row(0, t=2**53 + 1)]), answer([{"o": 1}]),
        answer([]), answer(None), b"{}", answer([row(0)]).replace(b'"t":1', b'"t":01'),
        answer([row(0)], next_url="https://x.example/v2?cursor=1").replace(b"next_url", b"next\\u005furl"),
    ],
)  # fmt: skip
def test_unusual_pages_are_read_as_the_parser_reads_them(body: bytes) -> None:
    assert_as_parsed(body)


def test_pages_follow_each_other() -> None:
    parts = [part for places in ((0, 1), (2,)) for part in parse_bars(answer([row(n) for n in places])).rows]
    found = symbol_bars("SPY", parts, date(2025, 1, 1), date(2025, 12, 31))
    assert np.diff(found.session_days).tolist() == [1, 1]
    assert found.bars[:, 2].tolist() == [389.43, 389.71, 387.13, 387.73, 66565825.0]
    assert found.bars.flags.c_contiguous
