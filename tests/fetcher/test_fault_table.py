"""Every fault that the simulator knows, through our client: what comes, what is refused, and that it passes.

What a source returns is what is stored; `docs/faults.md` is the table for people.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from services.fetcher.provider.limits import PLANS
from services.fetcher.provider.massive import MassiveSource
from services.fetcher.source import SessionBars
from services.market.errors import (
    MalformedAnswerError,
    ProviderAuthError,
    ProviderPlanError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)
from services.market.sessions import sessions_ending
from services.simulator.faults import KINDS
from tests.fetcher.conftest import OpenSource
from tests.fetcher.faults import IMPATIENT
from tests.fetcher.simulated import CANARY, DETAILS, GROUPED, HISTORY, LISTINGS, SESSION, SNAPSHOT, SPLITS, fault

SESSIONS = sessions_ending(SESSION, 30)


@dataclass(frozen=True)
class Outcome:
    """What a lasting fault comes to: an error, or all bars but each `every`-th, with so many refused a good row."""

    error: type[TechnicError] | None = None
    every: int = 0
    refused_share: float = 0.0


WHOLE = Outcome()
SOME = Outcome(every=10, refused_share=0.1)
MALFORMED, UNAVAILABLE = Outcome(MalformedAnswerError), Outcome(ProviderUnavailableError)

LASTING: dict[str, tuple[dict[str, Any], Outcome]] = {
    "429": ({"kind": "status", "status": 429}, Outcome(ProviderRateLimitedError)),
    "429 with Retry-After": (
        {"kind": "status", "status": 429, "retry_after": 600},
        Outcome(ProviderRateLimitedError),
    ),
    "500": ({"kind": "status", "status": 500}, UNAVAILABLE),
    "502": ({"kind": "status", "status": 502}, UNAVAILABLE),
    "503 with Retry-After": ({"kind": "status", "status": 503, "retry_after": 0.01}, UNAVAILABLE),
    "504": ({"kind": "status", "status": 504}, UNAVAILABLE),
    "401": ({"kind": "status", "status": 401}, Outcome(ProviderAuthError)),
    "403": ({"kind": "status", "status": 403}, Outcome(ProviderPlanError)),
    "today too early": ({"kind": "too_early"}, Outcome(ProviderPlanError)),
    "hang": ({"kind": "slow", "seconds": 600}, UNAVAILABLE),
    "slow drip": ({"kind": "drip", "seconds": 600}, UNAVAILABLE),
    "reset": ({"kind": "reset"}, UNAVAILABLE),
    "truncated": ({"kind": "truncated"}, UNAVAILABLE),
    "truncated gzip": ({"kind": "truncated_gzip"}, MALFORMED),
    "html": ({"kind": "html"}, MALFORMED),
    "null results": ({"kind": "null_results"}, MALFORMED),
    "no results": ({"kind": "no_results"}, MALFORMED),
    "empty page": ({"kind": "empty_page"}, MALFORMED),
    "oversized": ({"kind": "oversized"}, MALFORMED),
    "nan": ({"kind": "nan"}, MALFORMED),
    "wrong types": ({"kind": "wrong_types"}, MALFORMED),
    "null values": ({"kind": "null_values"}, SOME),
    "negative prices": ({"kind": "negative_prices"}, SOME),
    "absurd prices": ({"kind": "absurd_prices"}, SOME),
    "high below low": ({"kind": "high_below_low"}, SOME),
    "duplicate rows": ({"kind": "duplicate_rows"}, Outcome(refused_share=0.1)),
    "out of order": ({"kind": "unordered"}, WHOLE),
    "unknown fields": ({"kind": "unknown_fields"}, WHOLE),
    "wrong symbol": ({"kind": "wrong_symbol"}, WHOLE),
    "wrong content type": ({"kind": "wrong_content_type"}, WHOLE),
    "pages without end": ({"kind": "endless_pages"}, WHOLE),
}


def bars_by_column(bars: SessionBars) -> dict[int, bytes]:
    """Return the bits of every bar."""
    return {column: bar.tobytes() for column, bar in zip(bars.columns.tolist(), bars.bars.T, strict=True)}


def opened(open_source: OpenSource, url: str, kind: str) -> MassiveSource:
    """Open a source; an impatient one where a fault would be waited for."""
    return open_source(url, timeouts=IMPATIENT) if kind in {"slow", "drip"} else open_source(url)


def test_every_fault_of_the_simulator_is_in_the_table() -> None:
    assert {told["kind"] for told, _ in LASTING.values()} == set(KINDS)


@pytest.mark.parametrize(("told", "outcome"), LASTING.values(), ids=LASTING)
async def test_a_session_under_a_lasting_fault_is_right_or_absent_and_comes_later(
    told: dict[str, Any], outcome: Outcome, url: str, open_source: OpenSource
) -> None:
    source = opened(open_source, url, told["kind"])
    # The impatient one may need some tries on a busy machine.
    good = await source.session_bars(SESSION)
    await fault(url, {"path": GROUPED, **told})
    if outcome.error is not None:
        with pytest.raises(outcome.error):
            await source.session_bars(SESSION)
    else:
        bars = await source.session_bars(SESSION)
        expected = bars_by_column(good)
        found = {column: expected[column] for column in bars.columns.tolist()}
        assert bars_by_column(bars) == found
        spoiled = len(range(0, len(expected), outcome.every)) if outcome.every else 0
        assert len(found) == len(expected) - spoiled
        sent = len(expected) * (1 + (outcome.refused_share if not outcome.every else 0))
        assert len(found) + bars.refused_count == pytest.approx(sent, abs=1)
    await fault(url)
    if told.get("retry_after") != 600:
        assert bars_by_column(await source.session_bars(SESSION)) == bars_by_column(good)


async def everything(source: MassiveSource) -> tuple[object, ...]:
    """Return the bits of one answer of every kind."""
    session = await source.session_bars(SESSION)
    listings = [(listing.symbol, listing.name, listing.type) for listing in await source.listings()]
    symbol = await source.symbol_bars(listings[0][0], SESSIONS[0], SESSION)
    details = repr(await source.details(listings[0][0]))
    running = await source.running_bars(SESSION)
    return (
        sorted(session.bars.T.tolist()),
        symbol.bars.tobytes(),
        sorted(listings),
        sorted(await source.splits(SESSIONS[0])),
        details,
        sorted(running.bars.T.tolist()),
    )


PASSING = {
    name: told
    for name, (told, outcome) in LASTING.items()
    if outcome.error not in {None, ProviderAuthError, ProviderPlanError} and told.get("retry_after") != 600
}


@pytest.mark.parametrize("told", PASSING.values(), ids=PASSING)
async def test_faults_that_pass_change_no_bit_of_any_answer(
    told: dict[str, Any], url: str, open_source: OpenSource
) -> None:
    healthy = await everything(open_source(url))
    silent = {"no_results", "empty_page", "null_results"}
    for path in (GROUPED, HISTORY, DETAILS, SPLITS, SNAPSHOT, LISTINGS + "?"):
        # Of one symbol, "nothing" is a good answer: most symbols have none.
        if not (path == HISTORY and told["kind"] in silent - {"null_results"}):
            await fault(url, {"path": path.rstrip("?"), "times": 2, **told})
            assert await everything(opened(open_source, url, told["kind"])) == healthy


SPOILED_SYMBOL: dict[str, Outcome] = {
    "negative_prices": SOME,
    "absurd_prices": SOME,
    "high_below_low": SOME,
    "duplicate_rows": Outcome(refused_share=0.1),
    "unordered": WHOLE,
    "unknown_fields": WHOLE,
    "wrong_symbol": WHOLE,
    "wrong_content_type": WHOLE,
    "nan": MALFORMED,
    "null_values": MALFORMED,
    "wrong_types": MALFORMED,
    "endless_pages": MALFORMED,
    "oversized": MALFORMED,
}


@pytest.mark.parametrize(("kind", "outcome"), SPOILED_SYMBOL.items(), ids=SPOILED_SYMBOL)
async def test_one_symbols_bars_are_right_or_absent(
    kind: str, outcome: Outcome, url: str, open_source: OpenSource
) -> None:
    source = open_source(url)
    good = await source.symbol_bars("SPY", SESSIONS[0], SESSION)
    await fault(url, {"path": HISTORY, "kind": kind})
    if outcome.error is not None:
        with pytest.raises(outcome.error):
            await source.symbol_bars("SPY", SESSIONS[0], SESSION)
    else:
        bars = await source.symbol_bars("SPY", SESSIONS[0], SESSION)
        kept = np.arange(len(SESSIONS)) % outcome.every != 0 if outcome.every else np.ones(len(SESSIONS), bool)
        assert bars.session_days.tolist() == good.session_days[kept].tolist()
        assert bars.bars.tobytes() == np.ascontiguousarray(good.bars[:, kept]).tobytes()
        assert bars.refused_count == round(len(SESSIONS) * outcome.refused_share)
    await fault(url)
    assert (await source.symbol_bars("SPY", SESSIONS[0], SESSION)).bars.tobytes() == good.bars.tobytes()


@pytest.mark.parametrize("kind", ["no_results", "empty_page"])
async def test_a_symbol_without_results_has_no_bars(kind: str, url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    await fault(url, {"path": HISTORY, "kind": kind})
    assert (await source.symbol_bars("SPY", SESSIONS[0], SESSION)).bars.shape == (5, 0)


Lists = Callable[[MassiveSource], Any]
LISTS: dict[str, tuple[str, Lists]] = {
    "listings": (LISTINGS, lambda source: source.listings()),
    "splits": (SPLITS, lambda source: source.splits(SESSIONS[0])),
}


@pytest.mark.parametrize(("path", "ask"), LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("kind", ["unordered", "unknown_fields", "wrong_content_type", "duplicate_rows"])
async def test_a_list_is_whole_however_it_is_sent(
    kind: str, path: str, ask: Lists, url: str, open_source: OpenSource
) -> None:
    source = open_source(url)
    good = await ask(source)
    await fault(url, {"path": path, "kind": kind})
    found = await ask(source)
    assert {(repr(row)) for row in found} == {repr(row) for row in good}


@pytest.mark.parametrize(("path", "ask"), LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("kind", ["wrong_types", "endless_pages", "html", "truncated_gzip", "oversized"])
async def test_a_list_that_cannot_be_read_to_its_end_is_an_error_and_no_part_of_it_is_taken(
    kind: str, path: str, ask: Lists, url: str, open_source: OpenSource
) -> None:
    source = open_source(url, plan=PLANS["basic"])
    await fault(url, {"path": path, "kind": kind})
    with pytest.raises(MalformedAnswerError):
        await ask(source)


@pytest.mark.parametrize("kind", ["wrong_types", "wrong_symbol", "html", "oversized", "truncated_gzip", "null_results"])
async def test_details_of_another_symbol_or_of_another_shape_are_refused(
    kind: str, url: str, open_source: OpenSource
) -> None:
    source = open_source(url)
    await fault(url, {"path": DETAILS, "kind": kind})
    with pytest.raises(MalformedAnswerError):
        await source.details("SPY")
    await fault(url)
    assert await source.details("SPY") is not None


@pytest.mark.parametrize("kind", ["negative_prices", "absurd_prices", "high_below_low"])
async def test_the_running_session_is_refused_where_it_is_wrong(kind: str, url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    good = bars_by_column(await source.running_bars(SESSION))
    await fault(url, {"path": SNAPSHOT, "kind": kind})
    bars = await source.running_bars(SESSION)
    found = bars_by_column(bars)
    assert bars.refused_count > 0
    assert len(found) + bars.refused_count == len(good)
    assert found == {column: good[column] for column in found}


async def test_a_key_that_is_refused_in_mid_scan_is_told_by_every_later_call(url: str, open_source: OpenSource) -> None:
    await fault(url, {"path": GROUPED, "kind": "status", "status": 401, "after": 7})
    source = open_source(url)
    found = await asyncio.gather(*(source.session_bars(session) for session in SESSIONS), return_exceptions=True)
    assert sum(isinstance(one, SessionBars) for one in found) == 7
    assert sum(isinstance(one, ProviderAuthError) for one in found) == len(SESSIONS) - 7
    assert source.request_count == len(SESSIONS)
    assert not source.failing


@pytest.mark.parametrize("told", [told for told, _ in LASTING.values()], ids=LASTING)
async def test_the_key_shows_through_no_fault(
    told: dict[str, Any],
    url: str,
    open_source: OpenSource,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source = opened(open_source, url, told["kind"])
    await fault(url, dict(told))
    asked = (source.session_bars(SESSION), source.details("SPY"))
    errors = [error for error in await asyncio.gather(*asked, return_exceptions=True) if isinstance(error, Exception)]
    assert all(isinstance(error, TechnicError) for error in errors)
    output = capfd.readouterr()
    texts = [text for error in errors for text in (str(error), repr(error), repr(vars(error)), repr(error.__context__))]
    assert not any(CANARY in text for text in (*texts, repr(source), caplog.text, output.out, output.err))
