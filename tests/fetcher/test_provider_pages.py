"""Answers in pages, and symbols in paths: what the source asks for and what it believes."""

from datetime import date

import pytest
from aiohttp import web

from services.fetcher.provider.limits import PLANS
from services.market.errors import (
    MalformedAnswerError,
    ProviderPlanError,
)
from tests.fetcher.conftest import CANARY, SESSION, Answer, OpenSource, Provider, json_answer

FIRST = date(2025, 1, 2)


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
