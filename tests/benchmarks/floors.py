"""Floors, measured in the same run as what they bound: they drift with the machine as it does."""

import socket
import threading
import time
from typing import Final

from services.market.panel import FIELDS
from tests.benchmarks.scale import BLOCK, SESSIONS

_READ: Final = 1 << 20


def latency_bound(calls: int, latency_ms: int, concurrency: int) -> float:
    """Return the seconds that so many calls take if nothing but waiting for the answers costs time."""
    return calls * latency_ms / 1000 / concurrency


def socket_copy(symbols: int) -> float:
    """Return the seconds that the bytes of a panel take through a loopback socket, in pieces of a block."""
    piece = bytes(8 * len(FIELDS) * SESSIONS * BLOCK)
    total = 8 * len(FIELDS) * SESSIONS * symbols
    target = memoryview(bytearray(total))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sending:
        receiving, _ = server.accept()
        with receiving:
            sender = threading.Thread(target=_send, args=(sending, piece, total))
            began = time.perf_counter()
            sender.start()
            at = 0
            while at < total:
                at += receiving.recv_into(target[at : at + _READ])
            seconds = time.perf_counter() - began
            sender.join()
    return seconds


def _send(sending: socket.socket, piece: bytes, total: int) -> None:
    for start in range(0, total, len(piece)):
        sending.sendall(piece[: total - start])
