"""Makes a certificate authority and the certificates of a server and a client, for tests and first set-ups.

The authority's key is written, too: whoever has it can make more certificates, so keep it away from the servers.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from services.market.errors import InvalidRequestError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    raise InvalidRequestError(
        "making certificates needs the library cryptography: install Technic with its extra `certs`"
    ) from error

_EARLIER: Final = timedelta(minutes=5)
"""Clocks differ a little: what is made now is valid on a machine that is behind, too."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def write_certificates(folder: Path, names: Sequence[str], days: int) -> tuple[Path, ...]:
    """Write ca, server and client, a .pem and a .key each, into `folder`; keys are for their owner alone.

    Args:
        folder: is made if it is not there.
        names: host names and IP addresses by which the servers are called.
        days: for which the certificates are valid.

    Returns:
        The files, in the order in which they were written.

    Raises:
        InvalidRequestError: one of the files is there already, or cannot be written.
    """
    authority = _sign("Technic CA", None, days, ())
    made = {
        "ca": authority,
        "server": _sign("Technic server", authority, days, names),
        "client": _sign("Technic client", authority, days, ()),
    }
    contents = {folder / f"{name}.pem": _certificate_text(signed) for name, signed in made.items()}
    contents |= {folder / f"{name}.key": _key_text(signed) for name, signed in made.items()}
    present = [path for path in contents if path.exists()]
    if present:
        raise InvalidRequestError(f"{present[0]} is there already: nothing was written. Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            _write(path, content)
    except OSError as error:
        raise InvalidRequestError(f"{folder} cannot be written to: {error.strerror}") from error
    return tuple(contents)


def _sign(name: str, issuer: Signed | None, days: int, names: Sequence[str]) -> Signed:
    """Make a key and its certificate: an authority's without an issuer, a server's with names, else a client's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    parent = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(parent.public_key()), critical=False)
        .add_extension(_use(signs=issuer is None), critical=True)
    )
    if issuer is not None:
        use = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(text) for text in names]), critical=False)
    return Signed(builder.sign(parent, hashes.SHA256()), key)


def _use(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(text)
    except ValueError:
        raise InvalidRequestError(f"--name {text!r} is neither a host name nor an IP address") from None


def _certificate_text(signed: Signed) -> bytes:
    return signed.certificate.public_bytes(serialization.Encoding.PEM)


def _key_text(signed: Signed) -> bytes:
    return signed.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that was not there, a key for nobody but its owner from the first byte on."""
    mode = 0o600 if path.suffix == ".key" else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
