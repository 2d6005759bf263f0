"""Predictions for a scan: sends features to an Open Inference Protocol server and collects alphas."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc
from services.gateway.exchange import SERVICE, StreamExchange, UnaryExchange
from services.gateway.models import Model, ModelTerms
from services.gateway.scored import Predictions
from services.market.errors import ModelUnusableError
from services.rpc.asking import ask, left_once_connected
from services.rpc.logs import scan_metadata
from services.rpc.status import from_peer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import grpc
    from numpy.typing import NDArray

    from services.gateway.exchange import Exchange


class InferenceClient:
    """Asks one inference server.

    Args:
        channel: to the server.
        terms: how to speak of the model of each role.
        streaming: whether to ask by ModelStreamInfer; else by ModelInfer, which every server of the protocol has.
    """

    def __init__(self, channel: grpc.aio.Channel, terms: Mapping[str, ModelTerms], *, streaming: bool = True) -> None:
        self._channel = channel
        self._stub = open_inference_grpc_pb2_grpc.GRPCInferenceServiceStub(channel)
        self._terms = dict(terms)
        self._exchange = StreamExchange if streaming else UnaryExchange

    async def describe(self, within_s: float) -> tuple[Model, ...]:
        """Return the models by role.

        Raises:
            TechnicError: the server does not answer, or does not have a model, or its description is not enough.
        """
        answers = await ask(self._channel, SERVICE, within_s, self._describe, from_peer)
        described = zip(self._terms.items(), answers, strict=True)
        return tuple(Model.from_metadata(role, terms, answer) for (role, terms), answer in described)

    async def _describe(self, within_s: float) -> list[oip.ModelMetadataResponse]:
        calls = [
            self._stub.ModelMetadata(
                oip.ModelMetadataRequest(name=terms.name), timeout=within_s, metadata=scan_metadata()
            )
            for terms in self._terms.values()
        ]
        try:
            return list(await asyncio.gather(*calls))
        finally:
            for call in calls:
                call.cancel()

    async def connect(self, within_s: float) -> float:
        """Give a server that starts again, or takes another's place, a moment to be there; return the seconds left."""
        return await left_once_connected(self._channel, within_s)

    def stream(self, models: Sequence[Model], within_s: float) -> AlphaStream:
        """Begin predictions by all `models`."""
        return AlphaStream(self._exchange(self._stub, within_s), models)


class AlphaStream:
    """Predictions in progress. Blocks go in with `send`; `finish` gives the alphas of all of them."""

    def __init__(self, exchange: Exchange, models: Sequence[Model]) -> None:
        self._exchange = exchange
        self._models = tuple(models)
        self._sent: dict[str, list[tuple[str, int]]] = {model.role: [] for model in models}

    async def send(self, factors: Mapping[str, NDArray[np.float64]], row_count: int) -> None:
        """Ask for the alphas of a block.

        Args:
            factors: by name, (symbol,) float64; NaN = undefined.
            row_count: symbols in the block.
        """
        for model in self._models:
            sent = self._sent[model.role]
            for request in model.requests(factors, row_count):
                request.id = f"{len(sent)}/{model.role}"
                sent.append((request.id, request.inputs[0].shape[0]))
                await self._exchange.send(request)

    async def finish(self) -> Predictions:
        """Return what all models said, in the order of the blocks.

        Raises:
            TechnicError: the server failed, refused a block, or answered something else.
        """
        try:
            answers = await self._exchange.answers()
        finally:
            await self.cancel()
        missing = sum(name not in answers for sent in self._sent.values() for name, _ in sent)
        if missing:
            raise ModelUnusableError(f"the {SERVICE} left {missing} requests unanswered")
        alphas: dict[str, NDArray[np.float64]] = {}
        outliers: dict[str, NDArray[np.bool_]] = {}
        for model in self._models:
            sent = [(answers[name], row_count) for name, row_count in self._sent[model.role]]
            alphas[model.role] = np.concatenate([np.empty(0), *(model.alphas(*it) for it in sent)])
            if model.tells_outliers:
                outliers[model.role] = np.concatenate([np.empty(0, np.bool_), *(model.outliers(*it) for it in sent)])
        return Predictions(alphas, outliers)

    async def cancel(self) -> None:
        """End everything that is still on its way."""
        await self._exchange.cancel()
