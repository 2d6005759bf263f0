"""The fetch plan: what is asked of the provider for a request, and why; decided before anything is asked. Pure.

The market comes in two ways: a session of everybody a call, or a symbol's whole history a call. Both give the same
bars. Calls are what is scarce, so the fewer ones count; but sessions serve every later scan, too, so where there is
time for them a few times as many are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Self

from services.fetcher.source import Pace

LASTING: Final = 4
"""Calls for sessions, which stay of use, that are worth one for a single symbol."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What of a window is there already.

    Attributes:
        sessions: the window, ascending.
        memory: those of them in L1.
        stored: those of them in L2 but not in L1.
        coming: those of the others that are on their way already, whoever asked for them.
    """

    sessions: tuple[date, ...]
    memory: frozenset[date]
    stored: frozenset[date]
    coming: frozenset[date] = frozenset()

    @property
    def missing(self) -> tuple[date, ...]:
        """The sessions that take a call each, newest first."""
        there = self.memory | self.stored
        return tuple(session for session in reversed(self.sessions) if session not in there)


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What is to be asked for.

    Attributes:
        sessions: newest first, a call for the whole market each.
        symbols: to ask for one by one, in the request's order; those that take no call are left out.
        by_symbol: whether the bars of the request come one symbol at a time; else from whole sessions.
        unreachable: sessions that lie before the history of the provider's plan.
        reason: why so, in one sentence.
        least_s: seconds that these calls take at the full rate of the provider's plan.
    """

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    by_symbol: bool
    unreachable: frozenset[date]
    reason: str
    least_s: float

    def repairing(self, symbols: tuple[str, ...], pace: Pace) -> Self:
        """Return the plan with symbols that no session turned out to have, a call each."""
        if not symbols:
            return self
        return replace(
            self,
            symbols=(*self.symbols, *symbols),
            reason=f"{self.reason}; {_count(len(symbols), 'symbol')} that no session has, one by one",
            least_s=self.least_s + pace.spacing_s * len(symbols),
        )


def plan_fetch(
    holding: Holding, lacking: Sequence[str], pace: Pace, first_day: date | None, left_s: float
) -> FetchPlan:
    """Choose between sessions and symbols.

    Symbols are chosen where they are fewer calls by far, or where they come in time and sessions do not. They take the
    newest session too: the order by liquidity and market caps are made of it. What is on its way already costs nothing.

    Args:
        holding: what is there.
        lacking: the requested symbols whose own history would take a call, in the request's order.
        pace: of the provider.
        first_day: first day of the plan's history; None for no limit.
        left_s: seconds that the caller waits.
    """
    missing = holding.missing
    asked = tuple(session for session in missing if first_day is None or session >= first_day)
    unreachable = frozenset(missing) - frozenset(asked)
    newest = tuple(session for session in asked if session == holding.sessions[-1])
    by_sessions = len(frozenset(asked) - holding.coming)
    by_symbols = len(frozenset(newest) - holding.coming) + len(lacking)
    # A source without plans, files, takes no calls: sessions it is, which stay in memory.
    in_time = pace.spacing_s * by_symbols <= left_s < pace.spacing_s * by_sessions
    by_symbol = bool(pace.plan) and (1 if in_time else LASTING) * by_symbols < by_sessions
    sessions, symbols = (newest, tuple(lacking)) if by_symbol else (asked, ())
    least_s = pace.spacing_s * (len(sessions) + len(symbols))
    reason = "; ".join(
        (
            _choice(len(sessions), len(symbols), len(lacking), len(asked), by_symbol=by_symbol),
            *_remarks(least_s, left_s, pace, unreachable, first_day),
        )
    )
    return FetchPlan(sessions, symbols, by_symbol, unreachable, reason, least_s)


def _choice(sessions: int, symbols: int, lacking: int, asked: int, *, by_symbol: bool) -> str:
    """Say which way was taken, and what the other one would have cost."""
    if not asked:
        return "every session that can be asked for is there"
    if not by_symbol:
        instead = _count(lacking, "symbol")
        return f"{_count(sessions, 'missing session')} of the whole market, not {instead} one by one"
    also = f" and {_count(sessions, 'session')}" if sessions else ""
    return f"{_count(symbols, 'symbol')} one by one{also}, not {_count(asked, 'session')} of the whole market"


def _remarks(
    least_s: float, left_s: float, pace: Pace, unreachable: frozenset[date], first_day: date | None
) -> list[str]:
    remarks = []
    if least_s > left_s:
        remarks.append(
            f"on plan {pace.plan} this takes {least_s:,.0f} s, and {left_s:,.0f} s are left: what comes later is kept"
        )
    if unreachable:
        remarks.append(
            f"{_count(len(unreachable), 'session')} before {first_day} lie outside the history of plan {pace.plan}"
        )
    return remarks


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" + ("" if number == 1 else "s")
