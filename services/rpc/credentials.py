"""TLS of servers and channels, from PEM files. A server takes files that change with its next connection."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from services.market.errors import LocalDataError
from services.rpc.watched import Watched, read_small


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Files of a certificate, with those between it and its authority, and of its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a server speaks TLS with.

    Attributes:
        pair: its own certificate.
        client_ca: certificates of the authorities that clients must have theirs from (mTLS); None asks for none.
    """

    pair: KeyPair
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class ChannelTls:
    """What a channel speaks TLS with.

    Attributes:
        ca: certificates of the authorities that the server must have its own from.
        pair: the client's certificate, for servers that ask for one.
        name: by which the server's certificate calls it, where that is not the host of its address.
    """

    ca: Path
    pair: KeyPair | None = None
    name: str = ""


def server_credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """Return the credentials of a server, which follow their files.

    Raises:
        LocalDataError: a file is of no use.
    """
    paths = [tls.pair.certificate, tls.pair.key, *([tls.client_ca] if tls.client_ca else [])]
    current = Watched(paths, lambda: _configuration(tls))
    first = current()
    return grpc.dynamic_ssl_server_credentials(
        first, _news_of(current, first), require_client_authentication=tls.client_ca is not None
    )


def channel_credentials(tls: ChannelTls) -> grpc.ChannelCredentials:
    """Return the credentials of a channel; gRPC reads them once.

    Raises:
        LocalDataError: a file is of no use.
    """
    certificate, key = (None, None) if tls.pair is None else _read_pair(tls.pair)
    return grpc.ssl_channel_credentials(_read_ca(tls.ca), key, certificate)


def _news_of(
    current: Watched[grpc.ServerCertificateConfiguration], first: grpc.ServerCertificateConfiguration
) -> Callable[[], grpc.ServerCertificateConfiguration]:
    """Return what gRPC asks before each handshake, on a thread of its own: the new configuration, or None."""
    given = first

    def news() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        now = current()
        if now is given:
            return None
        given = now
        return now

    return news  # type: ignore[return-value]  # the stubs forget that None means no change


def _configuration(tls: ServerTls) -> grpc.ServerCertificateConfiguration:
    certificate, key = _read_pair(tls.pair)
    root = _read_ca(tls.client_ca) if tls.client_ca else None
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=root)


def _read_pair(pair: KeyPair) -> tuple[bytes, bytes]:
    """Read a certificate and its key; gRPC itself would take any bytes, and fail each handshake."""
    certificate, key = read_small(pair.certificate), read_small(pair.key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key, _no_password)
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or str(error)
        raise LocalDataError(f"{pair.certificate} and {pair.key} are no certificate and its key: {why}") from None
    except OSError as error:
        raise LocalDataError(f"{pair.certificate} or {pair.key} cannot be read: {error.strerror}") from None
    if (certificate, key) != (read_small(pair.certificate), read_small(pair.key)):
        raise LocalDataError(f"{pair.certificate} and {pair.key} changed while they were read")
    return certificate, key


def _no_password() -> str:
    raise ValueError("the key needs a password; write it without one")


def _read_ca(path: Path) -> bytes:
    content = read_small(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise LocalDataError(f"{path} holds no certificates of an authority: {error}") from None
    return content
