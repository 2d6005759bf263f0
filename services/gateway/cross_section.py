"""Ranks over all scored symbols of a scan, for requests that name them among their factors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.gateway.ranking import percentile

Floats = NDArray[np.float64]

RETURNS: Final = {"ret_63": 0.4, "ret_126": 0.2, "ret_189": 0.2, "ret_252": 0.2}
"""Weights of the returns that rs_rating ranks."""
RANKED: Final = {"momentum": "mom_12_1", "volume": "dollar_vol_20", "volatility": "vol_realized_60"}
"""What each percentile ranks."""


def rs_rating(columns: Mapping[str, Floats]) -> Floats:
    """Return relative strength, 0 to 99, by the weighted returns of four windows; NaN under 253 bars."""
    strength = np.zeros(len(columns["ret_252"]))
    for name, weight in RETURNS.items():
        strength = strength + weight * columns[name]
    rating: Floats = np.minimum(99.0, np.floor(100.0 * percentile(strength)))
    return np.where(np.isnan(strength), np.nan, rating)


def within(values: Floats, sectors: Sequence[str]) -> Floats:
    """Return percentiles among the symbols of the same sector; an unknown sector, "", is one of its own."""
    names = np.array(sectors, dtype=object)
    result = np.empty(len(values))
    for sector in set(sectors):
        members = names == sector
        result[members] = percentile(values[members])
    return result


def _overall(column: str) -> Callable[[Mapping[str, Floats], Sequence[str]], Floats]:
    return lambda columns, _: percentile(columns[column])


def _in_sector(column: str) -> Callable[[Mapping[str, Floats], Sequence[str]], Floats]:
    return lambda columns, sectors: within(columns[column], sectors)


_FORMULAS: Final[dict[str, Callable[[Mapping[str, Floats], Sequence[str]], Floats]]] = {
    "rs_rating": lambda columns, _: rs_rating(columns),
    **{f"{what}_percentile": _overall(column) for what, column in RANKED.items()},
    **{f"{what}_percentile_in_sector": _in_sector(column) for what, column in RANKED.items()},
}
NAMES: Final = tuple(_FORMULAS)
"""What can be asked for; percentiles are (average rank - 0.5) / n, 0.5 where the value is missing."""


def inputs(names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that some names take; none for names that are no ranks."""
    wanted = set(names) & set(NAMES)
    read = [*RETURNS] if "rs_rating" in wanted else []
    return (*read, *(column for what, column in RANKED.items() if any(name.startswith(f"{what}_") for name in wanted)))


def ranks(names: Iterable[str], columns: Mapping[str, Floats], sectors: Sequence[str]) -> dict[str, Floats]:
    """Compute the ranks among some names, before filters and top N.

    Args:
        names: of factors and ranks; factors are passed over.
        columns: (symbol,) float64 by name, those of `inputs` among them; NaN = undefined.
        sectors: of each symbol; "" = unknown.
    """
    return {name: _FORMULAS[name](columns, sectors) for name in names if name in _FORMULAS}
