"""The scorer's RPCs: convert messages and call the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.market.errors import InvalidRequestError
from services.rpc.wire import flags_to_bytes, matrix_to_bytes, omission_to_message, regime_to_message
from services.scorer.bars import FetchState
from services.scorer.factors.spec import Family
from services.scorer.factors.weekly import WEEKLY
from services.scorer.remembered import ScoreRequest
from services.scorer.scoring_run import EarlyBlock, RowsVersion
from technic.v1 import scorer_service_pb2 as pb
from technic.v1 import scorer_service_pb2_grpc

if TYPE_CHECKING:
    import grpc

    from services.scorer.block import ScoredBlock
    from services.scorer.factors.spec import FactorSpec
    from services.scorer.scoring import UniverseScorer

SYMBOL_LIMIT = 20_000
WEEK_SESSIONS = 5
DEFAULT_DEADLINE_S = 300.0
"""Seconds that a call without a deadline may take."""
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
        symbols = tuple(request.symbols)
        if not 0 < len(symbols) <= SYMBOL_LIMIT:
            raise InvalidRequestError(f"{len(symbols)} symbols: ask for 1 to {SYMBOL_LIMIT}")
        if len(set(symbols)) != len(symbols):
            raise InvalidRequestError("symbols has duplicates: name each symbol once")
        engine = self._scorer.engine
        columns = engine.columns_of(weekly=request.include_weekly)
        header = pb.ScoreHeader(
            columns=columns,
            column_versions=[engine.versions.get(column, 1) for column in columns],
            config_hash=engine.config.config_hash,
        )
        await context.write(pb.ScoreUniverseResponse(header=header))

        async def emit(event: FetchState | ScoredBlock | EarlyBlock | RowsVersion) -> None:
            await context.write(_message(event))

        left = context.time_remaining()
        within_s = max(0.0, (DEFAULT_DEADLINE_S if left is None else left) - MARGIN_S)
        asked = ScoreRequest(symbols, request.as_of, request.include_running, request.include_weekly)
        summary = await self._scorer.score(
            asked, within_s, emit, include_early=request.include_early, known_version=request.known_version
        )
        message = pb.ScoreSummary(
            fetch=summary.fetch.message,
            regime=regime_to_message(summary.regime),
            compute_seconds=summary.compute_s,
        )
        await context.write(pb.ScoreUniverseResponse(summary=message))

    async def ListFactors(  # noqa: N802  # grpc's name
        self,
        request: pb.ListFactorsRequest,
        context: grpc.aio.ServicerContext[Any, pb.ListFactorsResponse],  # noqa: ARG002  # grpc's signature
    ) -> pb.ListFactorsResponse:
        """Describe the factors."""
        if request.family and request.family not in set(Family):
            raise InvalidRequestError(f"family {request.family!r} is not one of: {', '.join(Family)}")
        daily = [_factor(spec) for spec in self._scorer.engine.specs if request.family in {"", spec.family}]
        weekly = [_factor(spec, weekly=True) for spec in WEEKLY if request.family in {"", spec.family}]
        return pb.ListFactorsResponse(factors=(*daily, *weekly))


def _factor(spec: FactorSpec, *, weekly: bool = False) -> pb.Factor:
    return pb.Factor(
        name=spec.name,
        family=spec.family,
        unit=spec.unit,
        lookback_sessions=spec.lookback * (WEEK_SESSIONS if weekly else 1),
        inputs=spec.inputs,
        nan_rule=spec.nan_rule,
        source=spec.source,
        description=spec.description,
        version=spec.version,
        recursive=spec.recursive,
        weekly=weekly,
    )


def _message(event: FetchState | ScoredBlock | EarlyBlock | RowsVersion) -> pb.ScoreUniverseResponse:
    if isinstance(event, FetchState):
        return pb.ScoreUniverseResponse(progress=event.message)
    if isinstance(event, EarlyBlock):
        return pb.ScoreUniverseResponse(early_block=_factor_block(event.block))
    if isinstance(event, RowsVersion):
        return pb.ScoreUniverseResponse(version=pb.RowsVersion(version=event.version))
    return pb.ScoreUniverseResponse(block=_factor_block(event))


def _factor_block(block: ScoredBlock) -> pb.FactorBlock:
    return pb.FactorBlock(
        symbols=block.symbols,
        values=matrix_to_bytes(block.values),
        flags=flags_to_bytes(block.flags),
        omissions=map(omission_to_message, block.omissions),
    )
