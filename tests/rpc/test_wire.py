"""What goes over the wire comes back bit for bit, and what does not fit is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.market.errors import MalformedAnswerError
from services.market.panel import Panel
from services.market.vocabulary import Flag, Reason, Signal, SymbolType, Trend, Volatility
from services.rpc import wire
from technic.v1 import bars_pb2, vocabulary_pb2


@st.composite
def panels(draw: st.DrawFn) -> Panel:
    sessions, symbols = draw(st.integers(1, 8)), draw(st.integers(0, 5))
    bars = draw(hnp.arrays(np.float64, (5, sessions, symbols), elements=st.floats(width=64)))
    return Panel(
        symbols=tuple(f"S{number}" for number in range(symbols)),
        session_days=np.arange(20000, 20000 + sessions, dtype=np.int32),
        session_fetched=draw(hnp.arrays(np.bool_, sessions)),
        bars=bars,
        flags=draw(hnp.arrays(np.uint32, st.sampled_from([0, symbols]))),
    )


def written(panel: Panel) -> bars_pb2.BarBlock:
    """Return a panel as its message."""
    return bars_pb2.BarBlock.FromString(b"".join(wire.panel_parts(panel)))


@given(panels())
def test_a_panel_survives_the_wire_bit_for_bit(panel: Panel) -> None:
    back = wire.panel_from_block(written(panel))
    assert back.symbols == panel.symbols
    assert back.bars.tobytes() == panel.bars.tobytes()
    assert back.session_days.tolist() == panel.session_days.tolist()
    assert back.session_fetched.tolist() == panel.session_fetched.tolist()
    assert back.flags.tolist() == panel.flags.tolist()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_152, 3_670_016])
def test_a_field_written_by_hand_is_read_by_the_message(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    block = bars_pb2.BarBlock.FromString(b"".join(wire.delimited(4, data[: size // 2], memoryview(data)[size // 2 :])))
    assert block.bars == data
    assert block.SerializeToString() == (b"".join(wire.delimited(4, data)) if size else b"")


def test_a_block_whose_columns_do_not_fit_is_refused() -> None:
    panel = Panel(("A",), np.array([1, 2], np.int32), np.ones(2, np.bool_), np.ones((5, 2, 1)))
    block = written(panel)
    block.bars = block.bars[:-1]
    with pytest.raises(MalformedAnswerError, match="does not fit"):
        wire.panel_from_block(block)


@pytest.mark.parametrize(("sessions", "symbols"), [(1, 256), (300, 256), (504, 182), (756, 121), (2_000_000, 1)])
def test_a_block_stays_under_the_message_limit(sessions: int, symbols: int) -> None:
    assert wire.block_size(sessions) == symbols


def test_numbers_of_enumerations_equal_those_of_the_protos() -> None:
    pairs = [
        (SymbolType, vocabulary_pb2.SymbolType, "SYMBOL_TYPE_"),
        (Reason, vocabulary_pb2.OmissionReason, "OMISSION_REASON_"),
        (Signal, vocabulary_pb2.Signal, "SIGNAL_"),
        (Trend, vocabulary_pb2.Regime.Trend, "TREND_"),
        (Volatility, vocabulary_pb2.Regime.Volatility, "VOLATILITY_"),
    ]
    for ours, theirs, prefix in pairs:
        named = {f"{prefix}{member.name}": member.value for member in ours}
        assert named | {f"{prefix}UNSPECIFIED": 0} == dict(theirs.items())


def test_bits_of_flags_are_numbered_by_the_proto() -> None:
    named = {f"FLAG_{member.name}": member.value.bit_length() for member in Flag}
    assert named | {"FLAG_UNSPECIFIED": 0} == dict(vocabulary_pb2.Flag.items())
