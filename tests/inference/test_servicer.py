"""The Open Inference Protocol over a real socket: answers, statuses, streams that go on."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from inference import open_inference_grpc_pb2 as oip
from services.inference.__main__ import SERVICE
from services.inference.tensors import ROW_LIMIT
from services.market.errors import InvalidRequestError, ModelUnusableError, TechnicError, UnknownModelError
from services.rpc.channel import open_channel
from services.rpc.status import from_call
from tests.inference.conftest import FEATURES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from numpy.typing import NDArray

    from inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
    from services.inference.repository import ModelRepository
    from services.rpc.serve import RunningServer
    from tests.inference.conftest import MakeModel

NAMES = ["vol_realized_60", "mom_12_1", "rsi_14"]


def ask(block: NDArray[np.float32], model: str = "alpha_5", **fields: Any) -> oip.ModelInferRequest:  # a message's
    """Build a request of one raw block."""
    tensor = {"name": "features", "datatype": "FP32", "shape": block.shape}
    return oip.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[block.tobytes()], **fields)


def alphas_of(response: oip.ModelInferResponse) -> NDArray[np.float32]:
    """Read the alphas of a raw answer."""
    return np.frombuffer(response.raw_output_contents[0], "<f4")


async def failure(call: Awaitable[object]) -> tuple[type[TechnicError], str]:
    """Return the typed error that a call fails with, and its text."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    error = from_call(raised.value, "inference")
    return type(error), error.message


async def test_server_is_live_but_not_ready_while_a_model_is_broken(
    stub: GRPCInferenceServiceStub, make_model: MakeModel
) -> None:
    live = await stub.ServerLive(oip.ServerLiveRequest(), timeout=5)
    before = await stub.ServerReady(oip.ServerReadyRequest(), timeout=5)
    make_model("alpha_10", 1)
    await stub.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="alpha_10"), timeout=5)
    after = await stub.ServerReady(oip.ServerReadyRequest(), timeout=5)
    assert (live.live, before.ready, after.ready) == (True, False, True)


async def test_metadata_tells_inputs_in_the_model_s_order_and_the_card(stub: GRPCInferenceServiceStub) -> None:
    server = await stub.ServerMetadata(oip.ServerMetadataRequest(), timeout=5)
    model = await stub.ModelMetadata(oip.ModelMetadataRequest(name="alpha_5"), timeout=5)
    assert (server.name, server.version, list(server.extensions)) == (
        "technic",
        version("technic"),
        ["model_repository"],
    )
    assert (model.name, list(model.versions), model.platform) == ("alpha_5", ["1", "2"], "xgboost")
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in model.inputs] == [
        (name, "FP32", [-1]) for name in NAMES
    ]
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in model.outputs] == [
        ("alpha", "FP32", [-1]),
        ("contributions", "FP32", [-1, 4]),
    ]
    facts = dict(model.properties)
    assert len(facts.pop("sha256")) == 64
    assert facts == {
        "version": "2",
        "horizon_sessions": "5",
        "features": ",".join(FEATURES),
        "base": "0.5",
        "scale": "1.0",
        "training": "on random rows, for tests",
        "device": "cpu",
    }


@pytest.mark.parametrize(("asked", "served"), [("", "2"), ("1", "1")])
async def test_inference_gives_the_alphas_of_the_asked_version(
    asked: str,
    served: str,
    stub: GRPCInferenceServiceStub,
    repository: ModelRepository,
    block: NDArray[np.float32],
) -> None:
    response = await stub.ModelInfer(ask(block, model_version=asked, id="scan-1/3"), timeout=5)
    assert (response.model_name, response.model_version, response.id) == ("alpha_5", served, "scan-1/3")
    repository.load_all()
    np.testing.assert_array_equal(alphas_of(response), repository.model("alpha_5", served).predict(block))


async def test_batches_of_every_size_give_the_same_bits_over_the_wire(
    stub: GRPCInferenceServiceStub, block: NDArray[np.float32]
) -> None:
    sizes = range(1, len(block) + 1)
    answers = []
    for first in range(0, len(sizes), 50):
        calls = (stub.ModelInfer(ask(block[:size]), timeout=20) for size in sizes[first : first + 50])
        answers += [alphas_of(response) for response in await asyncio.gather(*calls)]
    assert all(answer.tobytes() == answers[-1][: len(answer)].tobytes() for answer in answers)
    assert [len(answer) for answer in answers] == list(sizes)


async def test_no_rows_are_an_empty_answer(stub: GRPCInferenceServiceStub, block: NDArray[np.float32]) -> None:
    response = await stub.ModelInfer(ask(block[:0]), timeout=5)
    assert list(response.outputs[0].shape) == [0]
    assert list(response.raw_output_contents) == [b""]


async def test_the_largest_request_is_answered_and_one_row_more_refused(stub: GRPCInferenceServiceStub) -> None:
    rows = np.zeros((ROW_LIMIT + 1, len(FEATURES)), np.float32)
    response = await stub.ModelInfer(ask(rows[1:]), timeout=20)
    kind, text = await failure(stub.ModelInfer(ask(rows), timeout=5))
    assert len(alphas_of(response)) == ROW_LIMIT
    assert kind is InvalidRequestError
    assert str(ROW_LIMIT) in text


async def test_a_stream_answers_in_order_and_goes_on_after_bad_requests(
    stub: GRPCInferenceServiceStub, block: NDArray[np.float32]
) -> None:
    async def requests() -> AsyncIterator[oip.ModelInferRequest]:
        yield ask(block, id="a")
        yield ask(block[:, :2], id="b")
        yield ask(block, "alpha_10", id="c")
        yield ask(block[:9], id="d")

    answers = [answer async for answer in stub.ModelStreamInfer(requests(), timeout=20)]
    assert [answer.infer_response.id for answer in answers] == ["a", "b", "c", "d"]
    assert [bool(answer.error_message) for answer in answers] == [False, True, True, False]
    assert "2 columns" in answers[1].error_message
    assert "unavailable" in answers[2].error_message
    assert not answers[1].infer_response.outputs
    whole, part = (alphas_of(answers[place].infer_response) for place in (0, 3))
    np.testing.assert_array_equal(part, whole[:9])


async def test_a_cancelled_stream_leaves_the_server_serving(
    stub: GRPCInferenceServiceStub, block: NDArray[np.float32]
) -> None:
    call = stub.ModelStreamInfer(timeout=20)
    await call.write(ask(block))
    await call.read()
    call.cancel()
    response = await stub.ModelInfer(ask(block), timeout=5)
    assert len(alphas_of(response)) == len(block)


async def test_the_index_tells_states_and_reasons(stub: GRPCInferenceServiceStub) -> None:
    index = await stub.RepositoryIndex(oip.RepositoryIndexRequest(), timeout=5)
    ready = await stub.RepositoryIndex(oip.RepositoryIndexRequest(ready=True), timeout=5)
    states = [(model.name, model.version, model.state) for model in index.models]
    assert states == [("alpha_10", "1", "UNAVAILABLE"), ("alpha_5", "1", "READY"), ("alpha_5", "2", "READY")]
    assert "sha256" in index.models[0].reason
    assert [(model.name, model.version) for model in ready.models] == [("alpha_5", "1"), ("alpha_5", "2")]


async def test_a_model_unloads_and_loads_again(stub: GRPCInferenceServiceStub, block: NDArray[np.float32]) -> None:
    await stub.RepositoryModelUnload(oip.RepositoryModelUnloadRequest(model_name="alpha_5"), timeout=5)
    gone = await stub.ModelReady(oip.ModelReadyRequest(name="alpha_5"), timeout=5)
    kind, text = await failure(stub.ModelInfer(ask(block), timeout=5))
    await stub.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="alpha_5"), timeout=5)
    back = await stub.ModelReady(oip.ModelReadyRequest(name="alpha_5", version="1"), timeout=5)
    assert (gone.ready, back.ready) == (False, True)
    assert kind is ModelUnusableError
    assert "unloaded" in text


async def test_repository_calls_fail_with_what_is_wrong(stub: GRPCInferenceServiceStub) -> None:
    load, unload = oip.RepositoryModelLoadRequest, oip.RepositoryModelUnloadRequest
    failures = [
        await failure(stub.RepositoryModelLoad(load(model_name="alpha_10"), timeout=5)),
        await failure(stub.RepositoryModelLoad(load(model_name="alpha_7"), timeout=5)),
        await failure(stub.RepositoryModelLoad(load(model_name="../alpha_5"), timeout=5)),
        await failure(stub.RepositoryModelUnload(unload(model_name="alpha_7"), timeout=5)),
        await failure(stub.ModelReady(oip.ModelReadyRequest(name="alpha_7"), timeout=5)),
        await failure(stub.ModelMetadata(oip.ModelMetadataRequest(name="alpha_10"), timeout=5)),
    ]
    assert [kind for kind, _ in failures] == [
        ModelUnusableError,
        UnknownModelError,
        InvalidRequestError,
        UnknownModelError,
        UnknownModelError,
        ModelUnusableError,
    ]


async def test_reflection_lists_the_service(server: RunningServer) -> None:
    async with open_channel(server.address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=5)
        answers = [answer async for answer in call]
    assert SERVICE in {service.name for service in answers[0].list_services_response.service}


async def test_no_error_tells_a_path_of_the_server(
    stub: GRPCInferenceServiceStub, make_model: MakeModel, folder: Path
) -> None:
    make_model("alpha_5", 3, b"{L" + bytes(99))
    kind, text = await failure(
        stub.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="alpha_5"), timeout=5)
    )
    assert kind is ModelUnusableError
    assert str(folder) not in text
