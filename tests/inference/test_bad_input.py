"""Whatever is wrong with a request or a model's files has its status and its reason, and disturbs nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from inference import open_inference_grpc_pb2 as oip
from services.inference.tensors import ROW_LIMIT
from tests.inference.test_servicer import NAMES, alphas_of, ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
    from tests.inference.conftest import MakeModel

    Block = NDArray[np.float32]

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
FAILED, EXHAUSTED = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.RESOURCE_EXHAUSTED


def named(block: Block, names: str) -> oip.ModelInferRequest:
    """Ask for a block whose columns are named."""
    request = ask(block)
    request.parameters["features"].string_param = names
    return request


def shaped(shape: list[int], content: bytes = b"", datatype: str = "FP32") -> oip.ModelInferRequest:
    """Ask with a tensor that says this of itself."""
    tensor = {"name": "features", "datatype": datatype, "shape": shape}
    return oip.ModelInferRequest(model_name="alpha_5", inputs=[tensor], raw_input_contents=[content])


def holding(block: Block, value: float) -> oip.ModelInferRequest:
    """Ask for a block with a value in it."""
    spoiled = block.copy()
    spoiled[4, 2] = value
    return ask(spoiled)


def apart(block: Block, names: list[str], datatype: str = "FP32") -> oip.ModelInferRequest:
    """Ask with a tensor for each feature."""
    request = oip.ModelInferRequest(model_name="alpha_5")
    for column, name in enumerate(names):
        request.inputs.add(name=name, datatype=datatype, shape=[len(block)])
        request.raw_input_contents.append(block[:, column].tobytes())
    return request


BAD: dict[str, tuple[Callable[[Block], oip.ModelInferRequest], grpc.StatusCode, str]] = {
    "too narrow": (lambda block: ask(block[:, :2].copy()), INVALID, "has 2 columns, the model 3 features: vol_real"),
    "too wide": (lambda block: ask(np.repeat(block, 2, axis=1)), INVALID, "has 6 columns, the model 3 features"),
    "wrong feature": (lambda block: named(block, "vol_realized_60,mom_12_1,beta"), INVALID, "'beta' is no feature"),
    "wrong version": (lambda block: named(block, "vol_realized_60@2,mom_12_1,rsi_14"), INVALID, "'vol_realized_60@2'"),
    "missing name": (lambda block: named(block, "vol_realized_60,mom_12_1"), INVALID, "2 names for 3 columns"),
    "missing feature": (lambda block: apart(block, NAMES[:2]), INVALID, "1 features of the model are missing: rsi_14"),
    "twice": (lambda block: apart(block, [NAMES[0], NAMES[1], NAMES[0]]), INVALID, "is given twice"),
    "inf": (lambda block: holding(block, np.inf), INVALID, "rsi_14 is infinite as FP32 in row 4; NaN stands for"),
    "-inf": (lambda block: holding(block, -np.inf), INVALID, "rsi_14 is infinite as FP32 in row 4; NaN stands for"),
    "dtype": (lambda block: apart(block, NAMES, "INT32"), INVALID, "'INT32': only FP32 and FP64 are taken"),
    "dtype of other width": (lambda block: apart(block, NAMES, "FP64"), INVALID, "1200 raw bytes, its shape"),
    "ragged": (lambda _: shaped([2, 3], bytes(23)), INVALID, "23 raw bytes, its shape [2, 3] needs 24"),
    "three dimensions": (lambda _: shaped([1, 2, 3], bytes(24)), INVALID, "must be [rows] or [rows, columns]"),
    "negative": (lambda _: shaped([-1, 3]), INVALID, "must be [rows] or [rows, columns]"),
    "ten million rows": (lambda _: shaped([10_000_000, 3]), INVALID, f"may have at most {ROW_LIMIT}"),
    "ten million rows, sent": (lambda _: shaped([10_000_000, 1], bytes(40_000_000)), EXHAUSTED, "larger than max"),
    "no tensor": (lambda _: oip.ModelInferRequest(model_name="alpha_5"), INVALID, "the request has no inputs"),
    "output": (
        lambda block: ask(block, outputs=[{"name": "beta"}]),
        INVALID,
        "there is no output 'beta', only 'alpha'",
    ),
    "model": (lambda block: ask(block, "alpha_7"), NOT_FOUND, "no model is named 'alpha_7'"),
    "path": (lambda block: ask(block, "../alpha_5"), NOT_FOUND, "no model is named '../alpha_5'"),
    "version": (lambda block: ask(block, model_version="9"), NOT_FOUND, "alpha_5 has no version '9', only 1, 2"),
    "path as version": (lambda block: ask(block, model_version="../1"), NOT_FOUND, "alpha_5 has no version '../1'"),
    "broken model": (lambda block: ask(block, "alpha_10"), FAILED, "alpha_10/1 is unavailable: model.ubj is not the"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_request_has_its_status_and_a_call_in_flight_ends_well(
    what: str, stub: GRPCInferenceServiceStub, block: Block
) -> None:
    build, code, text = BAD[what]
    many = np.tile(block, (ROW_LIMIT // len(block), 1))
    stream = stub.ModelStreamInfer(timeout=20)
    await stream.write(ask(block))
    good = asyncio.ensure_future(stub.ModelInfer(ask(many), timeout=20))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ModelInfer(build(block), timeout=20)
    assert raised.value.code() == code
    assert text in str(raised.value.details())
    await stream.write(ask(block))
    answers = [alphas_of((await stream.read()).infer_response) for _ in range(2)]
    stream.cancel()
    assert answers[0].tobytes() == answers[1].tobytes()
    assert alphas_of(await good).tobytes() == answers[0].tobytes() * (len(many) // len(block))


async def test_no_rows_and_missing_values_are_no_fault(stub: GRPCInferenceServiceStub, block: Block) -> None:
    for rows in (block[:0], np.full((5, 3), np.nan, np.float32)):
        alphas = alphas_of(await stub.ModelInfer(ask(rows), timeout=5))
        assert len(alphas) == len(rows)
        assert np.isfinite(alphas).all()


def truncated(content: bytes) -> bytes:
    """Cut a file in half."""
    return content[: len(content) // 2]


def edited(content: bytes) -> bytes:
    """Flip one bit of a file."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [truncated, edited, lambda _: b""])
async def test_a_damaged_file_is_refused_and_what_serves_goes_on(
    damage: Callable[[bytes], bytes], stub: GRPCInferenceServiceStub, make_model: MakeModel, folder: Path, block: Block
) -> None:
    before = await stub.ModelInfer(ask(block), timeout=5)
    place = make_model(".staged", 3, name="alpha_5") / "model.ubj"
    place.write_bytes(damage(place.read_bytes()))
    place.parent.rename(folder / "alpha_5" / "3")
    reload: Any = stub.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="alpha_5"), timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await reload
    assert raised.value.code() == FAILED
    assert "alpha_5/3: model.ubj is not the file of its card: their sha256 differ" in str(raised.value.details())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ModelInfer(ask(block, model_version="3"), timeout=5)
    assert refused.value.code() == FAILED
    after = await stub.ModelInfer(ask(block), timeout=5)
    assert (after.model_version, after.raw_output_contents) == (before.model_version, before.raw_output_contents)
