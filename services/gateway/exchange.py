"""Two ways to ask a server many things at once: one stream of requests, or a call for each."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import grpc

from inference import open_inference_grpc_pb2 as oip
from services.market.errors import BudgetSpentError, ModelUnusableError, ServiceUnavailableError, TechnicError
from services.rpc.logs import scan_metadata
from services.rpc.status import from_peer

if TYPE_CHECKING:
    from inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub

StreamCall: TypeAlias = "grpc.aio.StreamStreamCall[oip.ModelInferRequest, oip.ModelStreamInferResponse]"
Answers: TypeAlias = dict[str, oip.ModelInferResponse]

SERVICE: Final = "inference service"
HINT: Final = "if it has ModelInfer only, set GATEWAY_INFERENCE_STREAMING=false"
CALL_LIMIT: Final = 8
"""Most calls that one scan has in flight."""


class Exchange(Protocol):
    """Requests go in with `send`; `answers` gives those of all of them. What broke is told by `answers`, once."""

    async def send(self, request: oip.ModelInferRequest) -> None:
        """Send a request, once there is room for it; its id is that of no other."""
        ...

    async def answers(self) -> Answers:
        """Return the answers by the ids of their requests. Raises TechnicError."""
        ...

    async def cancel(self) -> None:
        """End everything that is still on its way."""
        ...


class StreamExchange:
    """An exchange by ModelStreamInfer: one call, answered as requests come."""

    def __init__(self, stub: GRPCInferenceServiceStub, within_s: float) -> None:
        self._until = asyncio.get_running_loop().time() + within_s
        self._call: StreamCall = stub.ModelStreamInfer(timeout=within_s, metadata=scan_metadata())
        self._answers: Answers = {}
        self._reader = asyncio.create_task(self._read())

    async def send(self, request: oip.ModelInferRequest) -> None:
        """Write to the stream; one that broke takes no more."""
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await self._call.write(request)

    async def answers(self) -> Answers:
        """Say that there is no more to come, and read to the end."""
        try:
            # A call that has ended may refuse even this: the reader tells why.
            with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.InternalError):
                await self._call.done_writing()
            await asyncio.wait((self._reader,))
            if self._reader.cancelled():
                # By grpc.aio, when somebody who waited for a write was cancelled: of us nothing was.
                raise ServiceUnavailableError(f"the {SERVICE}'s stream was broken off")
            self._reader.result()
        except grpc.aio.AioRpcError as error:
            failure = from_peer(error, SERVICE)
            if type(failure) is TechnicError:
                failure = self._unnamed(failure)
            raise failure from None
        return self._answers

    async def cancel(self) -> None:
        """End the stream."""
        self._call.cancel()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    def _unnamed(self, failure: TechnicError) -> TechnicError:
        """Return what UNIMPLEMENTED means, or INTERNAL if a write was on its way: grpc.aio tells no more."""
        if asyncio.get_running_loop().time() >= self._until:
            return BudgetSpentError(f"the {SERVICE} did not answer in time")
        return ModelUnusableError(f"{failure.message}; {HINT}")

    async def _read(self) -> None:
        async for answer in self._call:
            if answer.error_message:
                raise ModelUnusableError(f"the {SERVICE} refused a block: {answer.error_message}")
            self._answers[answer.infer_response.id] = answer.infer_response


class UnaryExchange:
    """An exchange by ModelInfer, for servers that have nothing else: a call for each request, some at once."""

    def __init__(self, stub: GRPCInferenceServiceStub, within_s: float) -> None:
        self._stub = stub
        self._until = asyncio.get_running_loop().time() + within_s
        self._places = asyncio.Semaphore(CALL_LIMIT)
        self._calls: dict[str, asyncio.Task[oip.ModelInferResponse]] = {}
        self._broke = False

    async def send(self, request: oip.ModelInferRequest) -> None:
        """Call, once fewer than CALL_LIMIT calls are in flight; after one that failed, no more."""
        if not self._broke:
            await self._places.acquire()
            self._calls[request.id] = asyncio.create_task(self._ask(request))

    async def answers(self) -> Answers:
        """Wait for all calls, or for the first that fails."""
        try:
            found = await asyncio.gather(*self._calls.values())
        except grpc.aio.AioRpcError as error:
            raise from_peer(error, SERVICE) from None
        return dict(zip(self._calls, found, strict=True))

    async def cancel(self) -> None:
        """Cancel all calls."""
        for call in self._calls.values():
            call.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)

    async def _ask(self, request: oip.ModelInferRequest) -> oip.ModelInferResponse:
        left_s = max(0.0, self._until - asyncio.get_running_loop().time())
        try:
            answer: oip.ModelInferResponse = await self._stub.ModelInfer(
                request, timeout=left_s, metadata=scan_metadata()
            )
        except grpc.aio.AioRpcError:
            self._broke = True
            raise
        else:
            return answer
        finally:
            self._places.release()
