"""What the source makes of every fault of a provider, over real connections."""

import asyncio
import gzip
import socket
import struct
from datetime import date
from itertools import pairwise

import pytest
from aiohttp import web

from services.fetcher.limits import PLANS, Plan
from services.fetcher.transport import Timeouts
from services.market.errors import (
    InvalidRequestError,
    MalformedAnswerError,
    ProviderAuthError,
    ProviderPlanError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)
from tests.fetcher.conftest import (
    CANARY,
    SESSION,
    Answer,
    OpenSource,
    Provider,
    bytes_answer,
    grouped_body,
    json_answer,
    packed_answer,
)

GOOD = packed_answer(grouped_body())
FIRST = date(2025, 1, 2)
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


@pytest.mark.parametrize("fault", CURABLE.values(), ids=CURABLE)
async def test_a_passing_fault_is_cured_by_asking_again(
    fault: Answer, provider: Provider, open_source: OpenSource
) -> None:
    provider.say(fault, fault, GOOD)
    source = open_source(provider.url)
    bars = await source.session_bars(SESSION)
    assert bars.bars.shape == (5, 2)
    assert source.request_count == len(provider.asked) == 3
    assert len(set(provider.paths)) == 1


LASTING: dict[str, tuple[Answer, type[TechnicError]]] = {
    "500": (CURABLE["status 500"], ProviderUnavailableError),
    "reset": (reset, ProviderUnavailableError),
    "cut body": (cut, ProviderUnavailableError),
    "429": (CURABLE["429"], ProviderRateLimitedError),
    "html": (html, MalformedAnswerError),
    "null results": (CURABLE["null results"], MalformedAnswerError),
    "empty results": (CURABLE["empty results"], MalformedAnswerError),
    "redirect": (CURABLE["redirect"], MalformedAnswerError),
}


@pytest.mark.parametrize(("fault", "kind"), LASTING.values(), ids=LASTING)
async def test_a_lasting_fault_is_its_error_after_all_attempts(
    fault: Answer, kind: type[TechnicError], provider: Provider, open_source: OpenSource
) -> None:
    provider.say(fault)
    with pytest.raises(kind):
        await open_source(provider.url).session_bars(SESSION)
    assert len(provider.asked) == 4


@pytest.mark.parametrize(
    ("status", "payload", "kind", "words"),
    [
        (401, {"error": "Unknown API Key"}, ProviderAuthError, "Unknown API Key"),
        (403, {"message": "Your plan doesn't include this data timeframe."}, ProviderPlanError, "timeframe"),
        (404, {"message": "page not found"}, InvalidRequestError, "page not found"),
        (400, {"error": "bad date"}, InvalidRequestError, "bad date"),
    ],
)
async def test_a_refusal_is_told_at_once_in_the_words_of_the_provider(
    status: int,
    payload: object,
    kind: type[TechnicError],
    words: str,
    provider: Provider,
    open_source: OpenSource,
) -> None:
    provider.say(json_answer(payload, status=status))
    with pytest.raises(kind, match=words):
        await open_source(provider.url).session_bars(SESSION)
    assert len(provider.asked) == 1


async def test_a_long_retry_after_is_told_at_once_and_holds_back_later_calls(
    provider: Provider, open_source: OpenSource
) -> None:
    provider.say(json_answer({"error": "later"}, status=429, headers={"Retry-After": "600"}))
    source = open_source(provider.url)
    with pytest.raises(ProviderRateLimitedError) as caught:
        await source.session_bars(SESSION)
    assert caught.value.retry_after_s == 600
    with pytest.raises(ProviderRateLimitedError):
        await source.session_bars(SESSION)
    assert len(provider.asked) == 1


async def test_a_retry_after_may_be_a_date(provider: Provider, open_source: OpenSource) -> None:
    headers = {"Date": "Tue, 30 Sep 2025 20:00:00 GMT", "Retry-After": "Tue, 30 Sep 2025 20:10:00 GMT"}
    provider.say(json_answer({"error": "later"}, status=429, headers=headers))
    with pytest.raises(ProviderRateLimitedError) as caught:
        await open_source(provider.url).session_bars(SESSION)
    assert caught.value.retry_after_s == 600


@pytest.mark.parametrize("fault", [hang, drip])
async def test_a_slow_answer_is_given_up_and_asked_for_again(
    fault: Answer, provider: Provider, open_source: OpenSource
) -> None:
    provider.say(fault, GOOD)
    bars = await open_source(provider.url, timeouts=IMPATIENT).session_bars(SESSION)
    assert bars.bars.shape == (5, 2)
    provider.say(fault)
    with pytest.raises(ProviderUnavailableError, match="in time"):
        await open_source(provider.url, timeouts=IMPATIENT).session_bars(SESSION)


async def test_a_provider_that_is_not_there_is_unavailable(open_source: OpenSource) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ProviderUnavailableError, match="could not be reached"):
        await open_source(f"http://127.0.0.1:{port}").session_bars(SESSION)


async def test_what_speaks_no_http_is_unavailable(open_source: OpenSource) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ready\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProviderUnavailableError):
            await open_source(f"http://127.0.0.1:{port}").session_bars(SESSION)


async def test_a_body_without_end_is_refused_at_the_limit(provider: Provider, open_source: OpenSource) -> None:
    provider.say(endless)
    with pytest.raises(MalformedAnswerError, match="larger than 67108864 bytes"):
        await open_source(provider.url).session_bars(SESSION)


def page(rows: list[dict[str, object]], next_url: str | None = None) -> Answer:
    return json_answer({"status": "OK", "results": rows} | ({"next_url": next_url} if next_url else {}))


SPLIT: dict[str, object] = {"ticker": "AAPL", "execution_date": "2025-06-02", "split_from": 1, "split_to": 4}


async def test_pages_are_followed_on_our_host_only_and_without_the_key(
    provider: Provider, open_source: OpenSource
) -> None:
    provider.say(
        page([SPLIT], "https://elsewhere.example/stocks/v1/splits?cursor=a%7Cb&apiKey=" + CANARY),
        page([SPLIT | {"ticker": "MSFT"}]),
    )
    splits = await open_source(provider.url).splits(FIRST)
    assert [split.symbol for split in splits] == ["AAPL", "MSFT"]
    assert provider.paths[0] == "/stocks/v1/splits?execution_date.gte=2025-01-02&limit=5000"
    assert provider.paths[1].startswith("/stocks/v1/splits?cursor=a")
    assert not any(CANARY in path for path in provider.paths)


async def test_pages_in_a_circle_are_an_error(provider: Provider, open_source: OpenSource) -> None:
    provider.say(page([SPLIT], "https://api.example/stocks/v1/splits?cursor=1"))
    with pytest.raises(MalformedAnswerError, match="no end"):
        await open_source(provider.url).splits(FIRST)
    assert len(provider.asked) == 2


async def test_pages_without_end_are_an_error(provider: Provider, open_source: OpenSource) -> None:
    async def more(request: web.Request) -> web.StreamResponse:
        return await page([SPLIT], f"/stocks/v1/splits?cursor={len(provider.asked)}")(request)

    provider.say(more)
    with pytest.raises(MalformedAnswerError, match="no end"):
        await open_source(provider.url).splits(FIRST)
    assert len(provider.asked) == 50


async def test_a_lost_page_of_splits_is_asked_for_again(provider: Provider, open_source: OpenSource) -> None:
    provider.say(page([]), page([]), page([SPLIT]))
    assert len(await open_source(provider.url).splits(FIRST)) == 1


async def test_no_splits_are_believed_after_three_answers(provider: Provider, open_source: OpenSource) -> None:
    provider.say(page([]))
    assert await open_source(provider.url).splits(FIRST) == ()
    assert len(provider.asked) == 3


async def test_an_empty_reference_list_is_an_error(provider: Provider, open_source: OpenSource) -> None:
    provider.say(page([]))
    with pytest.raises(MalformedAnswerError, match="empty"):
        await open_source(provider.url, plan=PLANS["basic"]).listings()


async def test_one_failing_part_fails_the_reference_list(provider: Provider, open_source: OpenSource) -> None:
    async def refuse_one(request: web.Request) -> web.StreamResponse:
        refused = request.query.get("ticker.gte") == "GI"
        answer = json_answer({"message": "no"}, status=403) if refused else page([{"ticker": "A"}])
        return await answer(request)

    provider.say(refuse_one)
    with pytest.raises(ProviderPlanError):
        await open_source(provider.url).listings()


async def test_parts_that_overlap_list_each_symbol_once(provider: Provider, open_source: OpenSource) -> None:
    provider.say(page([{"ticker": "A", "type": "CS"}, {"ticker": "ZZZ", "type": "CS"}]))
    listings = await open_source(provider.url).listings()
    assert sorted(listing.symbol for listing in listings) == ["A", "ZZZ"]


async def test_a_symbol_that_is_absent_has_no_bars(provider: Provider, open_source: OpenSource) -> None:
    provider.say(json_answer({"message": "not found"}, status=404))
    bars = await open_source(provider.url).symbol_bars("NOPE", FIRST, SESSION)
    assert bars.bars.shape == (5, 0)


@pytest.mark.parametrize("symbol", ["..", ".", "", "A B", "É", "X" * 40])
async def test_what_cannot_be_a_symbol_is_not_asked_for(
    symbol: str, provider: Provider, open_source: OpenSource
) -> None:
    source = open_source(provider.url)
    bars = await source.symbol_bars(symbol, FIRST, SESSION)
    assert bars.bars.shape == (5, 0)
    assert source.request_count == 0


async def test_a_symbol_stays_one_part_of_the_path(provider: Provider, open_source: OpenSource) -> None:
    provider.say(json_answer({"status": "OK", "resultsCount": 0}))
    await open_source(provider.url).symbol_bars("A/../B?x#y", FIRST, SESSION)
    (request,) = provider.asked
    assert request.raw_path.startswith("/v2/aggs/ticker/A%2F..%2FB%3Fx%23y/range/1/day/2025-01-02/2025-09-30?")


async def test_repair_gives_up_retrying_when_everything_fails(provider: Provider, open_source: OpenSource) -> None:
    provider.say(CURABLE["status 500"])
    source = open_source(provider.url)
    for _ in range(40):
        with pytest.raises(ProviderUnavailableError):
            await source.symbol_bars("AAPL", FIRST, SESSION)
    assert source.request_count <= 40 + 10 + 4


async def test_the_rate_is_kept_whatever_the_concurrency(provider: Provider, open_source: OpenSource) -> None:
    times: list[float] = []

    async def stamp(request: web.Request) -> web.StreamResponse:
        times.append(asyncio.get_running_loop().time())
        return await GOOD(request)

    provider.say(stamp)
    plan = Plan("test", calls=10, window_s=0.4, history_years=None, delay=None, repair_limit=0)
    source = open_source(provider.url, plan=plan, concurrency=30)
    assert source.concurrency == 10
    async with asyncio.TaskGroup() as group:
        for _ in range(25):
            group.create_task(source.session_bars(SESSION))
    assert len(times) == 25
    # Calls are stamped when they are read, which a busy machine does late; test_limits holds the cap exactly.
    assert all(times[i + 10] - times[i] >= 0.3 for i in range(15))


async def test_no_more_calls_are_in_flight_than_allowed(provider: Provider, open_source: OpenSource) -> None:
    flying = 0
    most = 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.005)
        flying -= 1
        return await GOOD(request)

    provider.say(count)
    source = open_source(provider.url, concurrency=3)
    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(source.session_bars(SESSION))
    assert most == 3


async def test_a_cancelled_call_ends_at_the_provider_too(provider: Provider, open_source: OpenSource) -> None:
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def watch(request: web.Request) -> web.StreamResponse:
        arrived.set()
        try:
            return await hang(request)
        except asyncio.CancelledError:
            ended.set()
            raise

    provider.say(watch)
    task = asyncio.create_task(open_source(provider.url).session_bars(SESSION))
    async with asyncio.timeout(5):
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()
    assert len(provider.asked) == 1


async def test_a_dropped_connection_is_counted_for_every_call(provider: Provider, open_source: OpenSource) -> None:
    provider.say(GOOD, reset, GOOD)
    source = open_source(provider.url, concurrency=1)
    await source.session_bars(SESSION)
    await source.session_bars(SESSION)
    assert source.request_count == len(provider.asked) == 3


async def test_connections_are_kept(provider: Provider, open_source: OpenSource) -> None:
    peers = []

    async def note(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return await GOOD(request)

    provider.say(note)
    source = open_source(provider.url)
    for _ in range(3):
        await source.session_bars(SESSION)
    assert all(one == other for one, other in pairwise(peers))


def chain(error: BaseException | None) -> list[BaseException]:
    return [] if error is None else [error, *chain(error.__cause__), *chain(error.__context__)]


ECHO = json_answer({"error": f"the key {CANARY} is unknown", "message": f"the key {CANARY} is unknown"}, status=401)


@pytest.mark.parametrize(
    "fault",
    [*CURABLE.values(), hang, ECHO, json_answer({"message": CANARY}, status=403)],
    ids=[*CURABLE, "hang", "echo 401", "echo 403"],
)
async def test_the_key_is_in_the_header_and_nowhere_else(
    fault: Answer,
    provider: Provider,
    open_source: OpenSource,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    provider.say(fault)
    source = open_source(provider.url, timeouts=IMPATIENT)
    with pytest.raises(TechnicError) as caught:
        await source.session_bars(SESSION)
    told = [text for error in chain(caught.value) for text in (str(error), repr(error), repr(vars(error)))]
    output = capfd.readouterr()
    assert not any(CANARY in text for text in (*told, repr(source), caplog.text, output.out, output.err))
    assert all(request.headers["Authorization"] == f"Bearer {CANARY}" for request in provider.asked)
    assert not any(CANARY in path for path in provider.paths)
