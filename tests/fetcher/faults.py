"""Answers of a provider in trouble."""

import asyncio
import gzip
import socket
import struct

from aiohttp import web

from services.fetcher.provider.transport import Timeouts
from tests.fetcher.conftest import bytes_answer, grouped_body, json_answer, packed_answer

GOOD = packed_answer(grouped_body())
IMPATIENT = Timeouts(pool_s=5, connect_s=1, read_s=0.05, total_s=0.1)


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    peer = request.transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        await response.write(b" ")
    return response


async def cut(request: web.Request) -> web.StreamResponse:
    """Send half of the body under the length of the whole."""
    body = grouped_body()
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(2**20))


async def html(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Sorry.</html>", content_type="text/html")


CURABLE = {
    "status 500": json_answer({"error": "no"}, status=500),
    "status 502": json_answer({"error": "no"}, status=502),
    "status 503": json_answer({"error": "no"}, status=503, headers={"Retry-After": "0.01"}),
    "status 504": json_answer({"error": "no"}, status=504),
    "429": json_answer({"error": "too many"}, status=429),
    "429 with Retry-After": json_answer({"error": "too many"}, status=429, headers={"Retry-After": "0.02"}),
    "reset": reset,
    "cut body": cut,
    "cut gzip": bytes_answer(gzip.compress(grouped_body())[:-20], headers={"Content-Encoding": "gzip"}),
    "not gzip": bytes_answer(grouped_body(), headers={"Content-Encoding": "gzip"}),
    "html": html,
    "null results": json_answer({"status": "OK", "results": None}),
    "no results": json_answer({"status": "OK", "resultsCount": 0}),
    "empty results": json_answer({"status": "OK", "results": []}),
    "empty body": bytes_answer(b""),
    "redirect": json_answer({}, status=302, headers={"Location": "/elsewhere"}),
}
