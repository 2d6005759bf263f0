"""Every RPC of every service, with every kind of token, over every kind of connection; and a scan over all of them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from inference import open_inference_grpc_pb2
from services.market import errors
from services.rpc.access import OPEN, ROLES
from services.rpc.channel import PeerAccess, open_channel
from services.rpc.status import from_call
from services.rpc.tokens import Role
from services.simulator.market import Market
from technic.v1 import fetcher_service_pb2, gateway_service_pb2, gateway_service_pb2_grpc, scorer_service_pb2
from tests.canary import TOKEN
from tests.system.conftest import simulated
from tests.system.secured import BAD, EXPIRED, OPERATOR, READER, TRANSPORTS, Secured, Transport, secured

MODULES = {
    "fetcher": fetcher_service_pb2,
    "scorer": scorer_service_pb2,
    "inference": open_inference_grpc_pb2,
    "gateway": gateway_service_pb2,
}
OPERATORS_ONLY = {"SyncStore", "VerifyStore", "WarmCache", "RepositoryModelLoad", "RepositoryModelUnload"}
TO_AN_EMPTY_REQUEST = {
    "List": StatusCode.UNIMPLEMENTED,
    "StreamBars": StatusCode.INVALID_ARGUMENT,
    "ScoreUniverse": StatusCode.INVALID_ARGUMENT,
    "RepositoryModelLoad": StatusCode.INVALID_ARGUMENT,
    "RepositoryModelUnload": StatusCode.NOT_FOUND,
    "ModelReady": StatusCode.NOT_FOUND,
    "ModelMetadata": StatusCode.NOT_FOUND,
    "ModelInfer": StatusCode.NOT_FOUND,
    # These bars are kept in memory only.
    "GetStoreStatus": StatusCode.FAILED_PRECONDITION,
    "SyncStore": StatusCode.FAILED_PRECONDITION,
    "VerifyStore": StatusCode.FAILED_PRECONDITION,
}
"""What a method answers to a caller who may call it, where that is not OK."""
PATIENCE_S = 60.0


def methods_of(service: str) -> Iterator[MethodDescriptor]:
    """List the methods that a service takes: its own, health and reflection."""
    for module in (MODULES[service], health_pb2, reflection_pb2):
        for described in module.DESCRIPTOR.services_by_name.values():
            yield from described.methods


ALL = [(service, method) for service in MODULES for method in methods_of(service)]


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor) -> tuple[StatusCode, str]:
    """Call a method with an empty request, up to its first answer; return its status and the reason in it."""
    path = path_of(method)
    request = GetMessageClass(method.input_type)()
    answer = GetMessageClass(method.output_type).FromString
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    multicallable: Any = getattr(channel, kind)(path, type(request).SerializeToString, answer)
    call = multicallable(iter([request]) if method.client_streaming else request, timeout=PATIENCE_S)
    try:
        if method.server_streaming:
            async for _ in call:
                break
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return error.code(), from_call(error, "service").reason
    finally:
        call.cancel()
    return StatusCode.OK, ""


@pytest.fixture(scope="module")
async def provider_url(market: Market) -> AsyncIterator[str]:
    async with simulated(market) as url:
        yield url


@pytest.fixture(scope="module", params=TRANSPORTS)
async def services(
    request: pytest.FixtureRequest, provider_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Secured]:
    transport: Transport = request.param
    async with secured(tmp_path_factory.mktemp(transport), transport, provider_url) as running:
        yield running


def test_every_method_of_every_service_has_its_role() -> None:
    paths = {path_of(method) for _, method in ALL}
    reflection = {f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha")}
    assert paths | reflection == ROLES.keys() | OPEN
    assert not ROLES.keys() & OPEN
    assert {path.rpartition("/")[2] for path, role in ROLES.items() if role is Role.OPERATOR} == OPERATORS_ONLY


@pytest.mark.parametrize("service", MODULES)
@pytest.mark.parametrize("token", ["", BAD, EXPIRED], ids=["no", "bad", "expired"])
async def test_without_a_valid_token_nothing_but_health_answers(services: Secured, service: str, token: str) -> None:
    async with services.channel(service, token) as channel:
        for method in methods_of(service):
            expected = (StatusCode.UNAUTHENTICATED, "TOKEN_REFUSED")
            if path_of(method) in OPEN:
                expected = (StatusCode.OK, "")
            assert await outcome(channel, method) == expected, method.full_name


@pytest.mark.parametrize("service", MODULES)
async def test_a_reader_may_not_do_what_operators_do(services: Secured, service: str) -> None:
    async with services.channel(service, READER) as channel:
        for method in methods_of(service):
            if method.name in OPERATORS_ONLY:
                assert await outcome(channel, method) == (StatusCode.PERMISSION_DENIED, "ROLE_REFUSED")


@pytest.mark.parametrize("service", MODULES)
@pytest.mark.parametrize("token", [READER, OPERATOR], ids=["reader", "operator"])
async def test_with_a_good_token_the_service_itself_answers(services: Secured, service: str, token: str) -> None:
    async with services.channel(service, token) as channel:
        for method in methods_of(service):
            if method.name in OPERATORS_ONLY and token == READER:
                continue
            code, _ = await outcome(channel, method)
            assert code == TO_AN_EMPTY_REQUEST.get(method.name, StatusCode.OK), method.full_name


async def test_a_method_that_nobody_has_is_not_told_apart_without_a_token(services: Secured) -> None:
    for token, expected in (("", StatusCode.UNAUTHENTICATED), (OPERATOR, StatusCode.UNIMPLEMENTED)):
        async with services.channel("fetcher", token) as channel:
            nothing: Any = channel.unary_unary("/technic.v1.FetcherService/Nothing")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await nothing(b"", timeout=PATIENCE_S)
            assert raised.value.code() == expected


async def test_a_scan_crosses_every_hop(services: Secured) -> None:
    async with services.channel("gateway", READER) as channel:
        stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        request = gateway_service_pb2.ScanUniverseRequest(budget=Duration(seconds=50))
        events = [event async for event in stub.ScanUniverse(request, timeout=PATIENCE_S)]
    result = events[-1].result
    assert result.scored_count > 100
    assert "alpha_5" in result.versions


async def health(services: Secured, access: PeerAccess) -> errors.TechnicError | None:
    """Ask the gateway for its health; return the error."""
    async with open_channel(services.addresses["gateway"], access) as channel:
        try:
            await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
        except grpc.aio.AioRpcError as error:
            return from_call(error, "gateway")
    return None


async def test_a_connection_of_the_wrong_kind_fails_with_words_that_help(services: Secured) -> None:
    good = services.access("")
    assert await health(services, good) is None
    wrong = []
    if services.transport == "plaintext":
        secure = Secured(services.addresses, services.folder, "tls")
        wrong.append((secure.access(""), "speaks plaintext"))
    else:
        wrong.append((PeerAccess(), "does it want TLS"))
        wrong.append((services.access("", ca="others"), "not from the authority"))
    if services.transport == "mtls":
        wrong.append((services.access("", certificate=False), "a client's certificate"))
    for access, words in wrong:
        error = await health(services, access)
        assert isinstance(error, errors.ServiceUnavailableError)
        assert words in error.message


async def test_no_error_holds_the_token(services: Secured) -> None:
    async with services.channel("gateway", BAD) as channel:
        scan: Any = channel.unary_unary("/technic.v1.GatewayService/ScanUniverse")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await scan(b"", timeout=PATIENCE_S)
    assert TOKEN not in repr(raised.value) + repr(raised.value.trailing_metadata()) + repr(services.access(BAD))
