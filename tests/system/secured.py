"""The four services over loopback TCP, asking for tokens, in plaintext, with TLS, or with TLS both ways."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import grpc

from services.cli.certificates import write_certificates
from services.fetcher import __main__ as fetcher
from services.fetcher.settings import FetcherSettings
from services.gateway import __main__ as gateway
from services.gateway.settings import GatewaySettings
from services.inference import __main__ as inference
from services.inference.settings import InferenceSettings
from services.rpc.channel import PeerAccess, open_channel
from services.rpc.credentials import ChannelTls, KeyPair
from services.rpc.serve import start
from services.scorer import __main__ as scorer
from services.scorer.settings import ScorerSettings
from tests.canary import TOKEN
from tests.system.conftest import ALONE, simulated_settings

Transport = Literal["plaintext", "tls", "mtls"]
TRANSPORTS: Final[tuple[Transport, ...]] = get_args(Transport)
READER, OPERATOR, EXPIRED, BAD = (f"{TOKEN}{name}" for name in ("reader", "operator", "expired", "bad"))
ANYWHERE: Final = "127.0.0.1:0"


def line(name: str, role: str, token: str, expires: str = "") -> str:
    """Return a line of a tokens file."""
    return f"{name} {role} {hashlib.sha256(token.encode()).hexdigest()} {expires}\n"


@dataclass(frozen=True, slots=True)
class Secured:
    """Running services.

    Attributes:
        addresses: by name.
        folder: holds the certificates in `certs`, and those of another authority in `others`.
        transport: what they speak.
    """

    addresses: dict[str, str]
    folder: Path
    transport: Transport

    def access(self, token: str, *, certificate: bool = True, ca: str = "certs") -> PeerAccess:
        """Return how a client of ours reaches them."""
        tls = None
        if self.transport != "plaintext":
            pair = KeyPair(self.folder / "certs/client.pem", self.folder / "certs/client.key") if certificate else None
            tls = ChannelTls(self.folder / ca / "ca.pem", pair)
        return PeerAccess(tls, (lambda: token) if token else None)

    def channel(self, service: str, token: str) -> grpc.aio.Channel:
        """Open a channel to a service."""
        return open_channel(self.addresses[service], self.access(token))


def settings(folder: Path, transport: Transport) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write tokens and certificates; return settings of who listens, and settings of who calls."""
    tokens, peer = folder / "tokens", folder / "peer"
    tokens.write_text(
        line("app", "reader", READER)
        + line("ops", "operator", OPERATOR)
        + line("old", "operator", EXPIRED, "2026-01-01")
    )
    peer.write_text(READER + "\n")
    listening: dict[str, Any] = {"tokens_path": tokens}
    calling: dict[str, Any] = {"peer_token_path": peer}
    certs = folder / "certs"
    write_certificates(certs, ("localhost", "127.0.0.1"), 2)
    write_certificates(folder / "others", ("localhost", "127.0.0.1"), 2)
    if transport != "plaintext":
        listening |= {"tls_cert_path": certs / "server.pem", "tls_key_path": certs / "server.key"}
        calling |= {"peer_ca_path": certs / "ca.pem"}
    if transport == "mtls":
        listening |= {"tls_client_ca_path": certs / "ca.pem"}
        calling |= {"peer_cert_path": certs / "client.pem", "peer_key_path": certs / "client.key"}
    return listening, calling


@asynccontextmanager
async def secured(folder: Path, transport: Transport, provider_url: str) -> AsyncIterator[Secured]:
    """Run the four services, each knowing where those are that it calls."""
    listening, calling = settings(folder, transport)
    addresses: dict[str, str] = {}
    async with AsyncExitStack() as stack:

        async def run(name: str, composition: Any) -> None:
            server = await start(await stack.enter_async_context(composition))
            stack.push_async_callback(server.kill)
            addresses[name] = server.address

        own: dict[str, Any] = {"address": ANYWHERE} | listening
        await run("fetcher", fetcher.compose(FetcherSettings(**own | ALONE | simulated_settings(provider_url))))
        await run("inference", inference.compose(InferenceSettings(**own)))
        links = {"fetcher_address": addresses["fetcher"]}
        await run("scorer", scorer.compose(ScorerSettings(**own | calling | links)))
        links = {f"{name}_address": address for name, address in addresses.items()}
        await run("gateway", gateway.compose(GatewaySettings(**own | calling | links)))
        yield Secured(addresses, folder, transport)
