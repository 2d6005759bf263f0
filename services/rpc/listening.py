"""How a server listens: with TLS or in plaintext, with tokens or without, and how large a request may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.market.errors import InvalidRequestError
from services.rpc.access import AccessInterceptor
from services.rpc.credentials import KeyPair, ServerTls, server_credentials
from services.rpc.network import is_local, plaintext_fault
from services.rpc.tokens import watch_entries

if TYPE_CHECKING:
    from pathlib import Path

    import grpc

    from services.rpc.access_settings import AccessSettings

METADATA_BYTES: Final = 8 * 1024
"""Most bytes of a call's metadata: a token and an id take two hundred."""


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """What a server demands of those who call it, and lets them do.

    Attributes:
        tls: what it speaks TLS with; None for plaintext.
        tokens: file of the tokens that it accepts; None if calls need none.
        insecure_network: whether plaintext may leave this machine.
        reflection: whether it tells what can be called.
        request_bytes: most bytes of a request message.
    """

    tls: ServerTls | None = None
    tokens: Path | None = None
    insecure_network: bool = False
    reflection: bool = True
    request_bytes: int = 4 * 1024 * 1024

    def interceptors(self) -> list[grpc.aio.ServerInterceptor]:
        """Return what looks at tokens, where they are asked for.

        Raises:
            LocalDataError: the file of tokens is of no use.
        """
        return [AccessInterceptor(watch_entries(self.tokens))] if self.tokens else []

    def options(self) -> list[tuple[str, int]]:
        """Return the bounds of a call as options of a server."""
        return [
            ("grpc.max_receive_message_length", self.request_bytes),
            # The soft bound equals the hard one: between them gRPC would refuse calls by chance.
            ("grpc.max_metadata_size", METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES),
        ]

    def listen(self, server: grpc.aio.Server, address: str) -> int:
        """Have the server listen on an address, and return its port.

        Raises:
            InvalidRequestError: what is said there could be read by others, and nobody allowed that.
            LocalDataError: a file for TLS is of no use.
            RuntimeError: grpc cannot listen there.
        """
        if self.tls is not None:
            return server.add_secure_port(address, server_credentials(self.tls))
        if not self.insecure_network and not is_local(address):
            raise InvalidRequestError(plaintext_fault(address))
        return server.add_insecure_port(address)


UNPROTECTED: Final = ServerAccess()
"""Plaintext on this machine, without tokens."""


def server_access(settings: AccessSettings) -> ServerAccess:
    """Return what settings say of access."""
    tls = None
    if settings.tls_cert_path and settings.tls_key_path:
        tls = ServerTls(KeyPair(settings.tls_cert_path, settings.tls_key_path), settings.tls_client_ca_path)
    size = settings.request_mb * 1024 * 1024
    return ServerAccess(tls, settings.tokens_path, settings.insecure_network, settings.reflection, size)
