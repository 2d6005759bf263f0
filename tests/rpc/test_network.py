"""What stays on this machine, and that plaintext does not leave it unasked."""

from pathlib import Path

import pytest

from services.gateway.settings import GatewaySettings
from services.market.errors import InvalidRequestError
from services.rpc.channel import PeerAccess, open_channel
from services.rpc.network import is_local
from services.rpc.settings import load
from tests.canary import TOKEN


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:1", True),
        ("127.8.9.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/run/x", True),
        ("unix-abstract:x", True),
        ("dns:///localhost:1", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("gateway:1", False),
        ("dns:///gateway:1", False),
        ("localhost.example:1", False),
        (":1", False),
    ],
)
def test_only_sockets_and_loopback_are_local(address: str, local: bool) -> None:  # noqa: FBT001  # a case
    assert is_local(address) == local


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ADDRESS": "0.0.0.0:1"}, "GATEWAY_INSECURE_NETWORK"),
        ({"TLS_CERT_PATH": "FILE"}, "GATEWAY_TLS_KEY_PATH"),
        ({"TLS_CLIENT_CA_PATH": "FILE"}, "GATEWAY_TLS_CERT_PATH"),
        ({"TOKENS_PATH": "/no/such/file"}, "GATEWAY_TOKENS_PATH"),
        ({"PEER_TOKEN_PATH": "FILE", "SCORER_ADDRESS": "scorer:1"}, "GATEWAY_PEER_CA_PATH"),
        ({"PEER_CERT_PATH": "FILE", "PEER_CA_PATH": "FILE"}, "GATEWAY_PEER_KEY_PATH"),
        ({"PEER_NAME": "technic"}, "GATEWAY_PEER_CA_PATH"),
    ],
)
def test_a_service_refuses_to_start_and_says_what_to_set(
    variables: dict[str, str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    for name, value in variables.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value.replace("FILE", str(tmp_path / "file")))
    with pytest.raises(SystemExit) as ended:
        load(GatewaySettings, [])
    assert ended.value.code == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert words in told


def test_plaintext_leaves_this_machine_if_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ADDRESS", "0.0.0.0:1")
    assert load(GatewaySettings, ["--insecure-network"]).insecure_network
    monkeypatch.setenv("GATEWAY_INSECURE_NETWORK", "true")
    assert load(GatewaySettings, []).insecure_network


async def test_a_token_does_not_leave_this_machine_in_plaintext() -> None:
    with pytest.raises(InvalidRequestError, match="plaintext") as raised:
        open_channel("10.0.0.1:1", PeerAccess(token=lambda: f"{TOKEN}x"))
    assert TOKEN not in raised.value.message
    await open_channel("10.0.0.1:1", PeerAccess(token=lambda: f"{TOKEN}x", insecure_network=True)).close()
