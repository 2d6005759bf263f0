"""Parts of a scan over gRPC, against services that run: bars out of L1, factors, and predictions."""

import time
from collections.abc import AsyncIterator
from statistics import median
from typing import Final

import numpy as np

from services.cli.stack import Stack
from services.gateway.alphas import InferenceClient
from services.gateway.clients import FetcherClient, ScoredBlock, ScorerClient
from services.gateway.models import ModelTerms
from services.gateway.settings import GatewaySettings
from services.market.panel import Panel
from services.rpc.channel import open_channel
from services.scorer.bars import BarClient, BarRequest
from tests.benchmarks.figures import Figure
from tests.benchmarks.floors import socket_copy
from tests.benchmarks.scale import AS_OF, BLOCK, SESSIONS, Scale

_WITHIN_S: Final = 60.0


async def listed_symbols(stack: Stack) -> tuple[str, ...]:
    """Return all symbols of the market, most liquid first."""
    async with open_channel(stack.addresses.fetcher) as channel:
        listing = await FetcherClient(channel).list_symbols(AS_OF.isoformat(), 0, _WITHIN_S)
    return tuple(listing.attributes)


async def measure_bars(stack: Stack, scale: Scale) -> AsyncIterator[Figure]:
    """Time a panel's way from the fetcher's memory to the scorer's client, cut, adjusted, written, sent and read."""
    symbols = (await listed_symbols(stack))[: scale.rows]
    seconds, copies, received = [], [], 0

    async def take(event: object) -> None:
        nonlocal received
        if isinstance(event, Panel):
            received += event.bars.nbytes

    async with open_channel(stack.addresses.fetcher) as channel:
        client = BarClient(channel)
        for _ in range(scale.repeats + 1):
            received = 0
            began = time.perf_counter()
            await client.stream(BarRequest(symbols, AS_OF.isoformat(), SESSIONS), _WITHIN_S, take)
            seconds.append(time.perf_counter() - began)
            copies.append(socket_copy(len(symbols)))
    yield Figure(
        f"bars over gRPC: {received / 1e6:.0f} MB from L1 to a client",
        "s",
        tuple(seconds[1:]),
        floor=median(copies),
        target=0.12,
        note="floor: the same bytes through a raw loopback socket",
    )


async def measure_scores(stack: Stack, scale: Scale, state: str, target: float) -> AsyncIterator[Figure]:
    """Time factors and ratings of a universe until its client has them; `state` tells what is there before."""
    symbols = (await listed_symbols(stack))[: scale.rows]
    seconds, scored = [], 0

    async def take(event: object) -> None:
        nonlocal scored
        if isinstance(event, ScoredBlock):
            scored += len(event.symbols)

    async with open_channel(stack.addresses.scorer) as channel:
        client = ScorerClient(channel)
        for _ in range(scale.repeats + 1):
            scored = 0
            began = time.perf_counter()
            await client.score(symbols, AS_OF.isoformat(), _WITHIN_S, take)
            seconds.append(time.perf_counter() - began)
    yield Figure(
        f"factors over gRPC: {scale.rows:,} symbols, {state}",
        "s",
        tuple(seconds[1:]),
        target=target,
        note=f"{scored:,} symbols came with factors",
    )


async def measure_inference(stack: Stack, scale: Scale) -> AsyncIterator[Figure]:
    """Time predictions of both models for a universe, in blocks as scans have them."""
    settings = GatewaySettings()
    terms = {"alpha_5": ModelTerms(settings.alpha_5_model), "alpha_10": ModelTerms(settings.alpha_10_model)}
    rng = np.random.default_rng(1)
    seconds = []
    async with open_channel(stack.addresses.inference) as channel:
        client = InferenceClient(channel, terms)
        models = await client.describe(_WITHIN_S)
        features = sorted({name for model in models for name in model.features})
        columns = {name: rng.normal(size=scale.rows) for name in features}
        for _ in range(scale.repeats + 1):
            began = time.perf_counter()
            stream = client.stream(models, _WITHIN_S)
            for start in range(0, scale.rows, BLOCK):
                block = {name: values[start : start + BLOCK] for name, values in columns.items()}
                await stream.send(block, len(block[features[0]]))
            await stream.finish()
            seconds.append(time.perf_counter() - began)
    yield Figure(
        f"inference through gRPC: {scale.rows:,} rows x {len(models)} models", "s", tuple(seconds[1:]), target=0.08
    )
