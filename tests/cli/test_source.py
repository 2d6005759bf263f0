"""The choice of a source of bars."""

from pathlib import Path

import pytest

from services.cli.source import Source, SourceFlags, choose_source
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


def test_files_without_bars_are_an_error() -> None:
    with pytest.raises(InvalidRequestError, match="--bars"):
        choose_source(SourceFlags("files"), {}, "made-up")


def test_absent_bars_are_an_error_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(LocalDataError, match="does not exist"):
        choose_source(SourceFlags(bars=tmp_path / "absent"), {}, "made-up")


def test_an_absent_universe_is_an_error_of_the_data(bars: Path, tmp_path: Path) -> None:
    with pytest.raises(LocalDataError, match="--universe"):
        choose_source(SourceFlags(bars=bars, universe=tmp_path / "absent"), {}, "made-up")


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (SourceFlags("simulated", bars=Path("x")), "--bars"),
        (SourceFlags("massive", universe=Path("x")), "--universe"),
        (SourceFlags("massive", latency_ms=1), "--latency-ms"),
        (SourceFlags(bars=Path("x"), latency_ms=1), "--latency-ms"),
        (SourceFlags("files", "basic", bars=Path("x")), "--plan"),
    ],
)
def test_a_flag_of_another_provider_is_named(flags: SourceFlags, fault: str) -> None:
    with pytest.raises(InvalidRequestError, match=fault):
        choose_source(flags, KEY, "made-up")


def test_no_key_shows_in_a_repr() -> None:
    assert "k-real" not in repr(choose_source(SourceFlags("massive"), KEY, "made-up"))
