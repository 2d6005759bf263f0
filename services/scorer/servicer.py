"""The scorer's RPC: converts messages and calls the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.market.errors import InvalidRequestError
from services.rpc.wire import flags_to_bytes, matrix_to_bytes, omissions_to_messages, regime_to_message
from services.scorer.bars import FetchState
from technic.v1 import scorer_service_pb2 as pb
from technic.v1 import scorer_service_pb2_grpc

if TYPE_CHECKING:
    import grpc

    from services.scorer.block import ScoredBlock
    from services.scorer.scoring import UniverseScorer

SYMBOL_LIMIT = 20_000
MARGIN_S = 0.05
"""Seconds of the deadline that are kept back for the last blocks' way up."""


class ScorerServicer(scorer_service_pb2_grpc.ScorerServiceServicer):
    """Serves `UniverseScorer` as technic.v1.ScorerService."""

    def __init__(self, scorer: UniverseScorer) -> None:
        self._scorer = scorer

    async def ScoreUniverse(  # noqa: N802  # grpc's name
        self, request: pb.ScoreUniverseRequest, context: grpc.aio.ServicerContext[Any, pb.ScoreUniverseResponse]
    ) -> None:
        """Stream the factors of the requested symbols."""
        if not request.symbols or len(request.symbols) > SYMBOL_LIMIT:
            raise InvalidRequestError(f"{len(request.symbols)} symbols: ask for 1 to {SYMBOL_LIMIT}")
        if len(set(request.symbols)) != len(request.symbols):
            raise InvalidRequestError("symbols has duplicates: name each symbol once")
        engine = self._scorer.engine
        header = pb.ScoreHeader(
            columns=engine.columns,
            column_versions=[engine.versions.get(column, 1) for column in engine.columns],
            config_hash=engine.config.config_hash,
        )
        await context.write(pb.ScoreUniverseResponse(header=header))

        async def emit(event: FetchState | ScoredBlock) -> None:
            await context.write(_message(event))

        left = context.time_remaining()
        timeout = None if left is None else max(0.0, left - MARGIN_S)
        summary = await self._scorer.score(
            tuple(request.symbols), request.as_of, timeout, emit, include_running=request.include_running
        )
        message = pb.ScoreSummary(
            fetch=summary.fetch.message,
            regime=regime_to_message(summary.regime),
            compute_seconds=summary.compute_s,
        )
        await context.write(pb.ScoreUniverseResponse(summary=message))


def _message(event: FetchState | ScoredBlock) -> pb.ScoreUniverseResponse:
    if isinstance(event, FetchState):
        return pb.ScoreUniverseResponse(progress=event.message)
    block = pb.FactorBlock(
        symbols=event.symbols,
        values=matrix_to_bytes(event.values),
        flags=flags_to_bytes(event.flags),
        omissions=omissions_to_messages(event.omissions),
    )
    return pb.ScoreUniverseResponse(block=block)
