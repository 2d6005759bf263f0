"""Channels to other services."""

import grpc

FRAME_BYTES = 4 * 1024 * 1024
"""Bytes of an HTTP/2 frame: a block of bars is one, not two hundred."""
OPTIONS = (
    # A replica that died is found by pings, and work spreads over all replicas behind one name.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.lb_policy_name", "round_robin"),
    # Reconnect soon: services start in any order.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.http2.max_frame_size", FRAME_BYTES),
    # No proxy stands between our services; an http_proxy in the environment is meant for others.
    ("grpc.enable_http_proxy", 0),
)


def open_channel(address: str) -> grpc.aio.Channel:
    """Open a channel to `address` (host:port, unix:/path or dns:///name:port); it connects with the first call."""
    return grpc.aio.insecure_channel(address, options=OPTIONS)
