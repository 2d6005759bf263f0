"""Parts of the universe that a model or a rating is looked at in: liquid names, and what each risk profile lets by."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.market.trading import Profile

Array = NDArray[np.float64]

LIQUID: Final = "above 20 million USD a day"
LIQUID_USD: Final = 20e6


def find_slices(
    columns: Mapping[str, Array], closes: Array, profiles: Mapping[str, Profile]
) -> dict[str, NDArray[np.bool_]]:
    """Tell who is in which slice: (position, symbol) bool by name.

    A profile's limits on ATR, close and dollar volume count, that on the score does not: it is what is judged. Missing
    values fail no limit, as in a scan.

    Args:
        columns: with atr_pct_14, dollar_vol_20 and median_dollar_volume, (position, symbol) float64 each.
        closes: (position, symbol) float64, USD.
        profiles: by name; one without such limits is no slice.
    """
    found = {LIQUID: columns["median_dollar_volume"] >= LIQUID_USD}
    for name, profile in profiles.items():
        limits = (
            (columns["atr_pct_14"], profile.max_atr_pct, np.greater),
            (closes, profile.min_price, np.less),
            (columns["dollar_vol_20"], profile.min_dollar_volume, np.less),
        )
        failing = [fails(values, limit) for values, limit, fails in limits if limit is not None]
        if failing:
            found[f"profile {name}"] = ~np.any(failing, axis=0)
    return found
