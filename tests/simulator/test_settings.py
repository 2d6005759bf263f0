"""The simulator's command line."""

from datetime import UTC, datetime, timedelta

from services.market.sessions import NEW_YORK, is_session
from services.simulator.settings import read_settings


def test_a_time_without_zone_is_new_yorks_and_stands_still() -> None:
    settings = read_settings(["--clock", "2025-09-28T20:00"])
    assert settings.now() == settings.now() == datetime(2025, 9, 28, 20, tzinfo=NEW_YORK)
    assert str(settings.end) == "2025-09-26"


def test_the_clock_follows_the_real_one_by_default() -> None:
    settings = read_settings([])
    assert abs(settings.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert is_session(settings.end)


def test_the_key_is_not_in_the_repr() -> None:
    assert "hidden" not in repr(read_settings(["--key", "hidden"]))
