"""Undoes the compression of the provider's answers, within a bound."""

from typing import Final

from isal import isal_zlib

from services.market.errors import MalformedAnswerError

PLAIN_LIMIT: Final = 64 * 2**20
"""Bytes of an answer, unpacked, at most: some 40 times the largest one in use."""

_GZIP_WINDOW: Final = 31  # zlib's way to say: a gzip header, the largest window


def unpack(body: bytes, encoding: str) -> bytes:
    """Return the plain bytes of an answer with the Content-Encoding `encoding`.

    Raises:
        MalformedAnswerError: cut short, not gzip, larger than `PLAIN_LIMIT`, or in an encoding that was not asked for.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise MalformedAnswerError(f"The provider answered in the encoding {encoding[:20]!r}, not in gzip")
    stream = isal_zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain: bytes = stream.decompress(body, PLAIN_LIMIT + 1)
    except isal_zlib.error:  # type: ignore[misc]  # its stubs take the class for an instance
        raise MalformedAnswerError("The provider's answer is not gzip as it says") from None
    if len(plain) > PLAIN_LIMIT:
        raise MalformedAnswerError(f"The provider's answer is larger than {PLAIN_LIMIT} bytes")
    if not stream.eof:
        raise MalformedAnswerError("The provider's answer was cut short")
    return plain
