"""Where predictions run: on a GPU if there is one and the setting asks for it, with the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc as oip_grpc
from services.inference.__main__ import compose
from services.inference.card import Card
from services.inference.device import choose, count_gpus
from services.inference.model import BUILT_FOR_GPUS, Model
from services.inference.settings import InferenceSettings
from services.rpc.channel import open_channel
from services.rpc.serve import start
from tests.inference.conftest import FEATURES, train

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from services.inference.device import Asked
    from tests.inference.conftest import MakeModel


def test_the_cpu_is_used_where_it_is_asked_for_or_nothing_else_can_be() -> None:
    assert choose("cpu", built_for_gpus=True)[0] == "cpu"
    for asked in ("auto", "cuda"):
        used, why = choose(asked, built_for_gpus=False)
        assert (used, "built without CUDA" in why) == ("cpu", True)


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_a_gpu_is_used_if_there_is_one(asked: Asked) -> None:
    used, why = choose(asked, built_for_gpus=True)
    assert (used == "cuda") == (count_gpus() > 0)
    assert "NVIDIA GPU" in why


@pytest.mark.parametrize("asked", ["auto", "cpu", "cuda"])
async def test_a_service_that_asks_for_a_gpu_serves_with_or_without_one_and_says_where(
    asked: Asked, folder: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    make_model("alpha_5", 1)
    settings = InferenceSettings(address=f"unix:{tmp_path}/device.sock", models_path=folder, device=asked)
    async with compose(settings) as spec:
        running = await start(spec)
        async with open_channel(running.address) as channel:
            stub = oip_grpc.GRPCInferenceServiceStub(channel)
            metadata = await stub.ModelMetadata(oip.ModelMetadataRequest(name="alpha_5"), timeout=5)
        await running.stop()
    assert metadata.properties["device"] == choose(asked, built_for_gpus=BUILT_FOR_GPUS)[0]


def test_a_gpu_gives_the_values_of_the_cpu(block: NDArray[np.float32]) -> None:
    if not BUILT_FOR_GPUS:
        pytest.skip("needs an XGBoost built with CUDA")
    if not count_gpus():
        pytest.skip("needs an NVIDIA GPU")
    content = bytes(train(len(FEATURES)).save_raw("ubj"))
    card = Card("alpha_5", 1, 5, FEATURES, 0.5, "0" * 64, "tests")
    cpu, gpu = Model(card, content), Model(card, content, "cuda")
    np.testing.assert_allclose(gpu.predict(block), cpu.predict(block), rtol=0, atol=1e-6)
    np.testing.assert_allclose(gpu.contributions(block[:100]), cpu.contributions(block[:100]), rtol=0, atol=1e-6)
