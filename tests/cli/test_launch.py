"""Which processes make a stack."""

from pathlib import Path

import pytest

from services.cli.launch import STANDARD_ADDRESSES, ServiceCommand, plan_stack, private_addresses
from services.cli.source import Source

SIMULATED = Source("simulated", "advanced", latency_ms=5, key="s3cret")


def by_name(commands: tuple[ServiceCommand, ...]) -> dict[str, ServiceCommand]:
    return {command.name: command for command in commands}


def test_a_simulated_market_takes_five_processes() -> None:
    planned = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {}))
    assert set(planned) == {"simulator", "fetcher", "scorer", "inference", "gateway"}


@pytest.mark.parametrize("source", [Source("massive", "basic", key="k"), Source("files", bars=Path("/bars"))])
def test_another_market_takes_four(source: Source) -> None:
    planned = by_name(plan_stack(source, STANDARD_ADDRESSES, {}))
    assert set(planned) == {"fetcher", "scorer", "inference", "gateway"}


def test_a_stack_that_stays_serves_metrics_and_one_of_a_command_does_not() -> None:
    told = {"GATEWAY_METRICS_ADDRESS": "127.0.0.1:7000"}
    stays = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, told, lasting=True))
    assert stays["gateway"].environment["GATEWAY_METRICS_ADDRESS"] == "127.0.0.1:7000"
    assert stays["inference"].environment["INFERENCE_METRICS_ADDRESS"] == "127.0.0.1:9104"
    assert by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, told))["gateway"].environment[next(iter(told))] == ""


def test_services_find_each_other() -> None:
    planned = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {}))
    assert planned["scorer"].environment["SCORER_FETCHER_ADDRESS"] == planned["fetcher"].address
    gateway = planned["gateway"].environment
    for service in ("fetcher", "scorer", "inference"):
        assert (
            gateway[f"GATEWAY_{service.upper()}_ADDRESS"] == planned[service].environment[f"{service.upper()}_ADDRESS"]
        )
    assert planned["fetcher"].environment["FETCHER_BASE_URL"] == f"http://{planned['simulator'].address}"


def test_a_key_goes_to_those_who_need_it_and_never_into_a_command_line() -> None:
    inherited = {"MASSIVE_API_KEY": "theirs", "POLYGON_API_KEY": "theirs", "SIMULATOR_KEY": "theirs"}
    planned = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, inherited))
    assert planned["fetcher"].environment["MASSIVE_API_KEY"] == "s3cret"
    assert planned["simulator"].environment["SIMULATOR_KEY"] == "s3cret"
    for command in planned.values():
        assert "theirs" not in command.environment.values()
        assert not any("s3cret" in word for word in command.argv)
        assert "s3cret" not in repr(command)
    for name in ("scorer", "inference", "gateway"):
        assert "s3cret" not in planned[name].environment.values()


def test_files_are_named_to_the_fetcher_alone() -> None:
    source = Source("files", bars=Path("/data/bars.parquet"), universe=Path("/data/universe.parquet"))
    planned = by_name(plan_stack(source, STANDARD_ADDRESSES, {}))
    fetcher = planned["fetcher"].environment
    assert fetcher["FETCHER_PROVIDER"] == "files"
    assert fetcher["FETCHER_BARS_PATH"] == "/data/bars.parquet"
    assert fetcher["FETCHER_UNIVERSE_PATH"] == "/data/universe.parquet"
    assert "MASSIVE_API_KEY" not in fetcher
    assert "FETCHER_PLAN" not in fetcher


def test_raw_files_come_with_their_splits() -> None:
    source = Source("files", bars=Path("/bars"), splits=Path("/splits"))
    fetcher = by_name(plan_stack(source, STANDARD_ADDRESSES, {}))["fetcher"].environment
    assert (fetcher["FETCHER_BARS_RAW"], fetcher["FETCHER_SPLITS_PATH"]) == ("true", "/splits")


def test_a_replay_is_a_simulator_over_files_and_one_clock() -> None:
    clock = "2025-07-09T20:00"
    source = Source("replay", bars=Path("/bars"), universe=Path("/universe"), clock=clock, key="s3cret")
    planned = by_name(plan_stack(source, STANDARD_ADDRESSES, {}))
    argv = planned["simulator"].argv
    told = {flag: argv[argv.index(flag) + 1] for flag in ("--bars", "--universe", "--clock")}
    assert told == {"--bars": "/bars", "--universe": "/universe", "--clock": clock}
    fetcher = planned["fetcher"].environment
    assert (fetcher["FETCHER_PROVIDER"], fetcher["FETCHER_CLOCK"]) == ("replay", clock)
    assert fetcher["FETCHER_UNIVERSE_PATH"] == "/universe"
    assert "FETCHER_BARS_PATH" not in fetcher


def test_the_environment_is_handed_on_and_processes_leave_with_us() -> None:
    for command in plan_stack(
        SIMULATED, STANDARD_ADDRESSES, {"FETCHER_CONCURRENCY": "5", "MALLOC_TRIM_THRESHOLD_": "1"}
    ):
        assert command.environment["FETCHER_CONCURRENCY"] == "5"
        assert command.environment["MALLOC_TRIM_THRESHOLD_"] == "1"
        assert command.environment["MALLOC_MMAP_THRESHOLD_"] == "268435456"
        assert command.environment["TECHNIC_EXIT_WITH_STDIN"] == "1"


def test_the_simulator_is_told_its_port_plan_latency_and_cache() -> None:
    argv = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {}, home=Path("/home")))["simulator"].argv
    told = {flag: argv[argv.index(flag) + 1] for flag in ("--port", "--plan", "--latency-ms", "--cache")}
    assert told == {"--port": "8100", "--plan": "advanced", "--latency-ms": "5", "--cache": "/home/cache"}


def test_the_simulator_and_the_fetcher_see_one_clock() -> None:
    planned = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {}))
    argv = planned["simulator"].argv
    assert planned["fetcher"].environment["FETCHER_CLOCK"] == argv[argv.index("--clock") + 1]


def test_without_a_plan_the_simulator_is_called_without_a_limit() -> None:
    free = by_name(plan_stack(Source("simulated", key="k"), STANDARD_ADDRESSES, {}))["fetcher"].environment
    bound = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {}))["fetcher"].environment
    assert float(free["FETCHER_CALLS_PER_SECOND"]) > 100
    assert "FETCHER_CALLS_PER_SECOND" not in bound


def test_private_addresses_lie_in_the_folder_and_are_all_different(tmp_path: Path) -> None:
    addresses = private_addresses(tmp_path)
    sockets = {addresses.gateway, addresses.fetcher, addresses.scorer, addresses.inference}
    assert len(sockets) == 4
    assert all(address.startswith(f"unix:{tmp_path}/") for address in sockets)
    assert addresses.simulator.startswith("127.0.0.1:")


def test_the_home_is_that_of_the_store_too() -> None:
    at_home = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {"FETCHER_HOME": "/other"}, home=Path("/home")))
    assert at_home["fetcher"].environment["FETCHER_HOME"] == "/home"
    elsewhere = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {"FETCHER_HOME": "/other"}))
    assert elsewhere["fetcher"].environment["FETCHER_HOME"] == "/other"


def test_only_a_stack_that_stays_fills_its_memory_by_itself() -> None:
    once = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {"FETCHER_WARM_SESSIONS": "99"}))["fetcher"].environment
    assert (once["FETCHER_WARM_SESSIONS"], once["FETCHER_WARM_AT"]) == ("0", "")
    told = by_name(plan_stack(SIMULATED, STANDARD_ADDRESSES, {"FETCHER_WARM_SESSIONS": "99"}, lasting=True))["fetcher"]
    assert told.environment["FETCHER_WARM_SESSIONS"] == "99"
    assert "FETCHER_WARM_AT" not in told.environment


def test_a_stack_may_be_a_part_of_one() -> None:
    planned = plan_stack(SIMULATED, STANDARD_ADDRESSES, {}, names=("simulator", "fetcher"))
    assert [command.name for command in planned] == ["simulator", "fetcher"]
