"""What was earned by each tenth of the names, in the order of a prediction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.inference.estimates import count_lags, newey_west_error
from services.inference.evaluate import COST
from services.inference.training_set import TrainingSet, by_session

Array = NDArray[np.float64]

TENTHS = 10


@dataclass(frozen=True, slots=True)
class Tenth:
    """Earned a period by holding one tenth of the names, equal weights.

    Attributes:
        gross: mean raw return, a fraction a period of the horizon.
        excess: less the mean of all names of the session.
        net: excess after `COST` a side on what is replaced.
        error: Newey-West standard error of the net figure.
        turnover: share of the tenth that is replaced from one period to the next.
        periods: periods, which do not overlap; one in which ties leave the tenth empty is none.
    """

    gross: float
    excess: float
    net: float
    error: float
    turnover: float
    periods: int


def tenth_of(place: Array) -> NDArray[np.int64]:
    """Return the tenth, 0 to 9, of (row,) percentiles within 0 and 1; names that tie are all in one."""
    return np.minimum((place * TENTHS).astype(np.int64), TENTHS - 1)


def tenth_returns(place: Array, rows: TrainingSet) -> Array:
    """Compute the mean raw return of each tenth: (session, 10); NaN where ties leave one empty."""
    found = []
    for session in by_session(rows.positions):
        tenth = tenth_of(place[session])
        count = np.bincount(tenth, minlength=TENTHS)
        total = np.bincount(tenth, rows.returns[session], minlength=TENTHS)
        found.append(np.divide(total, count, out=np.full(TENTHS, np.nan), where=count > 0))
    return np.array(found)


def measure_tenths(place: Array, rows: TrainingSet, every: int) -> tuple[Tenth, ...]:
    """Hold each tenth from one period to the next.

    Args:
        place: (row,) percentiles of the predictions within their sessions.
        rows: what was predicted.
        every: sessions of rows in a period, so that periods do not overlap.
    """
    sessions = list(by_session(rows.positions))[::every]
    returns = tenth_returns(place, rows)[::every]
    markets = np.array([rows.returns[session].mean() for session in sessions])
    names = [
        [set(rows.symbols[session][tenth == number].tolist()) for number in range(TENTHS)]
        for session, tenth in ((session, tenth_of(place[session])) for session in sessions)
    ]
    return tuple(_measure(returns[:, number], markets, [held[number] for held in names]) for number in range(TENTHS))


def _measure(returns: Array, markets: Array, names: list[set[int]]) -> Tenth:
    there = ~np.isnan(returns)
    if not there.any():
        return Tenth(np.nan, np.nan, np.nan, np.nan, np.nan, 0)
    held = [names[period] for period in np.flatnonzero(there).tolist()]
    replaced = np.array([len(new - old) / len(new) for old, new in zip([held[0], *held], held, strict=False)])
    excess = returns[there] - markets[there]
    net = excess - 2 * COST * replaced
    return Tenth(
        gross=float(returns[there].mean()),
        excess=float(excess.mean()),
        net=float(net.mean()),
        error=newey_west_error(net, count_lags(len(net), 0)),
        turnover=float(replaced[1:].mean()) if len(held) > 1 else 0.0,
        periods=len(held),
    )
