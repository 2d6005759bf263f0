"""The key: in one header and nowhere else."""

import pytest

from services.market.errors import (
    TechnicError,
)
from tests.fetcher.conftest import CANARY, SESSION, Answer, OpenSource, Provider, json_answer
from tests.fetcher.faults import CURABLE, IMPATIENT, hang


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
