"""Arrays on the wire: panels as bar blocks, matrices as bytes, sets as numbers."""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.market.errors import MalformedAnswerError
from services.market.omission import Omission
from services.market.panel import FIELDS, Panel
from services.market.regime import Regime
from services.market.vocabulary import Reason, Trend, Volatility
from technic.v1 import bars_pb2, vocabulary_pb2

BLOCK_BYTES = 3_670_016
"""Bytes of bars in a block, at most: 3.5 MiB, so that gRPC's own limit of 4 MiB stays."""
BLOCK_SYMBOLS = 256


def block_size(session_count: int) -> int:
    """Return how many symbols of `session_count` sessions go into one block."""
    return max(1, min(BLOCK_SYMBOLS, BLOCK_BYTES // (8 * len(FIELDS) * session_count)))


def panel_parts(panel: Panel) -> tuple[bytes | memoryview, ...]:
    """Write a panel as the parts of a serialised `BarBlock`; NaN stays NaN.

    By hand, since a message would copy the bars three times: what surrounds them is serialised, and they follow as they
    lie in memory.
    """
    block = bars_pb2.BarBlock(
        symbols=panel.symbols,
        session_days=panel.session_days,
        session_fetched=panel.session_fetched,
        flags=flags_to_bytes(panel.flags),
    )
    bars = np.ascontiguousarray(panel.bars, "<f8").reshape(-1).view(np.uint8).data
    return (block.SerializeToString(), *delimited(bars_pb2.BarBlock.BARS_FIELD_NUMBER, bars))


def delimited(field: int, *parts: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    """Return the parts of a field of bytes, or of a message, on the wire: key and length, then what it is made of.

    Source: protobuf.dev, "Encoding": wire type 2, lengths as base-128 varints.
    """
    head, rest = bytearray((field << 3 | 2,)), sum(map(len, parts))
    while rest > 0x7F:
        head.append(rest & 0x7F | 0x80)
        rest >>= 7
    head.append(rest)
    return (bytes(head), *parts)


def panel_from_block(block: bars_pb2.BarBlock) -> Panel:
    """Read a panel from its message; its arrays are read-only.

    Raises:
        MalformedAnswerError: the bars do not fit the symbols and sessions.
    """
    shape = (len(FIELDS), len(block.session_days), len(block.symbols))
    try:
        return Panel(
            symbols=tuple(block.symbols),
            session_days=np.array(block.session_days, np.int32),
            session_fetched=np.array(block.session_fetched, np.bool_),
            bars=np.frombuffer(block.bars, "<f8").reshape(shape),
            flags=np.frombuffer(block.flags, "<u4"),
        )
    except ValueError as error:
        raise MalformedAnswerError(f"a block of bars does not fit together: {error}") from None


def matrix_to_bytes(matrix: NDArray[np.float64]) -> bytes:
    """Write (row, column) float64 as little-endian bytes, row-major."""
    return np.ascontiguousarray(matrix, "<f8").tobytes()


def matrix_from_bytes(data: bytes, row_count: int, column_count: int) -> NDArray[np.float64]:
    """Read (row, column) float64; the array is read-only.

    Raises:
        MalformedAnswerError: the bytes are not that many numbers.
    """
    if len(data) != 8 * row_count * column_count:
        raise MalformedAnswerError(f"{len(data)} bytes are not {row_count} x {column_count} numbers")
    return np.frombuffer(data, "<f8").reshape(row_count, column_count)


def flags_to_bytes(flags: NDArray[np.uint32]) -> bytes:
    """Write (symbol,) uint32 sets of flags."""
    return np.ascontiguousarray(flags, "<u4").tobytes()


def flags_from_bytes(data: bytes, row_count: int) -> NDArray[np.uint32]:
    """Read (symbol,) uint32 sets of flags; the array is read-only.

    Raises:
        MalformedAnswerError: the bytes are not that many numbers.
    """
    if len(data) != 4 * row_count:
        raise MalformedAnswerError(f"{len(data)} bytes are not the flags of {row_count} symbols")
    return np.frombuffer(data, "<u4")


def number(member: IntEnum) -> Any:  # noqa: ANN401  # the stubs declare each proto enumeration as a class of its own
    """Return the number of an enumeration of ours, which is that of its proto (a test holds them equal)."""
    return int(member)


def omission_to_message(omission: Omission) -> vocabulary_pb2.Omission:
    """Write an omission; the numbers of `Reason` are those of `OmissionReason`."""
    return vocabulary_pb2.Omission(
        symbol=omission.symbol,
        reason=number(omission.reason),
        value=omission.value,
        filter=omission.filter,
        attribute=omission.attribute,
        close=omission.close,
    )


def omission_from_message(message: vocabulary_pb2.Omission) -> Omission:
    """Read an omission."""
    return Omission(
        symbol=message.symbol,
        reason=Reason(message.reason),
        value=message.value if message.HasField("value") else None,
        filter=message.filter,
        attribute=message.attribute,
        close=message.close if message.HasField("close") else None,
    )


def regime_to_message(regime: Regime) -> vocabulary_pb2.Regime:
    """Write a regime as its message."""
    return vocabulary_pb2.Regime(
        trend=number(regime.trend) if regime.trend else None,
        volatility=number(regime.volatility) if regime.volatility else None,
        volatility_spike=regime.volatility_spike,
        macro=regime.macro,
        missing_symbols=regime.missing,
    )


def regime_from_message(message: vocabulary_pb2.Regime) -> Regime:
    """Read a regime from its message."""
    return Regime(
        trend=Trend(message.trend) if message.trend else None,
        volatility=Volatility(message.volatility) if message.volatility else None,
        volatility_spike=message.volatility_spike if message.HasField("volatility_spike") else None,
        macro=dict(message.macro),
        missing=tuple(message.missing_symbols),
    )
