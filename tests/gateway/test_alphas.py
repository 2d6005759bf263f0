"""The gateway's client of models: ours by stream or call, and another server of the protocol, give the same alphas."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference import open_inference_grpc_pb2 as oip
from services.gateway.alphas import AlphaStream, InferenceClient
from services.gateway.exchange import CALL_LIMIT
from services.gateway.models import ROW_LIMIT, Model, ModelTerms, check_features
from services.inference.__main__ import compose
from services.inference.settings import InferenceSettings
from services.market.errors import BudgetSpentError, ModelUnusableError, TechnicError
from services.rpc.channel import open_channel
from services.rpc.serve import start
from tests.gateway.other_server import INPUT, OUTPUT, OtherServer, serving
from tests.inference.conftest import train

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    import xgboost
    from numpy.typing import NDArray

    from services.gateway.scored import Predictions

FEATURES = ("vol_realized_60", "mom_12_1", "rsi_14")
VERSIONED = "vol_realized_60@1,mom_12_1@1,rsi_14@2"
RANGE = [[-2.0, 2.0]] * 3
SIZES = (256, 1, 300, 2 * ROW_LIMIT + 7, 0, 40)
"""Rows of the blocks: more than a request may have among them."""
OURS = {"alpha_5": ModelTerms("alpha_5"), "alpha_10": ModelTerms("alpha_10")}
THEIRS = {role: ModelTerms(role, VERSIONED, INPUT, OUTPUT) for role in OURS}
WITHIN_S = 20.0


@pytest.fixture(scope="module")
def boosters() -> dict[str, xgboost.Booster]:
    return {"alpha_5": train(3, 5), "alpha_10": train(3, 10)}


@pytest.fixture(scope="module")
def blocks() -> list[dict[str, NDArray[np.float64]]]:
    """Give blocks of factors by name, some values missing, one factor that no model takes."""
    random = np.random.default_rng(2)
    made = [{name: random.standard_normal(size) for name in (*FEATURES, "beta_60")} for size in SIZES]
    for block in made:
        block["rsi_14"][::9] = np.nan
    return made


@pytest.fixture
async def ours(boosters: Mapping[str, xgboost.Booster], tmp_path: Path) -> AsyncIterator[str]:
    """Serve the models by our server, alpha_10 with feature ranges."""
    for name, booster in boosters.items():
        content = bytes(booster.save_raw("ubj"))
        card: dict[str, object] = {
            "name": name,
            "version": 1,
            "horizon_sessions": 5,
            "features": VERSIONED.split(","),
            "base": 0.5,
            "sha256": hashlib.sha256(content).hexdigest(),
            "training": "on random rows, for tests",
        }
        place = tmp_path / "models" / name / "1"
        place.mkdir(parents=True)
        (place / "model.ubj").write_bytes(content)
        (place / "card.json").write_text(json.dumps(card | ({"feature_ranges": RANGE} if name == "alpha_10" else {})))
    settings = InferenceSettings(address=f"unix:{tmp_path}/ours.sock", models_path=tmp_path / "models")
    async with compose(settings) as spec:
        running = await start(spec)
        yield running.address
        await running.stop()


@pytest.fixture
def other(boosters: Mapping[str, xgboost.Booster]) -> OtherServer:
    return OtherServer(boosters)


@asynccontextmanager
async def client_of(
    other: OtherServer, folder: Path, terms: Mapping[str, ModelTerms] = THEIRS, *, streaming: bool = False
) -> AsyncIterator[InferenceClient]:
    """Serve the other server, and give a client of it."""
    address = f"unix:{folder}/other.sock"
    async with serving(other, address), open_channel(address) as channel:
        yield InferenceClient(channel, terms, streaming=streaming)


async def predict(
    client: InferenceClient, blocks: list[dict[str, NDArray[np.float64]]], within_s: float = WITHIN_S
) -> Predictions:
    """Ask for all blocks, as a scan does."""
    stream = client.stream(await client.describe(WITHIN_S), within_s)
    try:
        for block in blocks:
            await stream.send(block, len(block["rsi_14"]))
        return await stream.finish()
    finally:
        await stream.cancel()


def same(found: Predictions, wanted: Predictions) -> bool:
    """Tell whether all alphas have the same bits."""
    bits = [{role: values.tobytes() for role, values in it.alphas.items()} for it in (found, wanted)]
    return bits[0] == bits[1]


@pytest.mark.parametrize("raw", [True, False])
async def test_another_server_gives_the_alphas_of_ours_for_the_same_models(
    *, raw: bool, ours: str, other: OtherServer, blocks: list[dict[str, NDArray[np.float64]]], tmp_path: Path
) -> None:
    other.raw = raw
    async with open_channel(ours) as channel:
        streamed = await predict(InferenceClient(channel, OURS), blocks)
        called = await predict(InferenceClient(channel, OURS, streaming=False), blocks)
    async with client_of(other, tmp_path) as client:
        theirs = await predict(client, blocks)
    assert {role: len(values) for role, values in streamed.alphas.items()} == dict.fromkeys(OURS, sum(SIZES))
    assert len(np.unique(streamed.alphas["alpha_5"])) > 1_000
    assert same(called, streamed)
    assert same(theirs, streamed)
    assert max(other.rows) == ROW_LIMIT
    assert theirs.outliers == {}


async def test_outliers_are_asked_of_the_models_that_tell_them(
    ours: str, blocks: list[dict[str, NDArray[np.float64]]]
) -> None:
    async with open_channel(ours) as channel:
        found = await predict(InferenceClient(channel, OURS), blocks)
    columns = np.concatenate([np.stack([block[name] for name in FEATURES], axis=1) for block in blocks])
    outside: NDArray[np.bool_] = np.any(np.abs(columns.astype(np.float32)) > 2, axis=1)
    assert found.outliers.keys() == {"alpha_10"}
    assert 100 < outside.sum() < len(outside) / 2
    np.testing.assert_array_equal(found.outliers["alpha_10"], outside)


async def test_columns_may_be_named_for_our_server_too(ours: str, blocks: list[dict[str, NDArray[np.float64]]]) -> None:
    reordered = {role: ModelTerms(role, "rsi_14,vol_realized_60,mom_12_1") for role in OURS}
    async with open_channel(ours) as channel:
        wanted = await predict(InferenceClient(channel, OURS), blocks)
        assert same(await predict(InferenceClient(channel, reordered), blocks), wanted)


async def test_a_scan_has_few_calls_in_flight(
    other: OtherServer, blocks: list[dict[str, NDArray[np.float64]]], tmp_path: Path
) -> None:
    other.hold = asyncio.Event()
    async with client_of(other, tmp_path) as client:
        asking = asyncio.create_task(predict(client, blocks * 3))
        async with asyncio.timeout(WITHIN_S):
            while other.most_at_once < CALL_LIMIT:  # noqa: ASYNC110  # only the other server knows
                await asyncio.sleep(0.001)
        other.hold.set()
        assert len((await asking).alphas["alpha_5"]) == 3 * sum(SIZES)
    assert other.most_at_once == CALL_LIMIT


async def test_a_server_that_refuses_is_told_once_and_asked_no_more(
    other: OtherServer, blocks: list[dict[str, NDArray[np.float64]]], tmp_path: Path
) -> None:
    other.refuse_after = 3
    async with client_of(other, tmp_path) as client:
        with pytest.raises(TechnicError, match="the inference service failed with RESOURCE_EXHAUSTED"):
            async with asyncio.timeout(WITHIN_S):
                await predict(client, blocks * 20)
    assert len(other.rows) == 3


async def test_a_server_without_streams_is_named_where_streams_are_asked_for(
    other: OtherServer, blocks: list[dict[str, NDArray[np.float64]]], tmp_path: Path
) -> None:
    async with client_of(other, tmp_path, streaming=True) as client:
        with pytest.raises(ModelUnusableError, match="ModelInfer only, set GATEWAY_INFERENCE_STREAMING=false"):
            await predict(client, blocks)


async def test_a_server_that_does_not_answer_costs_no_more_than_the_time_there_was(
    other: OtherServer, blocks: list[dict[str, NDArray[np.float64]]], tmp_path: Path
) -> None:
    other.hold = asyncio.Event()
    async with client_of(other, tmp_path) as client:
        with pytest.raises(BudgetSpentError, match="did not answer in time"):
            async with asyncio.timeout(WITHIN_S):
                await predict(client, blocks * 20, within_s=0.3)
        other.hold.set()


def _without(answer: oip.ModelInferResponse) -> None:
    answer.outputs[0].name = "something"


def _too_few(answer: oip.ModelInferResponse) -> None:
    del answer.outputs[0].contents.fp32_contents[:1]


def _infinite(answer: oip.ModelInferResponse) -> None:
    answer.outputs[0].contents.fp32_contents[:] = [np.inf] * len(answer.outputs[0].contents.fp32_contents)


def _whole(answer: oip.ModelInferResponse) -> None:
    answer.outputs[0].datatype = "INT64"


def _ragged(answer: oip.ModelInferResponse) -> None:
    answer.raw_output_contents.append(bytes(7))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_without, "alpha_5 answers without a tensor named prediction"),
        (_too_few, "alpha_5 answers 255 values of prediction for 256 rows"),
        (_infinite, "alpha_5 gave an infinite prediction"),
        (_whole, "alpha_5 answers prediction as 'INT64'"),
        (_ragged, "alpha_5 answers 1 values of prediction for 256 rows"),
    ],
)
async def test_an_answer_that_is_no_column_of_alphas_is_refused(
    spoil: Callable[[oip.ModelInferResponse], None],
    text: str,
    other: OtherServer,
    blocks: list[dict[str, NDArray[np.float64]]],
    tmp_path: Path,
) -> None:
    other.spoil = spoil
    async with client_of(other, tmp_path) as client:
        with pytest.raises(ModelUnusableError, match=text):
            await predict(client, blocks[:1])


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (ModelTerms("alpha_5", "", INPUT, OUTPUT), "input for each feature: name them in GATEWAY_ALPHA_5_FEATURES"),
        (ModelTerms("alpha_5", VERSIONED, INPUT, "alpha"), "has no output 'alpha', only prediction"),
        (ModelTerms("alpha_7", VERSIONED, INPUT, OUTPUT), "failed with NOT_FOUND"),
    ],
)
async def test_a_description_that_is_not_enough_is_told_with_what_to_set(
    terms: ModelTerms, text: str, other: OtherServer, tmp_path: Path
) -> None:
    async with client_of(other, tmp_path, {"alpha_5": terms}) as client:
        with pytest.raises(TechnicError, match=text):
            await client.describe(WITHIN_S)


class SilentExchange:
    """Takes every request, and answers the first only."""

    def __init__(self, *_: object) -> None:
        self._first: oip.ModelInferRequest | None = None

    async def send(self, request: oip.ModelInferRequest) -> None:
        """Keep the first."""
        self._first = self._first or request

    async def answers(self) -> dict[str, oip.ModelInferResponse]:
        """Answer the first."""
        assert self._first
        return {self._first.id: oip.ModelInferResponse()}

    async def cancel(self) -> None:
        """Have nothing to end."""


def metadata(**changes: Any) -> oip.ModelMetadataResponse:
    """Describe a model as our server does."""
    fields: dict[str, Any] = {
        "name": "alpha_5",
        "versions": ["1", "2"],
        "inputs": [{"name": name, "datatype": "FP32", "shape": [-1]} for name in FEATURES],
        "outputs": [{"name": name} for name in ("alpha", "contributions", "out_of_distribution")],
        "properties": {"version": "2", "sha256": "ab", "device": "cpu", "features": VERSIONED},
    }
    return oip.ModelMetadataResponse(**fields | changes)


async def test_a_stream_that_ends_early_is_no_answer(blocks: list[dict[str, NDArray[np.float64]]]) -> None:
    model = Model.from_metadata("alpha_5", ModelTerms("alpha_5"), metadata())
    stream = AlphaStream(SilentExchange(), [model])
    for block in blocks[:3]:
        await stream.send(block, len(block["rsi_14"]))
    with pytest.raises(ModelUnusableError, match="left 2 requests unanswered"):
        await stream.finish()


def test_a_model_is_named_with_its_version_its_hash_and_a_device_that_is_no_cpu() -> None:
    terms = ModelTerms("alpha_5")
    assert str(Model.from_metadata("alpha_5", terms, metadata())) == "alpha_5@2 ab"
    on_gpu = metadata(properties={"version": "2", "sha256": "ab", "device": "cuda"})
    assert str(Model.from_metadata("alpha_5", terms, on_gpu)) == "alpha_5@2 ab cuda"
    assert str(Model.from_metadata("alpha_5", terms, metadata(properties={}))) == "alpha_5@2"
    assert str(Model.from_metadata("alpha_5", terms, metadata(properties={}, versions=[]))) == "alpha_5"


def test_a_model_looks_ahead_of_sessions_before_the_last_one_that_it_has_seen() -> None:
    told = metadata(properties={"version": "2", "learned_until": "2025-07-09"})
    model = Model.from_metadata("alpha_5", ModelTerms("alpha_5"), told)
    assert [model.looks_ahead(date(2025, 7, day)) for day in (8, 9, 10)] == [True, False, False]
    silent = Model.from_metadata("alpha_5", ModelTerms("alpha_5"), metadata())
    assert not silent.looks_ahead(date(2025, 7, 8))
    with pytest.raises(ModelUnusableError, match="says learned_until 'lately': no date"):
        Model.from_metadata("alpha_5", ModelTerms("alpha_5"), metadata(properties={"learned_until": "lately"}))


@pytest.mark.parametrize("terms", [ModelTerms("alpha_5"), ModelTerms("alpha_5", VERSIONED)])
def test_factors_of_another_version_are_refused_whoever_told_the_version(terms: ModelTerms) -> None:
    model = Model.from_metadata("alpha_5", terms, metadata(**({"properties": {}} if terms.features else {})))
    columns = {"vol_realized_60": 1, "mom_12_1": 1, "rsi_14": 2, "beta_60": 7}
    check_features([model], columns)
    with pytest.raises(ModelUnusableError, match="other factors: rsi_14"):
        check_features([model], columns | {"rsi_14": 3})
    with pytest.raises(ModelUnusableError, match="other factors: mom_12_1"):
        check_features([model], {name: version for name, version in columns.items() if name != "mom_12_1"})
