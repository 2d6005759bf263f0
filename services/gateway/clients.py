"""The gateway's calls to the fetcher and the scorer: messages in, the gateway's own types out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap
from typing import TYPE_CHECKING

import grpc
import numpy as np

from services.gateway.universe import Attributes, FetchPlan, Listing
from services.market.errors import MalformedAnswerError
from services.market.vocabulary import SymbolType
from services.rpc.asking import ask, left_once_connected
from services.rpc.logs import scan_metadata
from services.rpc.status import from_peer
from services.rpc.wire import flags_from_bytes, matrix_from_bytes, omission_from_message, regime_from_message
from technic.v1 import fetcher_service_pb2, fetcher_service_pb2_grpc, scorer_service_pb2, scorer_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from services.gateway.remembered import ScoreRequest
    from services.market.omission import Omission
    from services.market.regime import Regime

NAMED = 5
"""Symbols that a notice names."""
_TYPES = {member.value: member for member in SymbolType}
"""Types by number: calling the enumeration is four times slower, and a list has 12,500 of them."""


@dataclass(frozen=True, slots=True)
class FetchState:
    """How far the fetcher is.

    Attributes:
        ready_count: sessions that are there.
        wanted_count: sessions of the window.
        request_total: its count of provider calls.
        eta_s: seconds until the missing sessions could be there, on the provider's plan.
        plan: name of that plan.
        symbols_ready: symbols that are there, where they come one by one.
        symbols_wanted: symbols that come one by one; 0 where whole sessions do.
        decided: what it decided to ask for; known at the end.
        restated: symbols that the provider restated since the window was first stored as a whole; known at the end.
    """

    ready_count: int
    wanted_count: int
    request_total: int
    eta_s: float | None = None
    plan: str = ""
    symbols_ready: int = 0
    symbols_wanted: int = 0
    decided: FetchPlan | None = None
    restated: tuple[str, ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader should know if sessions are missing, or were restated."""
        return (*self._missing(), *self._restated())

    def _restated(self) -> Iterator[str]:
        if self.restated:
            more = len(self.restated) - NAMED
            names = ", ".join(self.restated[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
            yield f"restated since these sessions were first stored: {names}; an earlier scan may differ"

    def _missing(self) -> tuple[str, ...]:
        if self.ready_count >= self.wanted_count:
            return ()
        left = "" if self.eta_s is None else f", {_duration(self.eta_s)} left"
        plan = f" on plan {self.plan}" if left and self.plan else ""
        return (f"{self.ready_count} of {self.wanted_count} sessions{left}{plan}; run `technic data sync`",)


@dataclass(frozen=True, slots=True)
class ScoredBlock:
    """Factors of some symbols, and the symbols that could not be scored.

    Attributes:
        symbols: (symbol,)
        columns: by name, (symbol,) float64; NaN = undefined.
        flags: (symbol,) uint32, bits of `Flag`.
        omissions: the symbols of the block of bars that have no factors.
    """

    symbols: tuple[str, ...]
    columns: dict[str, NDArray[np.float64]]
    flags: NDArray[np.uint32]
    omissions: tuple[Omission, ...]


@dataclass(frozen=True, slots=True)
class EarlyBlock:
    """Factors of symbols by the sessions that came first; the symbols come again."""

    block: ScoredBlock


@dataclass(frozen=True, slots=True)
class RowsVersion:
    """The scorer's name for the blocks so far; if it is the one that the caller knows, they were left out."""

    version: str


@dataclass(frozen=True, slots=True)
class Header:
    """What all blocks have in common: version of the formula by column, hash of the scoring configuration."""

    column_versions: dict[str, int]
    config_hash: str


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a finished scoring tells: the state of the market, and the sessions that were there."""

    regime: Regime
    fetch: FetchState


ScoreEvent = Header | FetchState | EarlyBlock | ScoredBlock | RowsVersion
"""What comes while symbols are scored."""


class FetcherClient:
    """Asks the fetcher for the list of symbols, and remembers the last one by its version."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        self._version = ""
        self._attributes: dict[str, Attributes] = {}

    async def list_symbols(
        self, as_of: str, history_count: int, within_s: float, *, symbol_count: int = 0, include_running: bool = False
    ) -> Listing:
        """Return the provider's list, which nobody changes, of which `symbol_count` symbols will be scored, all for 0.

        Raises:
            TechnicError: what the fetcher raised, or that it cannot be reached.
        """
        known_version, known = self._version, self._attributes
        request = fetcher_service_pb2.ListSymbolsRequest(
            as_of=as_of,
            history_count=history_count,
            symbol_count=symbol_count,
            include_running=include_running,
            known_version=known_version,
        )

        async def call(left_s: float) -> fetcher_service_pb2.ListSymbolsResponse:
            answer: fetcher_service_pb2.ListSymbolsResponse = await self._stub.ListSymbols(
                request, timeout=left_s, metadata=scan_metadata()
            )
            return answer

        answer = await ask(self._channel, "fetcher", within_s, call, from_peer)
        if not answer.version or answer.version != known_version:
            known = _attributes(answer)
            self._version, self._attributes = answer.version, known
        return Listing(
            as_of=answer.as_of,
            provider=answer.provider,
            simulated=answer.simulated,
            attributes=known,
            request_total=answer.provider_request_total,
            hit_count=answer.cache_hit_count,
            notices=tuple(answer.notices),
            provisional=answer.provisional,
            store=answer.store,
            is_stand_in=answer.reference_list_missing,
            plan=_plan(answer.fetch_plan) if answer.HasField("fetch_plan") else None,
        )


class ScorerClient:
    """Asks the scorer for factors."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._stub = scorer_service_pb2_grpc.ScorerServiceStub(channel)

    async def score(
        self, request: ScoreRequest, within_s: float, take: Callable[[ScoreEvent], Awaitable[None]], known_version: str
    ) -> Scoring:
        """Score symbols, giving the header, fetch states and blocks to `take` as they come.

        Args:
            request: what is to be scored.
            within_s: seconds that it may take.
            take: takes what comes, in order.
            known_version: that of blocks which are here already, and are left out; empty for none.

        Raises:
            TechnicError: what the scorer or the fetcher raised, or that one cannot be reached.
        """
        message = scorer_service_pb2.ScoreUniverseRequest(
            symbols=request.symbols,
            as_of=request.as_of,
            include_running=request.include_running,
            include_weekly=request.include_weekly,
            include_early=True,
            known_version=known_version,
        )
        left_s = await left_once_connected(self._channel, within_s)
        call = self._stub.ScoreUniverse(message, timeout=left_s, metadata=scan_metadata())
        header = Header({}, "")
        try:
            async for event in call:
                kind = event.WhichOneof("event")
                if kind == "header":
                    versions = dict(zip(event.header.columns, event.header.column_versions, strict=True))
                    header = Header(versions, event.header.config_hash)
                    await take(header)
                elif kind == "progress":
                    await take(_fetch_state(event.progress))
                elif kind == "version":
                    await take(RowsVersion(event.version.version))
                elif kind == "early_block":
                    await take(EarlyBlock(_block(event.early_block, tuple(header.column_versions))))
                elif kind == "block":
                    await take(_block(event.block, tuple(header.column_versions)))
                elif kind == "summary":
                    return Scoring(regime_from_message(event.summary.regime), _fetch_state(event.summary.fetch))
        except grpc.aio.AioRpcError as error:
            raise from_peer(error, "scorer") from None
        finally:
            call.cancel()
        raise MalformedAnswerError("the scorer ended its answer without a summary")


def _attributes(answer: fetcher_service_pb2.ListSymbolsResponse) -> dict[str, Attributes]:
    types = map(_TYPES.__getitem__, answer.types)
    columns = (answer.names, types, answer.sectors, answer.market_caps, answer.exchanges, answer.industries)
    return dict(zip(answer.symbols, starmap(Attributes, zip(*columns, strict=True)), strict=True))


def _fetch_state(message: fetcher_service_pb2.FetchProgress | fetcher_service_pb2.FetchSummary) -> FetchState:
    counts = (message.sessions_ready, message.sessions_wanted, message.provider_request_total)
    if isinstance(message, fetcher_service_pb2.FetchProgress):
        return FetchState(*counts, symbols_ready=message.symbols_ready, symbols_wanted=message.symbols_wanted)
    return FetchState(
        *counts,
        eta_s=message.eta_seconds if message.HasField("eta_seconds") else None,
        plan=message.plan,
        decided=_plan(message.fetch_plan),
        restated=tuple(message.restated_symbols),
    )


def _plan(message: fetcher_service_pb2.FetchPlan) -> FetchPlan:
    return FetchPlan(message.session_call_count, message.symbol_call_count, message.reason, message.least_seconds)


def _duration(seconds: float) -> str:
    """Say a time in the unit that fits it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _block(message: scorer_service_pb2.FactorBlock, names: Sequence[str]) -> ScoredBlock:
    values = matrix_from_bytes(message.values, len(message.symbols), len(names))
    return ScoredBlock(
        symbols=tuple(message.symbols),
        columns=dict(zip(names, np.ascontiguousarray(values.T), strict=True)),
        flags=flags_from_bytes(message.flags, len(message.symbols)),
        omissions=tuple(map(omission_from_message, message.omissions)),
    )
