"""Parsing of the smaller answers. Bodies are the examples of the vendor's OpenAPI description, and their breakages."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.provider.parse import (
    RawBar,
    columns_of,
    error_text,
    following,
    parse_bars,
    parse_listings,
    parse_splits,
    symbol_bars,
)
from services.market.adjust import Split
from services.market.errors import MalformedAnswerError
from services.market.sessions import NEW_YORK, to_day_number
from services.market.vocabulary import SymbolType

FIRST, LAST = date(2020, 1, 1), date(2025, 12, 31)


def raw_bar(day: date, **values: float) -> RawBar:
    midnight = datetime.combine(day, time(), NEW_YORK)
    fields = {"o": 10.0, "h": 11.0, "l": 9.0, "c": 10.5, "v": 100.25} | values
    return RawBar(**fields, t=int(midnight.timestamp() * 1000))


def test_listings_of_the_example_are_read() -> None:
    body = b"""{"count": 1, "next_url": "https://api.massive.com/v3/reference/tickers?cursor=YWN0aXZlPXRydWU",
        "results": [{"active": true, "cik": "0001090872", "locale": "us", "market": "stocks",
        "name": "Agilent Technologies Inc.", "primary_exchange": "XNYS", "ticker": "A", "type": "CS"}],
        "status": "OK"}"""
    page = parse_listings(body)
    (listing,) = page.rows
    assert (listing.symbol, listing.name, listing.exchange) == ("A", "Agilent Technologies Inc.", "XNYS")
    assert listing.type is SymbolType.COMMON
    assert listing.sector == ""
    assert np.isnan(listing.market_cap)
    assert page.following == "/v3/reference/tickers?cursor=YWN0aXZlPXRydWU"


def test_a_listing_with_nothing_but_a_ticker_is_taken_and_one_without_a_symbol_refused() -> None:
    body = b'{"results": [{"ticker": "ABC.WS"}, {"ticker": "X", "name": null}, {"ticker": ""}, {"ticker": "A B"}]}'
    page = parse_listings(body)
    assert [(row.symbol, row.type) for row in page.rows] == [
        ("ABC.WS", SymbolType.WARRANT),
        ("X", SymbolType.UNKNOWN),
    ]
    assert (page.refused_count, page.following) == (2, "")


def test_splits_of_the_example_are_read() -> None:
    body = b"""{"results": [
        {"execution_date": "2020-08-31", "id": "E3", "split_from": 1, "split_to": 4, "ticker": "AAPL"},
        {"execution_date": "2020-08-31", "id": "E4", "split_from": 1, "split_to": 4, "ticker": "AAPL"},
        {"execution_date": "2024-06-07", "id": "E5", "split_from": 10.5, "split_to": 1, "ticker": "KIMpL"}]}"""
    day = to_day_number(date(2020, 8, 31))
    assert parse_splits(body).rows == (
        Split("AAPL", day, 1, 4),
        Split("AAPL", day, 1, 4),
        Split("KIMpL", to_day_number(date(2024, 6, 7)), 10.5, 1),
    )


def test_a_split_without_a_date_or_a_ratio_is_refused_and_counted() -> None:
    rows = [
        {"ticker": "A", "execution_date": "soon", "split_from": 1, "split_to": 2},
        {"ticker": "B", "execution_date": "2025-01-02", "split_from": 0, "split_to": 2},
        {"ticker": "C", "execution_date": "2025-01-02", "split_from": 1, "split_to": -2},
        {"ticker": "D", "execution_date": "2025-01-02", "split_from": 1, "split_to": 2},
    ]
    page = parse_splits(json.dumps({"results": rows}).encode())
    assert [split.symbol for split in page.rows] == ["D"]
    assert page.refused_count == 3


def test_bars_of_the_example_get_the_date_of_new_york() -> None:
    body = b"""{"adjusted": false, "queryCount": 2, "results": [
        {"c": 75.0875, "h": 75.15, "l": 73.7975, "n": 1, "o": 74.06, "t": 1577941200000, "v": 135647456, "vw": 74.61},
        {"c": 74.3575, "h": 75.145, "l": 74.125, "o": 74.2875, "t": 1578027600000, "v": 146535512.5}]}"""
    bars = symbol_bars("AAPL", parse_bars(body).rows, FIRST, LAST)
    assert bars.session_days.tolist() == [to_day_number(date(2020, 1, 2)), to_day_number(date(2020, 1, 3))]
    assert bars.session_days.dtype == np.int32
    assert bars.bars[:, 1].tolist() == [74.2875, 75.145, 74.125, 74.3575, 146535512.5]
    assert (bars.symbol, bars.refused_count) == ("AAPL", 0)


@given(st.dates(FIRST, LAST))
def test_midnight_in_new_york_is_that_date_in_summer_and_winter(day: date) -> None:
    assert symbol_bars("A", [columns_of([raw_bar(day)])], FIRST, LAST).session_days.tolist() == [to_day_number(day)]


def test_what_is_no_bar_is_refused_and_counted() -> None:
    day = date(2025, 3, 3)
    rows = [
        raw_bar(day, o=0.0),
        raw_bar(day, l=-1.0),
        raw_bar(day, h=8.0),
        raw_bar(day, v=-1.0),
        raw_bar(day, c=float("nan")),
        raw_bar(day + timedelta(days=1), v=0.0),
        raw_bar(LAST + timedelta(days=1)),
        raw_bar(FIRST - timedelta(days=1)),
    ]
    bars = symbol_bars("A", [columns_of(rows)], FIRST, LAST)
    assert bars.session_days.tolist() == [to_day_number(day) + 1]
    assert bars.refused_count == 7


def test_bars_ascend_and_the_last_of_a_day_counts() -> None:
    early, late = date(2025, 3, 3), date(2025, 3, 4)
    rows = [raw_bar(late, o=9.5), raw_bar(early), raw_bar(late, o=10.25)]
    bars = symbol_bars("A", [columns_of(rows)], FIRST, LAST)
    assert bars.session_days.tolist() == [to_day_number(early), to_day_number(late)]
    assert bars.bars[0].tolist() == [10.0, 10.25]
    assert bars.refused_count == 1


def test_no_rows_are_empty_arrays() -> None:
    bars = symbol_bars("A", parse_bars(b'{"status": "OK", "resultsCount": 0}').rows, FIRST, LAST)
    assert bars.bars.shape == (5, 0)
    assert bars.session_days.shape == (0,)


@pytest.mark.parametrize("parse", [parse_bars, parse_listings, parse_splits])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b'{"results": null}',
        b'{"results": 3}',
        b'{"results": [3]}',
        b'{"results": [{"ticker": 3, "t": "x"}]}',
        b'{"results": [',
        b'{"results": [{"ticker": "\xff"}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_the_answer_is_malformed(parse: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(MalformedAnswerError):
        parse(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_malformed(body: bytes) -> None:
    for parse in (parse_bars, parse_listings, parse_splits):
        try:
            assert parse(body).rows is not None
        except MalformedAnswerError:
            continue


@pytest.mark.parametrize(
    ("next_url", "target"),
    [
        (None, ""),
        ("", ""),
        ("https://api.massive.com/v3/x?cursor=a%7Cb", "/v3/x?cursor=a%7Cb"),
        ("https://elsewhere.example/v3/x?cursor=1&apiKey=SECRET&a=b", "/v3/x?cursor=1&a=b"),
        ("/v3/x?cursor=1", "/v3/x?cursor=1"),
    ],
)
def test_only_path_and_query_of_a_next_url_count(next_url: str | None, target: str) -> None:
    assert following(next_url) == target


@pytest.mark.parametrize("next_url", ["cursor=1", "https://api.massive.com", "http://[broken/v3"])
def test_a_next_url_without_a_path_is_malformed(next_url: str) -> None:
    with pytest.raises(MalformedAnswerError):
        following(next_url)


@pytest.mark.parametrize("before", [0, 150, 190, 199])
def test_no_part_of_a_key_is_left_where_an_error_is_cut(before: int) -> None:
    said = error_text(b'{"error": "' + b"x" * before + b'secret-key"}', "secret-key")
    assert said == ("x" * before + "***")[:200]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"status":"ERROR","error":"Unknown API Key"}', "Unknown API Key"),
        (b'{"status":"NOT_AUTHORIZED","message":"No.\\n\\u001b[2J"}', "No.  [2J"),
        (b'{"error": "' + b"x" * 500 + b'"}', "x" * 200),
        (b"<html>", ""),
        (b'{"error": 3}', ""),
        (b"{}", ""),
    ],
)
def test_an_error_says_what_the_provider_said_on_one_short_line(body: bytes, text: str) -> None:
    assert error_text(body) == text
