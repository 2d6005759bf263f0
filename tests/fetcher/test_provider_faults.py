"""What the source makes of every fault of a provider, over real connections."""

import asyncio
import socket

import pytest

from services.market.errors import (
    InvalidRequestError,
    MalformedAnswerError,
    ProviderAuthError,
    ProviderPlanError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)
from tests.fetcher.conftest import SESSION, Answer, OpenSource, Provider, json_answer
from tests.fetcher.faults import CURABLE, GOOD, IMPATIENT, cut, drip, endless, hang, html, reset


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
    with pytest.raises(ProviderUnavailableError, match=r"sent nothing for|whole answer within"):
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
