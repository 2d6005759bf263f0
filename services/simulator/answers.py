"""The shapes of the vendor's answers and refusals, as HTTP responses."""

import asyncio
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

import orjson
from aiohttp import hdrs, web
from isal import igzip

Json = Mapping[str, object] | list[dict[str, object]]

_STATUS_WORDS: Final = {403: "NOT_AUTHORIZED", 404: "NOT_FOUND"}
_GZIP_LEVEL: Final = 1
_GZIP_FROM: Final = 1024  # bytes
_GZIP_MAGIC: Final = b"\x1f\x8b"
REQUEST_ID: Final = web.RequestKey("request_id", str)


class RefusalError(Exception):
    """A request that is answered by an error.

    Args:
        status: HTTP status.
        text: the vendor's words.
        retry_after_s: sent as `Retry-After`, if given.
    """

    def __init__(self, status: int, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.retry_after_s = retry_after_s


def new_request_id() -> str:
    """Return an id for an answer."""
    return uuid4().hex


def refusal(error: RefusalError, request_id: str) -> web.Response:
    """Return the answer to a refused request: 403 and 404 carry `message`, all others `error`."""
    words = "message" if error.status in _STATUS_WORDS else "error"
    payload = {"status": _STATUS_WORDS.get(error.status, "ERROR"), "request_id": request_id, words: error.text}
    response = web.json_response(body=orjson.dumps(payload), status=error.status)
    if error.retry_after_s is not None:
        response.headers[hdrs.RETRY_AFTER] = f"{error.retry_after_s:g}"
    return response


async def answer(request: web.Request, payload: Json) -> web.Response:
    """Return a JSON answer, encoded and compressed outside the event loop."""
    return body_response(await encoded(request, payload))


async def encoded(request: web.Request, payload: Json) -> bytes:
    """Return the body of a JSON answer, compressed if the client takes that, made outside the event loop."""
    return await asyncio.to_thread(_encoded, payload, accepts_gzip(request))


def body_response(body: bytes) -> web.Response:
    """Return a response with a finished JSON body, plain or gzip."""
    headers = {hdrs.CONTENT_ENCODING: "gzip"} if body[:2] == _GZIP_MAGIC else None
    return web.Response(body=body, content_type="application/json", headers=headers)


def accepts_gzip(request: web.Request) -> bool:
    """Tell whether the client asked for compressed answers."""
    return "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")


def compressed(body: bytes) -> bytes:
    """Return a body as gzip."""
    return bytes(igzip.compress(body, _GZIP_LEVEL))


def decompressed(body: bytes) -> bytes:
    """Return what was compressed."""
    return bytes(igzip.decompress(body))


def _encoded(payload: Json, gzip: bool) -> bytes:  # noqa: FBT001 - handed to a thread by position
    body = orjson.dumps(payload)
    return compressed(body) if gzip and len(body) >= _GZIP_FROM else body
