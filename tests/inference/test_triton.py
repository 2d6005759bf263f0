"""NVIDIA's client for the protocol works with our server: the contract is not only our own reading of it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference import open_inference_grpc_pb2 as oip

if TYPE_CHECKING:
    from inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
    from services.inference.repository import ModelRepository
    from services.rpc.serve import RunningServer
    from tests.inference.conftest import MakeModel

CLIENT = Path(__file__).with_name("triton_client.py")


async def test_triton_s_client_reads_metadata_infers_and_streams(
    server: RunningServer, repository: ModelRepository, make_model: MakeModel, stub: GRPCInferenceServiceStub
) -> None:
    make_model("told", 1, feature_ranges=[[-1, 1]] * 3)
    await stub.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="told"), timeout=5)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CLIENT), server.address, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        output, faults = await process.communicate()
    assert process.returncode == 0, faults.decode()
    seen = json.loads(output)
    block = np.array([[0.1, -0.2, 0.3], [np.nan, 1.0, 2.0]], np.float32)
    repository.load_all()
    alphas = repository.model("alpha_5").predict(block).tolist()
    assert (seen["live"], seen["ready"], seen["model_ready"]) == (True, False, True)
    assert seen["inputs"] == ["vol_realized_60", "mom_12_1", "rsi_14"]
    assert seen["index"] == {"alpha_5": "READY", "alpha_10": "UNAVAILABLE", "told": "READY"}
    told = repository.model("told")
    assert seen["outputs"] == {"alpha": [-1], "contributions": [-1, 4], "out_of_distribution": [-1]}
    assert seen["explained"] == {
        "alpha": told.predict(block).tolist(),
        "contributions": told.contributions(block).tolist(),
        "out_of_distribution": [False, True],
    }
    assert seen["unary"] == {"block": alphas, "reversed": alphas, "apart": alphas, "empty": []}
    assert [seen["stream"][0], seen["stream"][2]] == [["0", *alphas], ["2", *alphas]]
    assert "2 columns" in seen["stream"][1][0]
    assert seen["unknown"] == "StatusCode.NOT_FOUND"
