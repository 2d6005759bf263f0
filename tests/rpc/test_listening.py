"""Certificates that rotate, tokens that rotate, and requests that are too large, over real connections."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from services.cli.certificates import write_certificates
from services.market import errors
from services.rpc.channel import PeerAccess, open_channel
from services.rpc.credentials import ChannelTls, KeyPair, ServerTls
from services.rpc.listening import ServerAccess
from services.rpc.serve import REFLECTION_V1, ServerSpec, start
from services.rpc.status import from_call, from_peer
from services.rpc.tokens import Role, line_for
from technic.v1 import fetcher_service_pb2 as pb
from technic.v1 import fetcher_service_pb2_grpc
from tests.canary import TOKEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

PATIENCE_S = 20.0
CACHE = pb.GetCacheStatsRequest()


class Answering(fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Answers."""

    async def GetCacheStats(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802  # grpc's names
        """Answer."""
        return pb.GetCacheStatsResponse()

    async def ListSymbols(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802  # grpc's names
        """Answer."""
        return pb.ListSymbolsResponse()


async def _nothing() -> None:
    pass


def spec(access: ServerAccess) -> ServerSpec:
    def register(server: grpc.aio.Server) -> None:
        fetcher_service_pb2_grpc.add_FetcherServiceServicer_to_server(Answering(), server)

    return ServerSpec("fetcher", "127.0.0.1:0", register, ("technic.v1.FetcherService",), _nothing, access=access)


async def failure(address: str, access: PeerAccess | None, request: pb.ListSymbolsRequest | None = None) -> Any:
    """Call over a new connection; return how that fails, or None."""
    async with open_channel(address, access) as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        try:
            await stub.ListSymbols(request or pb.ListSymbolsRequest(), timeout=PATIENCE_S)
        except grpc.aio.AioRpcError as error:
            return error
    return None


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Poll with a deadline."""
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():  # noqa: ASYNC110  # files and handshakes set no event
            await asyncio.sleep(0.05)


def certificates(folder: Path) -> tuple[ServerTls, ChannelTls]:
    write_certificates(folder, ("127.0.0.1",), 2)
    return ServerTls(KeyPair(folder / "server.pem", folder / "server.key")), ChannelTls(folder / "ca.pem")


async def test_new_certificates_are_taken_without_a_restart_and_wrong_ones_are_not(tmp_path: Path) -> None:
    tls, trusting_first = certificates(tmp_path / "first")
    _, trusting_second = certificates(tmp_path / "second")
    running = await start(spec(ServerAccess(tls)))
    try:
        assert await failure(running.address, PeerAccess(trusting_first)) is None
        # A certificate without its key: half of a rotation. The server goes on with what it had.
        shutil.copy(tmp_path / "second/server.pem", tls.pair.certificate)
        assert await failure(running.address, PeerAccess(trusting_first)) is None
        shutil.copy(tmp_path / "second/server.key", tls.pair.key)

        async def taken() -> bool:
            return await failure(running.address, PeerAccess(trusting_second)) is None

        await until(taken)
        refused = from_call(await failure(running.address, PeerAccess(trusting_first)), "fetcher")
        assert isinstance(refused, errors.ServiceUnavailableError)
    finally:
        await running.kill()


async def test_a_key_of_another_certificate_ends_the_start(tmp_path: Path) -> None:
    tls, _ = certificates(tmp_path / "first")
    write_certificates(tmp_path / "second", ("127.0.0.1",), 2)
    wrong = ServerTls(replace(tls.pair, key=tmp_path / "second/server.key"))
    with pytest.raises(errors.LocalDataError, match="no certificate and its key"):
        await start(spec(ServerAccess(wrong)))


async def test_a_name_in_the_certificate_may_differ_from_the_address(tmp_path: Path) -> None:
    write_certificates(tmp_path / "certs", ("technic.internal",), 2)
    tls = ServerTls(KeyPair(tmp_path / "certs/server.pem", tmp_path / "certs/server.key"))
    ca = tmp_path / "certs/ca.pem"
    running = await start(spec(ServerAccess(tls)))
    try:
        assert await failure(running.address, PeerAccess(ChannelTls(ca, name="technic.internal"))) is None
        refused = from_call(await failure(running.address, PeerAccess(ChannelTls(ca))), "fetcher")
        assert "another name" in refused.message
    finally:
        await running.kill()


async def test_tokens_rotate_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    old, new = f"{TOKEN}old", f"{TOKEN}new"
    path.write_text(line_for("app", Role.READER, old, None))
    running = await start(spec(ServerAccess(tokens=path)))
    try:
        assert await failure(running.address, PeerAccess(token=lambda: old)) is None
        path.write_text(line_for("app", Role.READER, new, None))

        async def taken() -> bool:
            return await failure(running.address, PeerAccess(token=lambda: new)) is None

        await until(taken)
        refused = await failure(running.address, PeerAccess(token=lambda: old))
        assert isinstance(from_call(refused, "fetcher"), errors.TokenRefusedError)
        assert isinstance(from_peer(refused, "fetcher"), errors.PeerRefusedError)
    finally:
        await running.kill()


async def test_too_large_a_request_is_refused_with_words() -> None:
    running = await start(spec(ServerAccess(request_bytes=1024 * 1024)))
    try:
        large = await failure(running.address, None, pb.ListSymbolsRequest(as_of="x" * 1_100_000))
        assert large.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        told = from_call(large, "fetcher")
        assert isinstance(told, errors.InvalidRequestError)
        assert "larger than the fetcher takes" in told.message
        assert await failure(running.address, None, pb.ListSymbolsRequest(as_of="x" * 1_000_000)) is None
    finally:
        await running.kill()


async def test_too_much_metadata_is_refused() -> None:
    running = await start(spec(ServerAccess()))
    try:
        async with open_channel(running.address) as channel:
            stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
            await stub.GetCacheStats(CACHE, timeout=PATIENCE_S, metadata=(("x", "v" * 7_000),))
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.GetCacheStats(CACHE, timeout=PATIENCE_S, metadata=(("x", "v" * 9_000),))
            assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    finally:
        await running.kill()


async def test_reflection_can_be_switched_off() -> None:
    running = await start(spec(ServerAccess(reflection=False)))
    try:
        async with open_channel(running.address) as channel:
            reflect: Any = channel.stream_stream(f"/{REFLECTION_V1}/ServerReflectionInfo")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await reflect(iter([b""]), timeout=PATIENCE_S).read()
            assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    finally:
        await running.kill()


async def test_a_server_does_not_listen_to_other_machines_in_plaintext() -> None:
    with pytest.raises(errors.InvalidRequestError, match="plaintext"):
        await start(replace(spec(ServerAccess()), address="0.0.0.0:0"))
    running = await start(replace(spec(ServerAccess(insecure_network=True)), address="0.0.0.0:0"))
    await running.kill()
