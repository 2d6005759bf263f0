"""Undoing compression: whole bodies come back, all others are malformed."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.provider.unpack import PLAIN_LIMIT, unpack
from services.market.errors import MalformedAnswerError


@given(st.binary(max_size=2_000))
def test_unpacking_gives_what_was_packed(plain: bytes) -> None:
    assert unpack(gzip.compress(plain), "gzip") == plain
    assert unpack(plain, "") == plain


@given(st.binary(min_size=1, max_size=500), st.data())
def test_a_body_that_was_cut_is_malformed(plain: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(plain)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(MalformedAnswerError):
        unpack(packed[:cut], "gzip")


def test_a_flipped_bit_is_found() -> None:
    packed = bytearray(gzip.compress(b"bars" * 100))
    packed[-6] ^= 1
    with pytest.raises(MalformedAnswerError):
        unpack(bytes(packed), "gzip")


def test_a_body_that_grows_beyond_the_limit_is_refused() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join(bomb.compress(bytes(2**20)) for _ in range(PLAIN_LIMIT // 2**20 + 1)) + bomb.flush()
    with pytest.raises(MalformedAnswerError, match="larger"):
        unpack(packed, "gzip")


@pytest.mark.parametrize(("body", "encoding"), [(b"{}", "gzip"), (b"{}", "br"), (b"", "gzip")])
def test_another_encoding_than_told_is_malformed(body: bytes, encoding: str) -> None:
    with pytest.raises(MalformedAnswerError):
        unpack(body, encoding)
