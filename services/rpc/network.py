"""Whether an address stays on this machine: what may be spoken in plaintext without being asked twice."""

import ipaddress
import re
from typing import Final

_SCHEME: Final = re.compile(r"^(dns|ipv4|ipv6):(///?)?")


def is_local(address: str) -> bool:
    """Return whether nobody but this machine can listen in: a Unix socket, or loopback.

    Args:
        address: as gRPC takes it: host:port, unix:/path, dns:///name:port, ipv4:a:1,b:2. A name other than localhost
            counts as remote, whatever it may resolve to.
    """
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    return all(_is_loopback(part) for part in _SCHEME.sub("", address).split(","))


def plaintext_fault(address: str) -> str:
    """Say why a server does not listen on an address in plaintext."""
    return f"{address} can be reached from other machines, and would speak plaintext"


def _is_loopback(place: str) -> bool:
    host = place.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
