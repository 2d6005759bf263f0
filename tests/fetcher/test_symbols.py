"""Numbering of symbols, and its hash table as compiled code reads it."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from string import ascii_uppercase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.symbols import (
    FREE,
    HASH_HIGH,
    HASH_LOW,
    HASH_SHIFT,
    MAX_LENGTH,
    MAX_SYMBOLS,
    SymbolIndex,
    SymbolTable,
    is_symbol,
)
from services.market.errors import MalformedAnswerError

symbols = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=MAX_LENGTH)


def look_up(table: SymbolTable, symbol: str) -> int:
    """Find a symbol as the docstring of `SymbolTable` says, in plain integers."""
    padded = symbol.encode().ljust(16, b"\0")
    low, high = int.from_bytes(padded[:8], "little"), int.from_bytes(padded[8:], "little")
    mixed = (low * HASH_LOW % 2**64) ^ (high * HASH_HIGH % 2**64)
    slot = (mixed ^ mixed >> HASH_SHIFT) % len(table.columns)
    while table.columns[slot] != FREE and table.words[slot].tolist() != [low, high]:
        slot = (slot + 1) % len(table.columns)
    return int(table.columns[slot])


def names(count: int) -> list[str]:
    return ["".join(letters) for letters, _ in zip(product(ascii_uppercase, repeat=4), range(count), strict=False)]


@given(st.lists(st.lists(symbols, max_size=20), max_size=5))
def test_columns_are_given_once_in_order_and_found_in_the_table(batches: list[list[str]]) -> None:
    index = SymbolIndex()
    for batch in batches:
        columns = index.add(batch)
        assert columns.dtype == np.int32
        assert [index.symbol_at(int(column)) for column in columns] == batch
    expected = list(dict.fromkeys(symbol for batch in batches for symbol in batch))
    assert [index.symbol_at(column) for column in range(len(index))] == expected
    for column, symbol in enumerate(expected):
        assert index.column_of(symbol) == column
        assert look_up(index.table, symbol) == column
    assert look_up(index.table, "\x7f") == FREE


def test_an_unknown_symbol_and_an_unknown_column_are_told() -> None:
    index = SymbolIndex()
    index.add(["AAPL"])
    assert index.column_of("aapl") is None
    for column in (1, -1):
        with pytest.raises(IndexError):
            index.symbol_at(column)


def test_a_table_handed_out_never_changes() -> None:
    index = SymbolIndex()
    index.add(["A"])
    table = index.table
    words, columns = table.words.copy(), table.columns.copy()
    index.add(names(20_000))
    assert np.array_equal(table.words, words)
    assert np.array_equal(table.columns, columns)
    with pytest.raises(ValueError, match="read-only"):
        table.columns[0] = 1


def test_the_table_stays_half_free_and_complete_when_it_grows() -> None:
    index = SymbolIndex()
    many = names(40_000)
    for start in range(0, len(many), 10_000):
        index.add(many[start : start + 10_000])
        assert 2 * len(index) <= len(index.table.columns)
    assert [look_up(index.table, symbol) for symbol in many[::97]] == list(range(0, len(many), 97))
    assert look_up(index.table, "AAPL.WS.A") == FREE


def test_more_symbols_than_any_market_has_are_refused_and_not_one_is_added() -> None:
    index = SymbolIndex()
    index.add(names(MAX_SYMBOLS - 1))
    with pytest.raises(MalformedAnswerError, match="65536"):
        index.add(["NEW1", "NEW2"])
    assert len(index) == MAX_SYMBOLS - 1
    assert index.column_of("NEW1") is None
    assert index.add(["NEW1", "AAAA"]).tolist() == [MAX_SYMBOLS - 1, 0]


@pytest.mark.parametrize("text", ["", "A B", "Ä", "A\n", "\0", "A" * 17, "\x7f", "\U0001f680"])
def test_a_text_that_is_no_symbol_is_refused(text: str) -> None:
    index = SymbolIndex()
    assert not is_symbol(text)
    with pytest.raises(MalformedAnswerError):
        index.add(["GOOD", text])
    assert len(index) == 0


@pytest.mark.parametrize("text", ["A", "BRK.A", "KIMpL", "BRK-B", "BRK/B", "ABR_D", "A" * 16])
def test_symbols_of_all_spellings_are_symbols(text: str) -> None:
    assert is_symbol(text)


def test_threads_that_add_the_same_symbols_agree() -> None:
    index = SymbolIndex()
    many = names(3_000)
    with ThreadPoolExecutor(4) as pool:
        batches = [many[start:] + many[:start] for start in range(0, 3_000, 500)]
        found = list(pool.map(index.add, batches))
    for batch, columns in zip(batches, found, strict=True):
        assert [index.symbol_at(int(column)) for column in columns] == batch
    assert len(index) == len(many)
    assert sorted(look_up(index.table, symbol) for symbol in many) == list(range(len(many)))
