"""The choice of a source of bars."""

from pathlib import Path
from typing import Any

import pytest

from services.cli.source import Provider, Source, SourceFlags, choose_source
from services.market.errors import InvalidRequestError, LocalDataError, ProviderAuthError

KEY = {"MASSIVE_API_KEY": "k-real"}


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "bars.parquet"
    path.touch()
    return path


def test_without_flags_the_market_is_simulated_even_with_a_key() -> None:
    assert choose_source(SourceFlags(), KEY, "made-up") == Source("simulated", key="made-up")


def test_bars_mean_files(bars: Path) -> None:
    assert choose_source(SourceFlags(bars=bars), {}, "made-up") == Source("files", bars=bars)


@pytest.mark.parametrize("variables", [KEY, {"POLYGON_API_KEY": "k-real"}, {**KEY, "POLYGON_API_KEY": "other"}])
def test_massive_takes_its_key_from_the_environment_and_the_least_plan(variables: dict[str, str]) -> None:
    assert choose_source(SourceFlags("massive"), variables, "made-up") == Source("massive", "basic", key="k-real")


def test_the_plan_of_the_environment_counts_for_massive() -> None:
    chosen = choose_source(SourceFlags("massive"), {**KEY, "MASSIVE_PLAN": "starter"}, "made-up")
    assert chosen.plan == "starter"


def test_a_plan_that_was_said_beats_the_environment() -> None:
    chosen = choose_source(SourceFlags("massive", "developer"), {**KEY, "MASSIVE_PLAN": "starter"}, "made-up")
    assert chosen.plan == "developer"


def test_an_unknown_plan_in_the_environment_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match="MASSIVE_PLAN"):
        choose_source(SourceFlags("massive"), {**KEY, "MASSIVE_PLAN": "gold"}, "made-up")


def test_massive_without_a_key_says_which_variable_to_set() -> None:
    with pytest.raises(ProviderAuthError, match="MASSIVE_API_KEY"):
        choose_source(SourceFlags("massive"), {}, "made-up")


def test_absent_bars_are_an_error_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(LocalDataError, match="does not exist"):
        choose_source(SourceFlags(bars=tmp_path / "absent"), {}, "made-up")


def test_an_absent_universe_is_an_error_of_the_data(bars: Path, tmp_path: Path) -> None:
    with pytest.raises(LocalDataError, match="--universe"):
        choose_source(SourceFlags(bars=bars, universe=tmp_path / "absent"), {}, "made-up")


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (SourceFlags("massive", bars=Path("x")), "--bars"),
        (SourceFlags(universe=Path("x")), "--universe"),
        (SourceFlags("massive", latency_ms=1), "--latency-ms"),
        (SourceFlags(bars=Path("x"), latency_ms=1), "--latency-ms"),
        (SourceFlags("files", "basic", bars=Path("x")), "--plan"),
        (SourceFlags("massive", raw=True), "--raw"),
        (SourceFlags("replay", bars=Path("x"), raw=True, splits=Path("x")), "--raw"),
        (SourceFlags("massive", splits=Path("x")), "--splits"),
    ],
)
def test_a_flag_of_another_provider_is_named(flags: SourceFlags, fault: str) -> None:
    with pytest.raises(InvalidRequestError, match=fault):
        choose_source(flags, KEY, "made-up")


def test_massive_takes_a_universe(bars: Path) -> None:
    assert choose_source(SourceFlags("massive", universe=bars), KEY, "made-up").universe == bars


@pytest.mark.parametrize("flags", [{"raw": True}, {"splits": Path("splits.csv")}])
def test_raw_bars_and_splits_go_together(bars: Path, flags: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="go together"):
        choose_source(SourceFlags(bars=bars, **flags), {}, "made-up")


def test_raw_bars_come_with_their_splits(bars: Path) -> None:
    chosen = choose_source(SourceFlags(bars=bars, raw=True, splits=bars), {}, "made-up")
    assert chosen == Source("files", bars=bars, splits=bars)


@pytest.fixture
def real_bars(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv"
    row = "A,2025-07-09,1,1,1,1,1\nA,2025-07-12,1,1,1,1,1\n"
    path.write_text(f"symbol,date,open,high,low,close,volume\n{row}", encoding="utf-8")
    return path


@pytest.mark.parametrize("provider", ["replay", "simulated"])
def test_real_bars_through_the_simulator_are_a_replay_in_the_evening_of_their_last_session(
    real_bars: Path, provider: Provider
) -> None:
    universe = real_bars.with_name("universe.parquet")
    universe.touch()
    chosen = choose_source(SourceFlags(provider, bars=real_bars, latency_ms=1), KEY, "made-up")
    expected = Source(
        "replay", bars=real_bars, universe=universe, clock="2025-07-09T20:00", latency_ms=1, key="made-up"
    )
    assert chosen == expected


@pytest.mark.parametrize("provider", ["files", "replay"])
def test_files_and_replay_need_bars(provider: Provider) -> None:
    with pytest.raises(InvalidRequestError, match=f"{provider} needs --bars"):
        choose_source(SourceFlags(provider), {}, "made-up")


def test_bars_that_cannot_be_replayed_are_an_error_of_the_data(bars: Path) -> None:
    with pytest.raises(LocalDataError, match="cannot be read as Parquet"):
        choose_source(SourceFlags("replay", bars=bars), {}, "made-up")


def test_no_key_shows_in_a_repr() -> None:
    assert "k-real" not in repr(choose_source(SourceFlags("massive"), KEY, "made-up"))
