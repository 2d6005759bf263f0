"""One GET to the provider: connection, limits, timeouts, and what every failure means."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Final

import aiohttp
from aiohttp import hdrs
from pydantic import SecretStr

from services.fetcher.provider.limits import Permit, RateLimiter
from services.fetcher.provider.refusals import refusal
from services.fetcher.provider.unpack import PLAIN_LIMIT, unpack
from services.fetcher.timer import Timer
from services.market.errors import (
    MalformedAnswerError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)

_READ_BUFFER: Final = 2**18
_STATUSES: Final = frozenset({200, 400, 401, 403, 404, 429, 500, 502, 503, 504})
"""Those that are counted by themselves."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one attempt may wait, in seconds: for a free connection, to connect, between two reads, and in all."""

    pool_s: float = 180.0
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the provider is and how to speak to it.

    Attributes:
        base_url: the REST API's base, without a key.
        key: sent in the Authorization header only; empty for none.
        concurrency: calls in flight at most.
        timeouts: of one attempt.
    """

    base_url: str
    key: SecretStr
    concurrency: int
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its body as sent, and its Content-Encoding."""

    body: bytes
    encoding: str

    def __repr__(self) -> str:
        return f"Answer({len(self.body)} bytes, {self.encoding or 'plain'})"


class Transport:
    """Calls the provider over kept-alive connections. Made inside the event loop that it serves."""

    def __init__(self, endpoint: Endpoint, limiter: RateLimiter, timer: Timer) -> None:
        self._endpoint = endpoint
        self._base_url = endpoint.base_url.rstrip("/")
        self._limiter = limiter
        self._timer = timer
        self._free = asyncio.Semaphore(endpoint.concurrency)
        self._session = _open_session(endpoint, limiter)
        self.request_count = 0
        self.answer_counts: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"Transport({self._base_url}, {self.request_count} calls)"

    async def get(self, target: str, deadline: float, begin: Callable[[], None], *, urgent: bool = False) -> Answer:
        """Make one attempt to get a path and query.

        Args:
            target: path and query under the base URL.
            deadline: the timer's time at which the answer is of no use any more.
            begin: is called right before sending, after all waiting; what it raises ends the attempt.
            urgent: whether it goes before the other calls that wait for the rate limit.

        Raises:
            TechnicError: in the words of `services.market.errors`; asking again may help with those in
                `retry.RETRYABLE`.
        """
        try:
            async with asyncio.timeout(self._endpoint.timeouts.pool_s):
                await self._free.acquire()
        except TimeoutError:
            raise ProviderUnavailableError("No connection to the provider became free in time") from None
        try:
            return await self._send(target, deadline, begin, urgent=urgent)
        finally:
            self._free.release()

    async def _send(self, target: str, deadline: float, begin: Callable[[], None], *, urgent: bool) -> Answer:
        timeouts = self._endpoint.timeouts
        # The permit comes last: whatever waits after it would let calls bunch up beyond the rate.
        permit = await self._limiter.acquire(deadline, urgent=urgent)
        total_s = min(timeouts.total_s, max(deadline - self._timer.time(), 0.001))
        try:
            begin()
            self.request_count += 1
            return await self._exchange(target, permit, total_s)
        except aiohttp.ConnectionTimeoutError:
            failure = f"took no connection within {timeouts.connect_s:g} s"
        except aiohttp.SocketTimeoutError:
            failure = f"sent nothing for {timeouts.read_s:g} s"
        except TimeoutError:
            failure = f"did not give its whole answer within {total_s:.3g} s"
        except aiohttp.ClientPayloadError:
            failure = "cut its answer short"
        except aiohttp.ClientConnectionError as error:
            failure = f"could not be reached ({error})"
        except (aiohttp.ClientError, OSError) as error:
            failure = f"could not be understood ({type(error).__name__})"
        finally:
            self._limiter.sent(permit)
        self.answer_counts["none"] += 1
        # Raised out here: an error of aiohttp in the chain may hold the request's headers, and with them the key.
        raise ProviderUnavailableError(f"The provider {failure}")

    async def _exchange(self, target: str, permit: Permit, total_s: float) -> Answer:
        timeouts = self._endpoint.timeouts
        timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=timeouts.connect_s, sock_read=timeouts.read_s)
        call = self._session.get(
            self._base_url + target, allow_redirects=False, timeout=timeout, trace_request_ctx=permit
        )
        async with call as response:
            body = await _read(response)
        self.answer_counts[str(response.status) if response.status in _STATUSES else "other"] += 1
        answer = Answer(body, response.headers.get(hdrs.CONTENT_ENCODING, "").lower())
        if response.status == 200:
            return answer
        raise self._refusal(response, answer)

    def _refusal(self, response: aiohttp.ClientResponse, answer: Answer) -> TechnicError:
        error = refusal(
            response.status,
            response.headers,
            unpack(answer.body, answer.encoding),
            secret=self._endpoint.key.get_secret_value(),
            spacing_s=self._limiter.spacing_s,
        )
        if isinstance(error, ProviderRateLimitedError):
            self._limiter.pause(error.retry_after_s or 0.0)
        return error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _open_session(endpoint: Endpoint, limiter: RateLimiter) -> aiohttp.ClientSession:
    async def report(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        limiter.sent(context.trace_request_ctx)

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(report)
    headers = {hdrs.ACCEPT: "application/json", hdrs.ACCEPT_ENCODING: "gzip", hdrs.USER_AGENT: "technic"}
    if endpoint.key.get_secret_value():
        headers[hdrs.AUTHORIZATION] = f"Bearer {endpoint.key.get_secret_value()}"
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=endpoint.concurrency),
        headers=headers,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_READ_BUFFER,
        trace_configs=[trace],
        middlewares=(_once,),
    )


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a call again by itself, past the rate limit and the count of calls."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body as sent; a body over the limit is not read to its end."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > PLAIN_LIMIT:
            response.close()
            raise MalformedAnswerError(f"The provider's answer is larger than {PLAIN_LIMIT} bytes")
    return bytes(body)
