"""The session calendar, held day by day against the XNYS calendar of exchange_calendars."""

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import exchange_calendars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market import sessions

DAYS = st.dates(sessions.FIRST, sessions.LAST)


@pytest.fixture(scope="module")
def oracle() -> Iterator[exchange_calendars.ExchangeCalendar]:
    with warnings.catch_warnings():
        # The oracle's own calls into newer pandas are deprecated there; they are not ours to mend.
        warnings.simplefilter("ignore")
        first, last = sessions.FIRST.isoformat(), sessions.LAST.isoformat()
        yield exchange_calendars.get_calendar("XNYS", start=first, end=last)


def test_every_session_equals_the_oracle(oracle: exchange_calendars.ExchangeCalendar) -> None:
    expected = tuple(day.date() for day in oracle.sessions)
    assert sessions.sessions_between(sessions.FIRST, sessions.LAST) == expected


def test_every_close_equals_the_oracle(oracle: exchange_calendars.ExchangeCalendar) -> None:
    expected = {day.date(): close.to_pydatetime() for day, close in oracle.closes.items()}
    assert {day: sessions.close_time(day) for day in expected} == expected


def test_half_days_are_the_early_closes_of_the_oracle(oracle: exchange_calendars.ExchangeCalendar) -> None:
    half_days = {day.date() for day in oracle.sessions if sessions.is_half_day(day.date())}
    assert half_days == {day.date() for day in oracle.early_closes}


@given(DAYS)
def test_a_day_is_a_session_when_it_is_its_own_nearest_session(day: date) -> None:
    nearest = sessions.nearest_session(day)
    assert nearest <= day
    assert sessions.is_session(nearest)
    assert sessions.is_session(day) == (nearest == day)


@given(st.dates(sessions.FIRST, sessions.LAST - timedelta(days=1)))
def test_no_session_lies_between_a_day_and_its_next_session(day: date) -> None:
    following = sessions.next_session(day)
    assert sessions.sessions_between(day + timedelta(days=1), following) == (following,)


@given(st.dates(date(2010, 1, 4), sessions.LAST), st.integers(1, 900))
def test_sessions_ending_are_the_newest_ones(day: date, count: int) -> None:
    as_of = sessions.nearest_session(day)
    found = sessions.sessions_ending(as_of, count)
    assert found == sessions.sessions_between(sessions.FIRST, as_of)[-count:]


@given(st.dates())
def test_day_numbers_round_trip(day: date) -> None:
    assert sessions.from_day_number(sessions.to_day_number(day)) == day


def test_day_zero_is_the_unix_epoch() -> None:
    assert sessions.to_day_number(date(1970, 1, 1)) == 0


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2025-07-03T12:59:59-04:00", date(2025, 7, 2)),
        ("2025-07-03T13:00:00-04:00", date(2025, 7, 3)),
        ("2025-07-06T09:00:00-04:00", date(2025, 7, 3)),
        ("2025-07-07T15:59:59-04:00", date(2025, 7, 3)),
        ("2025-07-07T20:00:00+00:00", date(2025, 7, 7)),
        ("2025-07-08T03:00:00+00:00", date(2025, 7, 7)),
    ],
)
def test_a_session_is_completed_from_its_close_on(now: str, expected: date) -> None:
    assert sessions.last_completed(datetime.fromisoformat(now)) == expected


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        sessions.last_completed(datetime(2025, 7, 7, 20, tzinfo=UTC).replace(tzinfo=None))


def test_a_day_outside_the_table_is_refused_with_its_range() -> None:
    covered = f"{sessions.FIRST}..{sessions.LAST}"
    for call in (sessions.is_session, sessions.nearest_session, sessions.next_session, sessions.close_time):
        with pytest.raises(ValueError, match=covered):
            call(sessions.LAST + timedelta(days=1))
    with pytest.raises(ValueError, match=covered):
        sessions.sessions_between(sessions.FIRST - timedelta(days=1), sessions.LAST)
    with pytest.raises(ValueError, match=covered):
        sessions.next_session(sessions.LAST)


def test_sessions_ending_refuses_a_holiday_and_too_long_a_lookback() -> None:
    with pytest.raises(ValueError, match="not a session"):
        sessions.sessions_ending(date(2025, 7, 4), 5)
    with pytest.raises(ValueError, match="has 1"):
        sessions.sessions_ending(sessions.FIRST, 2)
    with pytest.raises(ValueError, match="0 sessions"):
        sessions.sessions_ending(sessions.FIRST, 0)
