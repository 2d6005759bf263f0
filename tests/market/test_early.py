"""Which sessions come first."""

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.market.early import STEP, YEAR, early_sessions, fetch_order, first_usable
from services.market.sessions import sessions_ending

WINDOW = sessions_ending(date(2025, 9, 30), 300)


def test_the_newest_come_first_and_then_every_fifth_of_a_year() -> None:
    early = early_sessions(WINDOW, 210)
    assert early[:210] == WINDOW[:-211:-1]
    assert early[210:] == tuple(WINDOW[-YEAR + 40 :: -STEP])[: len(early) - 210]
    assert early[-1] == WINDOW[-YEAR]
    assert len(early) <= 0.75 * len(WINDOW)


@given(st.integers(0, 300), st.integers(0, 300))
def test_every_session_is_fetched_once_the_early_ones_first(count: int, newest_count: int) -> None:
    sessions = WINDOW[len(WINDOW) - count :]
    order, early = fetch_order(sessions, newest_count), early_sessions(sessions, newest_count)
    assert order[: len(early)] == early
    assert sorted(order) == list(sessions)
    assert list(order[len(early) :]) == sorted(order[len(early) :], reverse=True)


@given(st.integers(2, 300), st.integers(1, 300))
def test_early_sessions_are_usable_back_to_the_oldest(count: int, newest_count: int) -> None:
    sessions = WINDOW[len(WINDOW) - count :]
    early = early_sessions(sessions, newest_count)
    fetched = np.array([session in early for session in sessions], np.bool_)
    assert first_usable(fetched, min(count, newest_count)) == np.flatnonzero(fetched)[0]


def test_what_lies_behind_a_longer_gap_is_not_used() -> None:
    fetched = np.ones(20, np.bool_)
    fetched[5 : 5 + STEP - 1] = False
    assert first_usable(fetched, 10) == 0
    fetched[4] = False
    assert first_usable(fetched, 10) == 5 + STEP - 1
