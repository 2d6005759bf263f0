"""The JSON of a grouped answer, written by array operations instead of row by row.

1. Every row starts as a copy of a fixed-width template: keys, ticker, NUL bytes where values go.
2. Values are cut into groups of four digits; one table holds the text of every group, in four ways to pad it by NULs.
3. Deleting all NUL bytes leaves the JSON text.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.simulator.bars import SCALE, Bars

_GROUP: Final = 10_000
_FULL, _LEADING, _UNITS, _TRAILING = (_GROUP * variant for variant in range(4))
"""Offsets into the table: 0042 as `0042`; as `42`; as `42`, and 0 as `0`; as `0042` but 4200 as `42`, 0 as nothing."""

_DECIMAL: Final = np.dtype([("high", "u4"), ("units", "u4"), ("point", "S1"), ("fraction", "u4")])
_SCIENTIFIC: Final = np.dtype([("first", "u1"), ("point", "S1"), ("digits", "u4", (4,)), ("exponent", "S4")])
_WHOLE: Final = np.dtype([("high", "u4"), ("units", "u4")])
_KEYS: Final = {"average": ',"vw":', "open": ',"o":', "close": ',"c":', "high": ',"h":', "low": ',"l":'}
_ROW: Final = np.dtype(
    [
        ("head", "S6"),
        ("symbol", "S12"),
        ("volume_key", "S6"),
        ("volume", _DECIMAL),
        ("big_volume", _SCIENTIFIC),
        *[part for name, key in _KEYS.items() for part in ((f"{name}_key", f"S{len(key)}"), (name, _DECIMAL))],
        ("time", "S18"),
        ("trades_key", "S5"),
        ("trades", _WHOLE),
        ("tail", "S2"),
    ]
)
_SCIENTIFIC_FROM: Final = 1_000_000 * SCALE
_POWERS: Final = 10 ** np.arange(19, dtype=np.int64)


class RowWriter:
    """Writes the bars of all symbols in one session as the rows of a grouped answer.

    Volumes from a million on come out as `5.617399e+07`, as the vendor's do; `vw` and `n` are left out together.
    """

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._text = _digit_groups()
        template = np.zeros(len(symbols), _ROW)
        for name, text in (("head", '{"T":"'), ("volume_key", '","v":'), ("trades_key", ',"n":'), ("tail", "},")):
            template[name] = text.encode()
        for name, key in _KEYS.items():
            template[f"{name}_key"] = key.encode()
        template["symbol"] = [symbol.encode() for symbol in symbols]
        # Rows are gathered as plain bytes: numpy gathers records field by field, six times slower.
        self._bytes = template.view(np.uint8).reshape(len(symbols), _ROW.itemsize)

    def rows(self, bars: Bars, timestamp_ms: int) -> tuple[bytes, int]:
        """Return the rows of the symbols that traded, separated by commas, and their number.

        Args:
            bars: of one session and all symbols.
            timestamp_ms: `t` of every row.
        """
        traded = np.flatnonzero(bars.traded[0])
        text = bytearray(len(traded) * _ROW.itemsize)
        rows = np.frombuffer(text, _ROW)
        np.take(self._bytes, traded, axis=0, out=rows.view(np.uint8).reshape(len(traded), _ROW.itemsize))
        rows["time"] = f',"t":{timestamp_ms}'.encode()
        for name in _KEYS:
            self._decimal(rows[name], getattr(bars, name)[0, traded])
        self._volume(rows, bars.volume[0, traded])
        trades = bars.trades[0, traded]
        rows["trades"]["high"] = self._text[_LEADING + trades // _GROUP]
        rows["trades"]["units"] = self._text[np.where(trades < _GROUP, _UNITS, _FULL) + trades % _GROUP]
        absent = np.flatnonzero(bars.average[0, traded] == 0)
        for name in ("average_key", "average", "trades_key", "trades"):
            rows[name][absent] = np.zeros((), _ROW[name])
        return bytes(text.translate(None, b"\0")[:-1]), len(traded)

    def _decimal(self, target: NDArray[np.void], value: NDArray[np.int64]) -> None:
        whole, fraction = np.divmod(value, SCALE)
        if whole.max(initial=0) < _GROUP:
            target["units"] = self._text[_UNITS + whole]
        else:
            high, units = np.divmod(whole, _GROUP)
            target["high"] = self._text[_LEADING + high]
            target["units"] = self._text[np.where(high > 0, _FULL, _UNITS) + units]
        target["point"] = np.where(fraction > 0, b".", b"")
        target["fraction"] = self._text[_TRAILING + fraction]

    def _volume(self, rows: NDArray[np.void], value: NDArray[np.int64]) -> None:
        self._decimal(rows["volume"], np.where(value < _SCIENTIFIC_FROM, value, 0))
        big = np.flatnonzero(value >= _SCIENTIFIC_FROM)
        power = np.searchsorted(_POWERS, value[big], side="right") - 1
        first, rest = np.divmod(value[big] * _POWERS[15 - power], _POWERS[15])
        text = np.zeros(len(big), _SCIENTIFIC)
        text["first"] = ord("0") + first
        text["point"] = np.where(rest > 0, b".", b"")
        rest *= 10
        variant = np.full(len(big), _TRAILING)
        for place in reversed(range(4)):
            rest, group = np.divmod(rest, _GROUP)
            text["digits"][:, place] = self._text[variant + group]
            variant[group > 0] = _FULL
        text["exponent"] = np.array([f"e+{exponent:02d}".encode() for exponent in range(15)])[power - 4]
        rows["big_volume"][big] = text
        rows["volume"][big] = np.zeros((), _DECIMAL)


def grouped_body(rows: bytes, count: int, *, adjusted: bool, status: str, name: str) -> bytes:
    """Return the whole grouped answer; `name` becomes its request id, which a stored body cannot make up anew."""
    head = f'{{"queryCount":{count},"resultsCount":{count},"adjusted":{str(adjusted).lower()},"results":['
    return b"".join((head.encode(), rows, f'],"status":"{status}","request_id":"{name}","count":{count}}}'.encode()))


def _digit_groups() -> NDArray[np.uint32]:
    """Return the four bytes of text of every group and variant, as one uint32 each, (40000,)."""
    text = np.frombuffer(b"".join(b"%04d" % number for number in range(_GROUP)), np.uint8).reshape(_GROUP, 4)
    seen = np.logical_or.accumulate(text != ord("0"), axis=1)
    coming = np.logical_or.accumulate(text[:, ::-1] != ord("0"), axis=1)[:, ::-1]
    units = seen.copy()
    units[:, 3] = True
    table = np.concatenate([text, text * seen, text * units, text * coming])
    return np.ascontiguousarray(table).view(np.uint32).ravel()
