"""What a plan shows at awkward moments: clock changes, half days, years' ends, other zones, the calendar's ends."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.provider.limits import PLANS
from services.market.errors import CalendarEndedError
from services.market.sessions import FIRST, LAST, NEW_YORK, close_time, is_session

MOMENTS = st.datetimes(datetime(2000, 2, 1), datetime(2035, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 - see timezones
ZONES = st.sampled_from([ZoneInfo(name) for name in ("Asia/Tokyo", "Pacific/Honolulu", "Europe/Berlin", "UTC")])


@pytest.mark.parametrize(
    ("plan", "now", "expected"),
    [
        # Midnight in New York is 05:00 UTC in winter, 04:00 UTC in summer.
        ("basic", "2025-03-08T04:59:59+00:00", date(2025, 3, 6)),
        ("basic", "2025-03-08T05:00:00+00:00", date(2025, 3, 7)),
        ("basic", "2025-03-11T03:59:59+00:00", date(2025, 3, 7)),
        ("basic", "2025-03-11T04:00:00+00:00", date(2025, 3, 10)),
        ("basic", "2025-11-01T04:00:00+00:00", date(2025, 10, 31)),
        ("basic", "2025-11-04T04:59:59+00:00", date(2025, 10, 31)),
        ("basic", "2025-11-04T05:00:00+00:00", date(2025, 11, 3)),
        ("basic", "2025-11-29T05:00:00+00:00", date(2025, 11, 28)),
        ("basic", "2026-01-01T05:00:00+00:00", date(2025, 12, 31)),
        ("basic", "2026-01-03T04:59:59+00:00", date(2025, 12, 31)),
        ("starter", "2025-03-10T20:14:59+00:00", date(2025, 3, 7)),
        ("starter", "2025-03-10T20:15:00+00:00", date(2025, 3, 10)),
        ("starter", "2025-11-03T21:15:00+00:00", date(2025, 11, 3)),
        ("starter", "2025-11-28T18:14:59+00:00", date(2025, 11, 26)),
        ("starter", "2025-11-28T18:15:00+00:00", date(2025, 11, 28)),
        ("advanced", "2025-11-28T18:00:00+00:00", date(2025, 11, 28)),
        ("advanced", "2025-12-31T21:00:00+00:00", date(2025, 12, 31)),
        ("advanced", "2026-01-02T05:59:00+09:00", date(2025, 12, 31)),
    ],
)
def test_the_newest_session_follows_new_york_through_clock_changes_and_half_days(
    plan: str, now: str, expected: date
) -> None:
    assert PLANS[plan].latest_session(datetime.fromisoformat(now)) == expected


@given(st.sampled_from(sorted(PLANS)), MOMENTS, ZONES)
def test_the_zone_of_the_clock_changes_nothing(plan: str, now: datetime, zone: ZoneInfo) -> None:
    elsewhere = now.astimezone(zone)
    assert PLANS[plan].latest_session(elsewhere) == PLANS[plan].latest_session(now)
    assert PLANS[plan].running_session(elsewhere) == PLANS[plan].running_session(now)


@given(st.sampled_from(sorted(PLANS)), MOMENTS)
def test_the_newest_session_is_over_and_the_running_one_comes_after_it(plan: str, now: datetime) -> None:
    latest, running = PLANS[plan].latest_session(now), PLANS[plan].running_session(now)
    assert is_session(latest)
    assert close_time(latest) <= now
    assert running is None or (latest < running == now.astimezone(NEW_YORK).date())


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("day", [LAST + timedelta(days=1), date(2099, 6, 1), FIRST, FIRST - timedelta(days=1)])
def test_a_clock_that_the_calendar_does_not_cover_is_one_clear_error(plan: str, day: date) -> None:
    now = datetime(day.year, day.month, day.day, 12, tzinfo=NEW_YORK)
    for ask in (PLANS[plan].latest_session, PLANS[plan].running_session):
        with pytest.raises(CalendarEndedError, match=f"clock says {day}, .* covers {FIRST}..{LAST}"):
            ask(now)


def test_the_last_day_of_the_calendar_is_served_to_its_end() -> None:
    night = datetime(LAST.year, LAST.month, LAST.day, 23, 59, 59, tzinfo=NEW_YORK)
    assert PLANS["advanced"].latest_session(night) == LAST
    assert PLANS["basic"].latest_session(night) < LAST
