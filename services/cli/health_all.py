"""Asks all services of a stack whether they are ready, and says what to do about those that are not."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.cli.health import CALL_FAILED, CONNECTION_FAILED, NOT_SERVING, SERVING
from services.cli.target import Target
from services.rpc.checks import VERSION_METADATA

CURES: Final[Mapping[str, str]] = {
    "fetcher": "it is starting or stopping: see its log",
    "scorer": "it compiles its kernels at the first start, for up to a minute: see its log",
    "inference": "a model is missing or damaged: its RepositoryIndex names it, see docs/operations.md",
    "gateway": "it is starting or stopping: see its log",
}
"""What to do about a service that answers but is not ready."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How one service is.

    Attributes:
        service: its name.
        address: where it was asked.
        state: SERVING, NOT_SERVING, UNREACHABLE or FAILED.
        version: of what answered; empty if nothing did, or it is not ours.
        seconds: that the answer took, connecting included.
        problem: what is wrong and what to do; empty if nothing is.
        code: of `services.cli.health`.
    """

    service: str
    address: str
    state: str
    version: str
    seconds: float
    problem: str
    code: int


def run_all(targets: Mapping[str, Target], timeout_s: float, *, as_json: bool) -> int:
    """Ask all at once, print a line each, and return the worst exit code: 0 only if all serve."""
    checked = asyncio.run(check_all(targets, timeout_s))
    if as_json:
        print(json.dumps([asdict(one) for one in checked], indent=2))
    else:
        width = max(len(one.address) for one in checked)
        for one in checked:
            facts = f"{one.service:10} {one.state:12} {one.address:{width}}  {one.version or '-':8} {one.seconds:.3f} s"
            print(f"{facts}  {one.problem}".rstrip())
    return max(one.code for one in checked)


async def check_all(targets: Mapping[str, Target], timeout_s: float) -> list[Checked]:
    """Ask the services by name; one that does not answer delays no other."""
    return list(await asyncio.gather(*(_check(name, target, timeout_s) for name, target in targets.items())))


async def _check(service: str, target: Target, timeout_s: float) -> Checked:
    began, address = time.perf_counter(), target.address
    async with target.open(with_token=False) as channel:
        call = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        try:
            answer = await call
            told = {str(key): str(value) for key, value in await call.initial_metadata()}
            version = told.get(VERSION_METADATA, "")
        except grpc.aio.AioRpcError as error:
            seconds = round(time.perf_counter() - began, 3)
            connected = channel.get_state() is grpc.ChannelConnectivity.READY
            if connected and error.code() is not grpc.StatusCode.UNAVAILABLE:
                problem = f"it did not answer the health check: {error.code().name}"
                return Checked(service, address, "FAILED", "", seconds, problem, CALL_FAILED)
            problem = "nobody answers there: start it, or name its address with --address"
            return Checked(service, address, "UNREACHABLE", "", seconds, problem, CONNECTION_FAILED)
    seconds = round(time.perf_counter() - began, 3)
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return Checked(service, address, "SERVING", version, seconds, "", SERVING)
    return Checked(service, address, "NOT_SERVING", version, seconds, CURES.get(service, "see its log"), NOT_SERVING)
