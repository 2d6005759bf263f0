"""How long connections live.

Pings find a connection to nobody: a machine that lost power, a cable, a firewall that forgot us. Each side pings while
a call is in flight and nothing came for a while. A server refuses clients that ping more often than it allows (GOAWAY,
too_many_pings), so what the two sides say has to fit together.

A server asks its clients to connect anew from time to time: they look its name up again and find replicas that were
added. Calls in flight end over the old connection.
"""

from typing import Final

KEEPALIVE_MS: Final = 10_000
"""Milliseconds without a word from the other side after which it is pinged."""
TIMEOUT_MS: Final = 5_000
"""Milliseconds that it has to answer; with the ones before, the time after which a connection to nobody is found."""
AGE_MS: Final = 30_000
"""Milliseconds, a tenth more or less, after which a client is asked to connect anew."""

Options = tuple[tuple[str, int], ...]


def client_options(keepalive_ms: int = KEEPALIVE_MS, timeout_ms: int = TIMEOUT_MS) -> Options:
    """Return the options of a channel."""
    return (
        ("grpc.keepalive_time_ms", keepalive_ms),
        ("grpc.keepalive_timeout_ms", timeout_ms),
        # gRPC's own bound of the same wait is 60 s, and beside it the one above is never looked at.
        ("grpc.http2.ping_timeout_ms", timeout_ms),
        # A call may be silent for minutes; without this, gRPC stops to ping after the second one.
        ("grpc.http2.max_pings_without_data", 0),
    )


def server_options(keepalive_ms: int = KEEPALIVE_MS, timeout_ms: int = TIMEOUT_MS, age_ms: int = AGE_MS) -> Options:
    """Return the options of a server: it pings its clients, too, and takes pings twice as often as ours send them."""
    return (
        *client_options(keepalive_ms, timeout_ms),
        ("grpc.http2.min_ping_interval_without_data_ms", keepalive_ms // 2),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", age_ms),
    )
