"""The inference service by itself, with models of full size: how fast, how large, and whether it loses a call."""

import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from services.cli.stack import Stack
from services.gateway.alphas import InferenceClient
from services.gateway.models import ModelTerms
from services.inference.version_folder import read_version
from services.rpc.channel import open_channel
from tests.benchmarks.bench import Bench
from tests.benchmarks.big_models import DEPTH, NAMES, TREES, WIDTH, train_big, write_version
from tests.benchmarks.figures import Figure
from tests.benchmarks.hot_swaps import SWAPS, measure_swaps
from tests.benchmarks.processes import peak_mb
from tests.benchmarks.scale import BLOCK, Scale
from tests.benchmarks.stacks import open_services, ready

_WITHIN_S: Final = 60.0
_LOOP_ROWS: Final = 500
_RATIO: Final = 20
"""A batch is at least so many times as fast as its rows one by one."""
_SIZE: Final = f"{TREES} trees, depth {DEPTH}, {WIDTH} features"
_PEERS: Final = "known peers a batch and model, one thread: MLServer 52 ms, KServe 37 ms"


async def measure_big_models(bench: Bench) -> AsyncIterator[Figure]:
    """Measure a service of its own, over a folder of two models; last its memory, after all that it went through."""
    with tempfile.TemporaryDirectory(prefix="technic-bench-") as kept:
        folder = Path(kept)
        contents = {name: train_big(seed) for seed, name in enumerate(NAMES)}
        places = [write_version(folder, name, 1, content) for name, content in contents.items()]
        for figure in _in_process(bench.scale, places[0]):
            yield figure
        settings = {"INFERENCE_MODELS_PATH": str(folder)}
        with open_services(bench.provider, settings, ("inference",)) as stack:
            await ready(stack)
            for streaming in (True, False):
                yield await _over_grpc(stack, bench.scale, streaming=streaming)
            async for figure in measure_swaps(stack, folder, contents["alpha_5"]):
                yield figure
            yield Figure(
                f"inference: memory of the process, 2 models and {SWAPS} hot swaps later, peak",
                "MB",
                (peak_mb(stack)["inference"],),
                target=300,
            )


def _in_process(scale: Scale, place: Path) -> Iterator[Figure]:
    loads = []
    for _ in range(scale.repeats):
        began = time.perf_counter()
        model = read_version(place)
        loads.append((time.perf_counter() - began) * 1e3)
    yield Figure(f"inference: load and check a model, {_SIZE}", "ms", tuple(loads), target=100)
    rows = np.random.default_rng(1).standard_normal((scale.rows, WIDTH)).astype(np.float32)
    batches, loops, explained = [], [], []
    for _ in range(scale.repeats):
        began = time.perf_counter()
        for start in range(0, len(rows), BLOCK):
            model.predict(rows[start : start + BLOCK])
        batched = time.perf_counter()
        for row in range(min(_LOOP_ROWS, len(rows))):
            model.predict(rows[row : row + 1])
        looped = time.perf_counter()
        model.contributions(rows[:100])
        explained.append((time.perf_counter() - looped) * 1e3)
        batches.append(len(rows) / (batched - began))
        loops.append(batches[-1] / (min(_LOOP_ROWS, len(rows)) / (looped - batched)))
    yield Figure(
        f"inference: in process, one thread, blocks of {BLOCK}, {_SIZE}",
        "rows/s",
        tuple(batches),
        target=250_000,
        rising=True,
    )
    yield Figure(
        "inference: a block's speed against a loop over its rows",
        "x",
        tuple(loops),
        limit=_RATIO,
        rising=True,
        note=f"loop over {_LOOP_ROWS} rows",
    )
    yield Figure("inference: contributions of 100 rows", "ms", tuple(explained))


async def _over_grpc(stack: Stack, scale: Scale, *, streaming: bool) -> Figure:
    """Time the predictions of both models for a universe, from the first block to the last alpha."""
    values = np.random.default_rng(2).standard_normal((WIDTH, scale.rows))
    columns = {f"factor_{column}": values[column] for column in range(WIDTH)}
    seconds = []
    async with open_channel(stack.addresses.inference) as channel:
        client = InferenceClient(channel, {name: ModelTerms(name) for name in NAMES}, streaming=streaming)
        models = await client.describe(_WITHIN_S)
        for _ in range(scale.repeats + 1):
            began = time.perf_counter()
            stream = client.stream(models, _WITHIN_S)
            for start in range(0, scale.rows, BLOCK):
                block = {name: column[start : start + BLOCK] for name, column in columns.items()}
                await stream.send(block, len(block["factor_0"]))
            await stream.finish()
            seconds.append(time.perf_counter() - began)
    way = "one stream" if streaming else "a call a block"
    return Figure(
        f"inference: {scale.rows:,} rows x {len(NAMES)} models over gRPC, {way}, {_SIZE}",
        "s",
        tuple(seconds[1:]),
        target=0.08,
        note=f"with out_of_distribution; {_PEERS}",
    )
