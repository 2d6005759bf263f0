"""render.yaml by the rules that docs/deploy-render.md states; no Render is asked."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from services.fetcher.settings import FetcherSettings
from services.gateway.settings import GatewaySettings
from services.inference.settings import InferenceSettings
from services.rpc.settings import ServiceSettings
from services.scorer.settings import ScorerSettings

ROOT: Final = Path(__file__).parents[1]
SETTINGS: Final[dict[str, type[ServiceSettings]]] = {
    "fetcher": FetcherSettings,
    "scorer": ScorerSettings,
    "inference": InferenceSettings,
    "gateway": GatewaySettings,
}
FIELDS: Final = {
    "type", "name", "runtime", "plan", "region", "dockerfilePath", "dockerContext", "numInstances", "disk", "envVars",
    "maxShutdownDelaySeconds", "autoDeployTrigger",
}  # fmt: skip
"""Those of the current specification that we use: `env`, `autoDeploy` and other old names are not among them."""
PLANS: Final = {"starter", "standard", "pro", "pro plus"}
RESERVED_PORTS: Final = {10000, 18012, 18013, 19099}
SECRET: Final = re.compile(r"KEY|TOKEN$|SECRET|PASSWORD")
PREFIX: Final = "technic-"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """The services by what they are: fetcher, scorer, inference, gateway."""
    blueprint = YAML(typ="safe").load(ROOT / "render.yaml")
    assert list(blueprint) == ["services"]
    return {service["name"].removeprefix(PREFIX): service for service in blueprint["services"]}


def variables(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["key"]: one for one in service["envVars"]}


def test_all_four_are_private_services_of_one_region(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == set(SETTINGS)
    for service in services.values():
        assert set(service) <= FIELDS
        assert (service["type"], service["runtime"]) == ("pserv", "docker")
        assert service["plan"] in PLANS
        assert service["autoDeployTrigger"] in {"off", "commit", "checksPass"}
        assert (ROOT / service["dockerfilePath"]).is_file()
    assert len({service["region"] for service in services.values()}) == 1


def test_each_is_built_as_what_it_is_and_drains_in_time(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert variables(service)["SERVICE"] == {"key": "SERVICE", "value": name}
        # A service takes up to 10 s to leave; Render allows 300.
        assert 10 < service["maxShutdownDelaySeconds"] <= 300
    assert re.search(r"^ARG SERVICE$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_only_the_fetcher_has_a_disk_and_one_instance(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name, service in services.items() if "disk" in service] == ["fetcher"]
    assert services["fetcher"]["numInstances"] == 1
    disk = services["fetcher"]["disk"]
    assert set(disk) == {"name", "mountPath", "sizeGB"}
    assert f"FETCHER_HOME={disk['mountPath']}" in (ROOT / "Dockerfile").read_text()


def test_every_variable_is_a_setting_with_a_value_it_takes(
    services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, service in services.items():
        kind, found = SETTINGS[name], variables(service)
        aliases = {str(alias) for field in kind.model_fields.values() for alias in _choices(field)}
        known = {f"{name}_{field}".upper() for field in kind.model_fields} | aliases | {"SERVICE"}
        assert set(found) <= known
        for key, one in found.items():
            monkeypatch.setenv(key, str(one.get("value", "somewhere:50050")))
        kind()


def _choices(field: Any) -> list[Any]:
    return list(field.validation_alias.choices) if field.validation_alias else []


def test_addresses_are_those_of_the_services_they_are_called_by(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for key, one in variables(service).items():
            if key.endswith("_ADDRESS"):
                called = key.removeprefix(f"{name.upper()}_").removesuffix("_ADDRESS").lower()
                assert one["fromService"] == {"type": "pserv", "name": f"{PREFIX}{called}", "property": "hostport"}


def test_no_service_listens_where_render_does() -> None:
    ports = re.findall(r"_ADDRESS=0\.0\.0\.0:(\d+)", (ROOT / "Dockerfile").read_text())
    assert len(ports) == len(SETTINGS)
    assert not RESERVED_PORTS & set(map(int, ports))


def test_no_secret_has_a_value(services: dict[str, dict[str, Any]]) -> None:
    secrets = [one for service in services.values() for key, one in variables(service).items() if SECRET.search(key)]
    assert secrets == [{"key": "MASSIVE_API_KEY", "sync": False}]
