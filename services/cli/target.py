"""The server that a command calls, and what it wants of callers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.cli.launch import TOKEN_VARIABLE
from services.cli.stack import Stack
from services.market.errors import InvalidRequestError

if TYPE_CHECKING:
    import grpc

    from services.rpc.channel import PeerAccess
    from services.rpc.credentials import ChannelTls


@dataclass(frozen=True, slots=True)
class AccessFlags:
    """What the user said about how a server is called; None and empty are unsaid."""

    token_file: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_name: str = ""
    insecure_network: bool = False


UNSAID: Final = AccessFlags()


@dataclass(frozen=True, slots=True)
class Target:
    """A server to call.

    Attributes:
        address: where it listens.
        stack: the processes behind it if they are ours; they may still be starting.
        access: how it is called; nothing is needed for those of ours.
    """

    address: str
    stack: Stack | None = None
    access: AccessFlags = UNSAID

    def open(self, *, with_token: bool = True) -> "grpc.aio.Channel":
        """Open a channel to it.

        Args:
            with_token: whether its calls bring the user's token; health checks need none.

        Raises:
            InvalidRequestError: flags that contradict each other, or a token that would be sent in plaintext.
            LocalDataError: a file is of no use.
        """
        from services.rpc.channel import open_channel  # noqa: PLC0415  # loads while processes start

        if self.stack is not None:
            return open_channel(self.address)
        return open_channel(self.address, peer_access(self.access, os.environ if with_token else {}))


def peer_access(flags: AccessFlags, environment: Mapping[str, str]) -> "PeerAccess":
    """Read what the flags name; errors as of `Target.open`."""
    from services.rpc import tokens  # noqa: PLC0415  # as above
    from services.rpc.channel import PeerAccess  # noqa: PLC0415  # as above

    if flags.token_file:
        token = tokens.read_token(flags.token_file.expanduser())
    else:
        token = environment.get(TOKEN_VARIABLE, "")
        token = token and tokens.check(token, TOKEN_VARIABLE)
    return PeerAccess(_tls(flags), (lambda: token) if token else None, flags.insecure_network)


def _tls(flags: AccessFlags) -> "ChannelTls | None":
    from services.rpc.credentials import ChannelTls, KeyPair  # noqa: PLC0415  # as above

    if flags.tls_ca is None:
        if flags.tls_cert or flags.tls_key or flags.tls_name:
            raise InvalidRequestError("TLS needs --tls-ca FILE, the authority that the server's certificate is from")
        return None
    if (flags.tls_cert is None) != (flags.tls_key is None):
        raise InvalidRequestError("a certificate needs its key: --tls-cert FILE and --tls-key FILE go together")
    pair = None
    if flags.tls_cert and flags.tls_key:
        pair = KeyPair(flags.tls_cert.expanduser(), flags.tls_key.expanduser())
    return ChannelTls(flags.tls_ca.expanduser(), pair, flags.tls_name)
