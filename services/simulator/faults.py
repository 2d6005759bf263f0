"""Faults on request: what real services do on bad days, switched on by a test."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from services.simulator import spoil
from services.simulator.answers import RefusalError

KINDS: Final = ("status", "too_early", "slow", "drip", "truncated", "reset", *spoil.KINDS)
_MOST_FAULTS: Final = 100
_LONGEST_S: Final = 3600.0
_DRIPS: Final = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to calls whose path starts with `path`.

    Args:
        kind: `status` answers with an error status; `too_early` refuses as for today's data (403); `slow` waits first
            (long enough, and it hangs); `drip` spreads the body over `seconds`; `truncated` cuts the body in half;
            `reset` resets the connection; all others change a good body, as `spoil.KINDS` says.
        path: beginning of the path; empty for every call.
        after: calls to that path that pass unharmed first.
        times: calls that suffer it; None for all that follow.
        status: of kind `status`.
        retry_after: `Retry-After` of kind `status` in seconds; None leaves the header out.
        seconds: of kinds `slow` and `drip`.
        every: of kinds that spoil rows: each of so many, the first one always.
    """

    kind: str
    path: str = ""
    after: int = 0
    times: int | None = None
    status: int = 500
    retry_after: float | None = None
    seconds: float = 0.0
    every: int = 10

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault {self.kind!r} is none of {', '.join(KINDS)}")
        if not 400 <= self.status <= 599:
            raise ValueError(f"a fault's status lies in 400..599, not at {self.status}")
        if self.after < 0 or (self.times or 0) < 0 or (self.retry_after or 0) < 0:
            raise ValueError("a fault's after, times and retry_after are 0 or more")
        if self.every < 1:
            raise ValueError(f"a fault's every is 1 or more, not {self.every}")
        if not 0 <= self.seconds <= _LONGEST_S:
            raise ValueError(f"a fault's seconds lie in 0..{_LONGEST_S:g}, not at {self.seconds}")


def read_faults(body: bytes) -> tuple[Fault, ...]:
    """Read `{"faults": [...]}`.

    Raises:
        ValueError: it is not JSON, holds too many faults, or a fault has an unknown or unfit member.
    """
    document = orjson.loads(body)
    rows = document.get("faults") if isinstance(document, dict) else None
    if not isinstance(rows, list) or len(rows) > _MOST_FAULTS:
        raise ValueError(f'expected {{"faults": [...]}} with at most {_MOST_FAULTS} faults')
    return tuple(_fault(row) for row in rows)


class FaultSwitch:
    """The faults that are on, and how many calls each one has seen."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, list[int]]] = []

    def replace(self, faults: tuple[Fault, ...]) -> None:
        """Switch to other faults; none at all ends them."""
        self._faults = [(fault, [0]) for fault in faults]

    def take(self, path: str) -> Fault | None:
        """Count a call to a path, and return the first fault that it suffers."""
        for fault, seen in self._faults:
            if path.startswith(fault.path):
                seen[0] += 1
                struck = seen[0] - fault.after
                if struck > 0 and (fault.times is None or struck <= fault.times):
                    return fault
        return None


async def suffer(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request as a fault says."""
    match fault.kind:
        case "status":
            raise RefusalError(fault.status, "A fault was asked for.", retry_after_s=fault.retry_after)
        case "too_early":
            raise RefusalError(403, "Attempted to request today's data before end of day.")
        case "slow":
            await asyncio.sleep(fault.seconds)
            return await handler(request)
        case "reset":
            _reset(request)
            return web.Response()
        case "drip" | "truncated":
            return await _in_pieces(fault, request, await handler(request))
        case _:
            whole = await handler(request)
            url = str(request.url.without_query_params("apiKey"))
            return await asyncio.to_thread(spoil.spoiled, fault.kind, whole, url, fault.every)


async def _in_pieces(fault: Fault, request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    """Send a body in slow pieces, or only its first half under the length of the whole."""
    if not isinstance(whole, web.Response) or not isinstance(whole.body, bytes):
        return whole
    body = whole.body
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(body)
    await response.prepare(request)
    if fault.kind == "truncated":
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response
    size = max(len(body) // _DRIPS, 1)
    for begin in range(0, len(body), size):
        await asyncio.sleep(fault.seconds / _DRIPS)
        await response.write(body[begin : begin + size])
    return response


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        peer = request.transport.get_extra_info("socket")
        # A zero linger makes the kernel send RST instead of FIN.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


def _fault(row: object) -> Fault:
    known = {field.name for field in fields(Fault)}
    if not isinstance(row, Mapping) or "kind" not in row or not known.issuperset(row):
        raise ValueError(f"a fault is an object with `kind` and some of {', '.join(sorted(known))}")
    try:
        return Fault(**row)
    except TypeError:
        raise ValueError("a fault's members are numbers, but for kind and path") from None
