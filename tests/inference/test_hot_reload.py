"""The folder of models changes while the service runs: no call fails, and readiness tells the truth within a second."""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from inference import open_inference_grpc_pb2 as oip
from services.inference.__main__ import SERVICE
from services.inference.loaded import LoadedModels
from services.inference.repository import ModelRepository
from services.market.errors import LocalDataError, ModelUnusableError, UnknownModelError
from tests.inference.test_servicer import ask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
    from services.rpc.serve import RunningServer
    from tests.inference.conftest import MakeModel

SWAPS = 20


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> float:
    """Ask until something holds, and return the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110  # nothing but an answer tells a client
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def test_over_twenty_hot_swaps_under_load_no_call_fails(
    stub: GRPCInferenceServiceStub, folder: Path, make_model: MakeModel, block: NDArray[np.float32]
) -> None:
    """New versions come, are replaced file by file, and leave; callers ask for the newest all the while."""
    served: list[str] = []
    ended = asyncio.Event()

    async def load() -> None:
        while not ended.is_set():
            served.append((await stub.ModelInfer(ask(block), timeout=20)).model_version)

    async def serves(version: int) -> bool:
        metadata = await stub.ModelMetadata(oip.ModelMetadataRequest(name="alpha_5"), timeout=20)
        return bool(metadata.properties["version"] == str(version))

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(load())
        for version in range(3, 3 + SWAPS):
            # In one step, as a careful operator does.
            make_model(".staged", version, name="alpha_5").rename(folder / "alpha_5" / str(version))
            shutil.rmtree(folder / "alpha_5" / str(version - 2))
            await until(lambda version=version: serves(version))  # type: ignore[misc]
            await asyncio.to_thread(make_model, "alpha_5", version, training="again, in place")
        ended.set()
    assert set(served) <= {str(version) for version in range(2, 3 + SWAPS)}
    assert len(set(served)) > SWAPS / 2


async def test_readiness_flips_within_a_second_of_a_model_going_missing_and_back(
    server: RunningServer,
    stub: GRPCInferenceServiceStub,
    make_model: MakeModel,
    folder: Path,
    tmp_path: Path,
    block: NDArray[np.float32],
) -> None:
    channel = grpc.aio.insecure_channel(server.address)
    health = health_pb2_grpc.HealthStub(channel)

    async def readiness() -> tuple[bool, bool, bool]:
        status = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
        server_ready = await stub.ServerReady(oip.ServerReadyRequest(), timeout=5)
        model_ready = await stub.ModelReady(oip.ModelReadyRequest(name="alpha_5"), timeout=5)
        return status.status == health_pb2.HealthCheckResponse.SERVING, server_ready.ready, model_ready.ready

    async def all_are(ready: bool) -> bool:  # noqa: FBT001  # as in the sentence
        return set(await readiness()) == {ready}

    async with channel:
        assert (await readiness())[1:] == (False, True)  # alpha_10 is broken
        make_model("alpha_10", 1)
        await until(lambda: all_are(True))
        shutil.move(folder / "alpha_5", tmp_path / "alpha_5")
        missing_s = await until(lambda: all_are(False))
        answer = await stub.ModelInfer(ask(block), timeout=5)
        index = await stub.RepositoryIndex(oip.RepositoryIndexRequest(), timeout=5)
        shutil.move(tmp_path / "alpha_5", folder / "alpha_5")
        back_s = await until(lambda: all_are(True))
    assert (missing_s < 1, back_s < 1) == (True, True), (missing_s, back_s)
    assert answer.model_version == "2"
    assert {(model.state, model.reason) for model in index.models if model.name == "alpha_5"} == {
        ("UNAVAILABLE", "its folder is gone")
    }


async def test_a_broken_new_version_leaves_the_old_one_serving_and_health_as_it_is(
    server: RunningServer, stub: GRPCInferenceServiceStub, make_model: MakeModel, block: NDArray[np.float32]
) -> None:
    make_model("alpha_10", 1)
    make_model("alpha_5", 3, sha256="0" * 64)

    async def noticed() -> bool:
        index = await stub.RepositoryIndex(oip.RepositoryIndexRequest(), timeout=5)
        states = {(model.name, model.version): model.state for model in index.models}
        return states[("alpha_10", "1")] == "READY" and states.get(("alpha_5", "3")) == "UNAVAILABLE"

    await until(noticed)
    ready = [
        (await stub.ModelReady(oip.ModelReadyRequest(name="alpha_5", version=version), timeout=5)).ready
        for version in ("", "2", "3")
    ]
    server_ready = await stub.ServerReady(oip.ServerReadyRequest(), timeout=5)
    answer = await stub.ModelInfer(ask(block), timeout=5)
    assert (ready, server_ready.ready, answer.model_version) == ([True, True, False], False, "2")

    async def serving() -> bool:
        async with grpc.aio.insecure_channel(server.address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    await until(serving)


def test_only_what_changed_is_read_anew(repository: ModelRepository, make_model: MakeModel) -> None:
    make_model("alpha_5", 1)
    make_model("alpha_10", 1)
    repository.load_all()
    before = {name: repository.model(name) for name in ("alpha_5", "alpha_10")}
    make_model("alpha_5", 1, training="anew")
    repository.load_all()
    assert repository.model("alpha_5").card.training == "anew"
    assert repository.model("alpha_10") is before["alpha_10"]


def test_what_was_deleted_is_served_until_it_is_unloaded_and_other_versions_just_leave(
    repository: ModelRepository, make_model: MakeModel, folder: Path
) -> None:
    for version in (1, 2):
        make_model("alpha_5", version)
    repository.load_all()
    shutil.rmtree(folder / "alpha_5" / "2")
    repository.load_all()
    assert (repository.ready, repository.model("alpha_5").card.version) == (True, 1)
    with pytest.raises(UnknownModelError, match="no version '2'"):
        repository.model("alpha_5", "2")
    shutil.rmtree(folder / "alpha_5")
    for _ in range(2):
        repository.load_all()
        assert (repository.ready, repository.model("alpha_5").card.version) == (False, 1)
    repository.unload("alpha_5")
    repository.load_all()
    assert repository.ready
    with pytest.raises(UnknownModelError):
        repository.model("alpha_5")


def test_a_model_that_never_served_is_forgotten_with_its_folder(
    repository: ModelRepository, make_model: MakeModel, folder: Path
) -> None:
    make_model("alpha_5", 1, sha256="0" * 64)
    repository.load_all()
    assert (repository.ready, repository.serving) == (False, True)
    shutil.rmtree(folder / "alpha_5")
    repository.load_all()
    assert (repository.ready, repository.entries()) == (True, ())


def test_an_unloaded_model_stays_unloaded_whatever_changes(repository: ModelRepository, make_model: MakeModel) -> None:
    make_model("alpha_5", 1)
    repository.load_all()
    repository.unload("alpha_5")
    make_model("alpha_5", 2)
    repository.load_all()
    with pytest.raises(ModelUnusableError, match="unloaded"):
        repository.model("alpha_5")
    repository.load("alpha_5")
    assert repository.model("alpha_5").card.version == 2


def test_a_folder_that_goes_away_keeps_its_models_serving(
    repository: ModelRepository, make_model: MakeModel, folder: Path, tmp_path: Path
) -> None:
    make_model("alpha_5", 1)
    repository.load_all()
    shutil.move(folder, tmp_path / "away")
    repository.load_all()
    assert (repository.serving, repository.model("alpha_5").card.version) == (False, 1)
    shutil.move(tmp_path / "away", folder)
    repository.load_all()
    assert repository.serving


def test_too_many_models_are_an_error_and_change_nothing(
    repository: ModelRepository, make_model: MakeModel, folder: Path
) -> None:
    make_model("alpha_5", 1)
    repository.load_all()
    for number in range(64):
        (folder / f"model_{number}").mkdir()
    with pytest.raises(LocalDataError, match="holds 65 models"):
        repository.load_all()
    assert [entry.name for entry in repository.entries()] == ["alpha_5"]


def test_memory_is_bounded_and_what_was_used_longest_ago_is_read_again(folder: Path, make_model: MakeModel) -> None:
    size = (make_model("a", 1) / "model.ubj").stat().st_size
    for name in ("b", "c"):
        make_model(name, 1)
    repository = ModelRepository(folder, byte_limit=2 * size + size // 2)
    repository.load_all()
    kept = {name: repository.model(name) for name in ("b", "c")}
    assert repository.ready
    assert repository.model("c") is kept["c"]
    again = repository.model("a")
    assert repository.model("a") is again
    assert repository.model("c") is kept["c"]
    assert repository.model("b") is not kept["b"]
    (folder / "c" / "1" / "model.ubj").write_bytes(b"damaged")
    for name in ("a", "b"):
        repository.model(name)
    with pytest.raises(ModelUnusableError, match="sha256"):
        repository.model("c")
    assert (repository.ready, repository.serving) == (False, False)


def test_what_is_kept_never_exceeds_the_bound_but_for_a_single_model(
    repository: ModelRepository, make_model: MakeModel
) -> None:
    for version in range(1, 6):
        make_model("alpha_5", version)
    repository.load_all()
    models = [repository.model("alpha_5", str(version)) for version in range(1, 6)]
    loaded = LoadedModels(byte_limit=models[0].size * 3)
    for model in models * 3:
        loaded.put(model)
        assert 0 < loaded.byte_count <= models[0].size * 3
    tiny = LoadedModels(byte_limit=1)
    for model in models:
        tiny.put(model)
        assert tiny.byte_count == model.size
    tiny.drop("alpha_5", "5")
    assert tiny.byte_count == 0
