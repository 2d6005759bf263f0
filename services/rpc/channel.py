"""Channels to other services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc

from services.market.errors import InvalidRequestError
from services.rpc.credentials import ChannelTls, KeyPair, channel_credentials
from services.rpc.keepalive import client_options
from services.rpc.network import is_local
from services.rpc.token_channel import TokenChannel
from services.rpc.tokens import watch_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.rpc.peer_settings import PeerSettings

FRAME_BYTES = 4 * 1024 * 1024
"""Bytes of an HTTP/2 frame: a block of bars is one, not two hundred."""
LONGEST_BACKOFF_MS: Final = 500
"""Milliseconds, a fifth more or less, between two tries to connect."""
OPTIONS = (
    # A replica that died is found by pings, and work spreads over all replicas behind one name.
    *client_options(),
    ("grpc.lb_policy_name", "round_robin"),
    # Reconnect soon: services start in any order, and again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", LONGEST_BACKOFF_MS),
    ("grpc.http2.max_frame_size", FRAME_BYTES),
    # No proxy stands between our services; an http_proxy in the environment is meant for others.
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True, slots=True)
class PeerAccess:
    """How to reach servers that want more than a connection.

    Attributes:
        tls: what to speak TLS with; None for plaintext.
        token: gives the token to send, anew for each call; None for no token.
        insecure_network: whether the token may go to other machines in plaintext.
    """

    tls: ChannelTls | None = None
    token: Callable[[], str] | None = field(default=None, repr=False)
    insecure_network: bool = False


def open_channel(address: str, access: PeerAccess | None = None) -> grpc.aio.Channel:
    """Open a channel to `address` (host:port, unix:/path or dns:///name:port); it connects with the first call.

    Without `access` it speaks plaintext, and sends no token.

    Raises:
        InvalidRequestError: the token would go to another machine in plaintext, and nobody allowed that.
        LocalDataError: a file for TLS is of no use.
    """
    if access is None:
        return grpc.aio.insecure_channel(address, options=OPTIONS)
    if access.tls is None:
        if access.token and not access.insecure_network and not is_local(address):
            raise InvalidRequestError(f"the token would go to {address} in plaintext: use TLS, or --insecure-network")
        channel = grpc.aio.insecure_channel(address, options=OPTIONS)
    else:
        name = [("grpc.ssl_target_name_override", access.tls.name)] if access.tls.name else []
        channel = grpc.aio.secure_channel(address, channel_credentials(access.tls), options=[*OPTIONS, *name])
    return channel if access.token is None else TokenChannel(channel, access.token)


def peer_access(settings: PeerSettings) -> PeerAccess:
    """Return what a service's settings say of those that it calls.

    Raises:
        LocalDataError: the file of the token holds none.
    """
    tls = None
    if settings.peer_ca_path:
        pair = None
        if settings.peer_cert_path and settings.peer_key_path:
            pair = KeyPair(settings.peer_cert_path, settings.peer_key_path)
        tls = ChannelTls(settings.peer_ca_path, pair, settings.peer_name)
    token = watch_token(settings.peer_token_path) if settings.peer_token_path else None
    return PeerAccess(tls, token, settings.insecure_network)
