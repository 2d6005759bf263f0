"""`technic token`, `technic certs`, and a scan that needs what they make."""

import stat
from pathlib import Path

import pytest

from services.cli.certificates import write_certificates
from services.cli.launch import STANDARD_ADDRESSES, plan_stack
from services.cli.source import Source
from services.market.errors import InvalidRequestError
from services.rpc.credentials import KeyPair, ServerTls
from services.rpc.listening import ServerAccess
from services.rpc.serve import ServerSpec, start
from services.rpc.tokens import Role, line_for, parse
from technic.v1 import gateway_service_pb2_grpc
from tests.canary import TOKEN
from tests.cli.conftest import Technic
from tests.cli.scripted import SERVICE, ScriptedGateway


async def test_a_token_is_written_for_its_owner_alone_and_its_line_printed(technic: Technic) -> None:
    path = technic.home / "app.token"
    made = await technic.run("token", "--role", "operator", "--name", "app", "--expires", "90d", "--out", str(path))
    assert made.code == 0
    (entry,) = parse(made.out)
    assert (entry.name, entry.role) == ("app", Role.OPERATOR)
    assert path.read_text().strip() not in made.out + made.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = await technic.run("token", "--role", "reader", "--name", "app", "--out", str(path))
    assert again.code == 2


@pytest.mark.parametrize(
    "wrong", [("--name", "a b"), ("--expires", "2020-01-01"), ("--expires", "soon"), ("--role", "x")]
)
async def test_wrong_flags_of_token_exit_2(technic: Technic, wrong: tuple[str, str]) -> None:
    flags = {"--role": "reader", "--name": "app"} | dict([wrong])
    outcome = await technic.run("token", *(word for flag in flags.items() for word in flag))
    assert (outcome.code, outcome.out) == (2, "")


def test_certificates_are_written_once_and_keys_for_their_owner_alone(tmp_path: Path) -> None:
    written = write_certificates(tmp_path, ("localhost",), 2)
    assert {path.name for path in written} == {
        f"{name}.{kind}" for name in ("ca", "server", "client") for kind in ("pem", "key")
    }
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in written if path.suffix == ".key")
    before = {path: path.read_bytes() for path in written}
    with pytest.raises(InvalidRequestError, match="already"):
        write_certificates(tmp_path, ("localhost",), 2)
    assert before == {path: path.read_bytes() for path in written}


async def test_a_scan_brings_its_token_and_certificate(technic: Technic, tmp_path: Path) -> None:
    certs = tmp_path / "certs"
    write_certificates(certs, ("127.0.0.1",), 2)
    tokens, token = tmp_path / "tokens", f"{TOKEN}app"
    tokens.write_text(line_for("app", Role.READER, token, None))
    script = ScriptedGateway()
    access = ServerAccess(ServerTls(KeyPair(certs / "server.pem", certs / "server.key"), certs / "ca.pem"), tokens)
    running = await start(
        ServerSpec(
            "gateway",
            "127.0.0.1:0",
            lambda server: gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(script, server),
            (SERVICE,),
            _ready,
            drain_s=0.1,
            access=access,
        )
    )
    tls = {
        f"TECHNIC_TLS_{name}": str(certs / file)
        for name, file in (("CA", "ca.pem"), ("CERT", "client.pem"), ("KEY", "client.key"))
    }
    try:
        good = await technic.run("scan", "--gateway", running.address, TECHNIC_TOKEN=token, **tls)
        without = await technic.run("scan", "--gateway", running.address, **tls)
        plain = await technic.run("scan", "--gateway", running.address, TECHNIC_TOKEN=token)
        healthy = await technic.run("health", "--address", running.address, **tls)
    finally:
        await running.stop()
    assert (good.code, without.code, plain.code, healthy.code) == (0, 77, 69, 0), good.err
    assert "TECHNIC_TOKEN" in without.err
    assert "TLS" in plain.err
    outputs = (good, without, plain, healthy)
    assert not any(TOKEN in outcome.out + outcome.err for outcome in outputs)
    assert all(len(outcome.err.splitlines()) == 1 for outcome in (without, plain)), plain.err


async def _ready() -> None:
    """Need no warming."""


async def test_a_stack_of_our_own_gets_neither_the_token_nor_settings_of_access() -> None:
    inherited = {"TECHNIC_TOKEN": f"{TOKEN}x", "GATEWAY_TOKENS_PATH": "/t", "SCORER_PEER_CA_PATH": "/c", "PATH": "/bin"}
    for command in plan_stack(Source("simulated"), STANDARD_ADDRESSES, inherited):
        assert not command.environment.keys() & (inherited.keys() - {"PATH"})


async def test_up_refuses_settings_that_it_would_not_keep(technic: Technic) -> None:
    outcome = await technic.run("up", GATEWAY_TOKENS_PATH="/tokens")
    assert outcome.code == 2
    assert "GATEWAY_TOKENS_PATH" in outcome.err
