"""Eight bytes at a time: what the words say, against Python reading byte by byte."""

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.fetcher.provider import words

texts = st.binary(min_size=8, max_size=8) | st.text('0123456789.,}"\\e- ', min_size=8, max_size=8).map(str.encode)


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    """Compile before the first example, which has a deadline."""
    found = word_of(b"1.5,....")
    words.short_number(found)
    words.digits(np.frombuffer(b"1", np.uint8), 0, 0)
    for mark in (words.ends_of_text, words.invisible, words.odd_digits):
        words.first(np.uint64(mark(found)))


def word_of(text: bytes) -> words.Word:
    return np.uint64(words.word(np.frombuffer(text, np.uint8), 0))


def first_of(text: bytes, kind: bytes) -> int:
    """Return the place of the first byte that a pattern takes."""
    found = re.search(kind, text, re.DOTALL)
    return found.start() if found else len(text)


@given(st.binary(max_size=20), st.integers(0, 24))
def test_a_word_is_eight_bytes_padded_with_zeros(body: bytes, at: int) -> None:
    found = int(words.word(np.frombuffer(body, np.uint8), at))
    assert found.to_bytes(8, "little") == body[at : at + 8].ljust(8, b"\0")


@given(texts)
@example(b"/0000000")
@example(b"!!!!!!!!")
def test_the_first_mark_is_the_first_byte_of_its_kind(text: bytes) -> None:
    found = word_of(text)
    assert words.first(np.uint64(words.ends_of_text(found))) == first_of(text, rb'["\\\x00-\x1f\x80-\xff]')
    assert words.first(np.uint64(words.invisible(found))) == first_of(text, rb"[\x00-\x20\x7f-\xff]")
    assert words.first(np.uint64(words.odd_digits(found ^ word_of(b"0" * 8)))) == first_of(text, rb"[^0-9]")


@given(texts)
@example(b"1.,     ")
@example(b"0.5,....")
@example(b"123456.}")
@example(b"1.23.45,")
@example(b"01.5,   ")
@example(b"1234567,")
def test_a_short_number_is_read_whole_or_not_at_all(text: bytes) -> None:
    known = re.match(rb"(0|[1-9][0-9]*)(?:\.([0-9]+))?[,}]", text)
    whole, fraction = (known[1], known[2] or b"") if known else (b"", b"")
    expected = (known.end() - 1, int(whole + fraction), len(fraction)) if known else (0, 0, 0)
    assert words.short_number(word_of(text)) == expected


@given(st.from_regex(rb"\A[0-9]{0,18}\Z"), st.sampled_from([b"", b",", b"x1", b"."]), st.integers(0, 99))
def test_digits_are_appended_to_a_number(text: bytes, rest: bytes, before: int) -> None:
    at, value = words.digits(np.frombuffer(b"-" + text + rest, np.uint8), 1, before)
    expected = (int(b"%d" % before + text) + 2**63) % 2**64 - 2**63
    assert (at, value) == (1 + len(text), expected)
