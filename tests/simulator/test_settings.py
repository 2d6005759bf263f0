"""The simulator's command line."""

from datetime import UTC, datetime, timedelta

import pytest

from services.market.sessions import NEW_YORK, is_session
from services.simulator.settings import read_settings


def test_a_time_without_zone_is_new_yorks_and_stands_still() -> None:
    settings = read_settings(["--clock", "2025-09-28T20:00"])
    assert settings.now() == settings.now() == datetime(2025, 9, 28, 20, tzinfo=NEW_YORK)
    assert str(settings.end) == "2025-09-26"


def test_the_clock_stands_at_the_same_evening_by_default() -> None:
    assert read_settings([]).now() == datetime(2025, 9, 30, 20, tzinfo=NEW_YORK)


def test_the_clock_follows_the_real_one_if_told_so() -> None:
    settings = read_settings(["--clock", "now"])
    assert abs(settings.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert is_session(settings.end)


def test_the_key_comes_from_the_environment_if_not_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_KEY", "hidden")
    assert read_settings([]).key == "hidden"
    assert read_settings(["--key", "open"]).key == "open"


def test_the_key_is_not_in_the_repr() -> None:
    assert "hidden" not in repr(read_settings(["--key", "hidden"]))
