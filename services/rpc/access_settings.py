"""Settings of who may call a service, and how."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, FilePath, model_validator
from pydantic_settings import BaseSettings

from services.rpc.network import is_local, plaintext_fault

OptionalFile = Annotated[FilePath | None, BeforeValidator(lambda value: value or None)]
"""A file that is there; an empty text, as templates leave it, is none."""


class AccessSettings(BaseSettings):
    """What a service demands of its callers. Its address decides whether it may do without."""

    address: str = Field(default="127.0.0.1:0", description="Address to listen on: host:port or unix:/path.")
    tokens_path: OptionalFile = Field(
        default=None,
        description="File of accepted tokens, lines `name role sha256 [expires]` as `technic token` prints them; read "
        "again when it changes. None: calls need no token.",
    )
    tls_cert_path: OptionalFile = Field(
        default=None, description="PEM file of the server's certificate; read again when it changes, like its key."
    )
    tls_key_path: OptionalFile = Field(default=None, description="PEM file of its private key.")
    tls_client_ca_path: OptionalFile = Field(
        default=None, description="PEM file of authorities; callers then need a certificate of one of them (mTLS)."
    )
    insecure_network: bool = Field(
        default=False, description="Whether plaintext may leave this machine, as on a network of its own."
    )
    reflection: bool = Field(default=True, description="Whether grpcurl and others may ask what can be called.")
    request_mb: int = Field(default=1, ge=1, le=256, description="Largest request message, in MB of 2^20 bytes.")

    @model_validator(mode="after")
    def _check_listening(self) -> Self:
        if (self.tls_cert_path is None) != (self.tls_key_path is None):
            raise ValueError(f"{self.variable('tls_cert_path')} and {self.variable('tls_key_path')} go together")
        if self.tls_client_ca_path and not self.tls_cert_path:
            raise ValueError(f"{self.variable('tls_client_ca_path')} needs {self.variable('tls_cert_path')}")
        if not self.tls_cert_path and not self.insecure_network and not is_local(self.address):
            raise ValueError(
                f"{plaintext_fault(self.address)}: set {self.variable('tls_cert_path')} and "
                f"{self.variable('tls_key_path')}, or {self.variable('insecure_network')}=true (--insecure-network)"
            )
        return self

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of a setting's environment variable."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()
