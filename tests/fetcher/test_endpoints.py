"""The endpoints beside bars and lists: details of a symbol, the running session, the provider's own adjustment."""

from datetime import date, datetime

import numpy as np
import pytest

from services.fetcher.provider.limits import PLANS
from services.market.errors import MalformedAnswerError, ProviderPlanError
from services.market.sessions import NEW_YORK
from services.market.vocabulary import SymbolType
from tests.fetcher.conftest import SESSION, OpenSource, Provider, bytes_answer, grouped_body, json_answer

DETAILS = {"ticker": "AAPL", "type": "CS", "primary_exchange": "XNAS", "sic_code": "3571"}


async def test_details_tell_shares_of_all_classes_before_those_of_one(
    provider: Provider, open_source: OpenSource
) -> None:
    one, all_classes = {"share_class_shares_outstanding": 5}, {"weighted_shares_outstanding": 7.0}
    other = DETAILS | {"ticker": "BRK.A"} | one
    provider.say(json_answer({"results": DETAILS | one | all_classes}), json_answer({"results": other}))
    source = open_source(provider.url)
    found = [await source.details("AAPL"), await source.details("BRK.A")]
    assert [details and details.shares for details in found] == [7.0, 5.0]
    assert found[0] is not None
    assert (found[0].type, found[0].exchange, found[0].sic_code) == (SymbolType.COMMON, "XNAS", "3571")
    assert provider.paths == ["/v3/reference/tickers/AAPL", "/v3/reference/tickers/BRK.A"]


async def test_details_that_are_not_known_stay_unknown(provider: Provider, open_source: OpenSource) -> None:
    provider.say(
        json_answer({"results": {"ticker": "AAPL", "share_class_shares_outstanding": -1}}),
        json_answer({"message": "Ticker not found."}, status=404),
    )
    source = open_source(provider.url)
    bare = await source.details("AAPL")
    assert bare is not None
    assert np.isnan(bare.shares)
    assert (bare.type, bare.exchange, bare.sic_code) == (SymbolType.UNKNOWN, "", "")
    assert await source.details("NOSUCH") is None
    assert await source.details("..") is None
    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    "odd",
    [
        {"primary_exchange": "X" * 5_000},
        {"primary_exchange": "two words"},
        {"sic_code": "35711"},
        {"sic_code": "<b>"},
        {"weighted_shares_outstanding": 1e300},
        {"weighted_shares_outstanding": 0, "share_class_shares_outstanding": -5},
    ],
    ids=lambda odd: str(odd)[:40],
)
async def test_details_that_cannot_be_true_are_unknown(
    odd: dict[str, object], provider: Provider, open_source: OpenSource
) -> None:
    provider.say(json_answer({"results": {"ticker": "AAPL"} | odd}))
    details = await open_source(provider.url).details("AAPL")
    assert details is not None
    assert (details.exchange, details.sic_code, np.isnan(details.shares)) == ("", "", True)


async def test_shares_of_all_classes_that_cannot_be_true_leave_those_of_one(
    provider: Provider, open_source: OpenSource
) -> None:
    counts = {"weighted_shares_outstanding": -1, "share_class_shares_outstanding": 5}
    provider.say(json_answer({"results": DETAILS | counts}))
    details = await open_source(provider.url).details("AAPL")
    assert details is not None
    assert details.shares == 5


async def test_the_snapshot_is_the_running_sessions_bars_without_zeros(
    provider: Provider, open_source: OpenSource
) -> None:
    day = {"o": 1.0, "h": 2.0, "l": 0.5, "c": 1.5, "v": 10.5}
    rows = [
        {"ticker": "A", "day": day},
        {"ticker": "QUIET", "day": dict.fromkeys(day, 0)},
        {"ticker": "ODD", "day": day | {"h": 0.1}},
        {"ticker": "NONE"},
    ]
    provider.say(json_answer({"status": "OK", "tickers": rows}))
    bars = await open_source(provider.url).running_bars(SESSION)
    assert bars.bars.T.tolist() == [[1.0, 2.0, 0.5, 1.5, 10.5]]
    assert (bars.session, bars.refused_count) == (SESSION, 1)


async def test_a_snapshot_of_another_shape_is_refused(provider: Provider, open_source: OpenSource) -> None:
    provider.say(json_answer({"status": "OK", "tickers": None}))
    with pytest.raises(MalformedAnswerError, match="snapshot"):
        await open_source(provider.url).running_bars(SESSION)


async def test_a_plan_without_snapshot_says_so_without_a_call(provider: Provider, open_source: OpenSource) -> None:
    with pytest.raises(ProviderPlanError, match="basic"):
        await open_source(provider.url, plan=PLANS["basic"]).running_bars(SESSION)
    assert provider.asked == []


async def test_the_providers_own_adjustment_is_asked_for_by_name(provider: Provider, open_source: OpenSource) -> None:
    provider.say(bytes_answer(grouped_body()))
    source = open_source(provider.url)
    await source.adjusted_bars(SESSION)
    await source.session_bars(SESSION)
    assert ["adjusted=true" in path for path in provider.paths] == [True, False]


@pytest.mark.parametrize(
    ("plan", "now", "running"),
    [
        ("advanced", "2025-09-30T09:30", None),
        ("advanced", "2025-09-30T09:31", date(2025, 9, 30)),
        ("starter", "2025-09-30T09:40", None),
        ("starter", "2025-09-30T16:14", date(2025, 9, 30)),
        ("advanced", "2025-09-30T16:00", None),
        ("advanced", "2025-11-28T13:30", None),
        ("advanced", "2025-09-28T12:00", None),
        ("basic", "2025-09-30T12:00", date(2025, 9, 30)),
    ],
)
def test_a_session_runs_from_its_open_to_its_close_as_the_plan_sees_it(
    plan: str, now: str, running: date | None
) -> None:
    assert PLANS[plan].running_session(datetime.fromisoformat(now).replace(tzinfo=NEW_YORK)) == running
