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


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # The clock is put forward on 2025-03-09: a close is at 21:00 UTC on Friday, at 20:00 UTC on Monday.
        ("2025-03-07T20:59:59+00:00", date(2025, 3, 6)),
        ("2025-03-07T21:00:00+00:00", date(2025, 3, 7)),
        ("2025-03-09T06:59:59+00:00", date(2025, 3, 7)),
        ("2025-03-09T07:00:00+00:00", date(2025, 3, 7)),
        ("2025-03-10T19:59:59+00:00", date(2025, 3, 7)),
        ("2025-03-10T20:00:00+00:00", date(2025, 3, 10)),
        # And back on 2025-11-02: from 20:00 UTC to 21:00 UTC.
        ("2025-10-31T20:00:00+00:00", date(2025, 10, 31)),
        ("2025-11-02T05:30:00+00:00", date(2025, 10, 31)),
        ("2025-11-02T06:30:00+00:00", date(2025, 10, 31)),
        ("2025-11-03T20:59:59+00:00", date(2025, 10, 31)),
        ("2025-11-03T21:00:00+00:00", date(2025, 11, 3)),
        # A half day; a year's end, and a year that begins on a weekend.
        ("2025-11-28T17:59:59+00:00", date(2025, 11, 26)),
        ("2025-11-28T18:00:00+00:00", date(2025, 11, 28)),
        ("2025-12-31T23:59:59-05:00", date(2025, 12, 31)),
        ("2026-01-01T12:00:00-05:00", date(2025, 12, 31)),
        ("2026-01-02T15:59:59-05:00", date(2025, 12, 31)),
        ("2026-01-02T16:00:00-05:00", date(2026, 1, 2)),
        ("2022-12-31T12:00:00-05:00", date(2022, 12, 30)),
        # Clocks of other zones: their date is another one than New York's.
        ("2025-10-01T05:00:00+09:00", date(2025, 9, 30)),
        ("2025-10-01T04:59:59+09:00", date(2025, 9, 29)),
        ("2025-09-30T10:00:00-10:00", date(2025, 9, 30)),
        ("2025-09-30T09:59:59-10:00", date(2025, 9, 29)),
    ],
)
def test_the_close_is_that_of_new_york_whatever_the_clock(now: str, expected: date) -> None:
    assert sessions.last_completed(datetime.fromisoformat(now)) == expected


def test_the_first_and_the_last_day_of_the_table_are_sessions() -> None:
    assert sessions.is_session(sessions.FIRST)
    assert sessions.is_session(sessions.LAST)
    assert sessions.last_completed(sessions.close_time(sessions.FIRST)) == sessions.FIRST
    assert sessions.last_completed(sessions.close_time(sessions.LAST)) == sessions.LAST
    with pytest.raises(ValueError, match="outside the trading calendar"):
        sessions.last_completed(sessions.close_time(sessions.FIRST) - timedelta(seconds=1))


def test_the_table_reaches_farther_than_the_oracle_looks_ahead_by_itself() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert exchange_calendars.get_calendar("XNYS").last_session.date() < sessions.LAST
