"""Settings of a service that calls others."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from services.rpc.access_settings import OptionalFile
from services.rpc.network import is_local
from services.rpc.settings import ServiceSettings


class PeerSettings(ServiceSettings):
    """What such a service can be told. Subclasses name their settings of others' addresses in `PEER_ADDRESSES`."""

    PEER_ADDRESSES: ClassVar[tuple[str, ...]] = ()

    peer_token_path: OptionalFile = Field(
        default=None,
        description="File of the token that this service sends to those that it calls; read again when it changes.",
    )
    peer_ca_path: OptionalFile = Field(
        default=None, description="PEM file of authorities; the services that it calls are then called with TLS."
    )
    peer_cert_path: OptionalFile = Field(
        default=None, description="PEM file of its certificate as a client, for services that want one (mTLS)."
    )
    peer_key_path: OptionalFile = Field(default=None, description="PEM file of its private key.")
    peer_name: str = Field(
        default="", description="Name in the certificates of the services that it calls; empty: their host."
    )

    @model_validator(mode="after")
    def _check_peers(self) -> Self:
        if (self.peer_cert_path is None) != (self.peer_key_path is None):
            raise ValueError(f"{self.variable('peer_cert_path')} and {self.variable('peer_key_path')} go together")
        if (self.peer_cert_path or self.peer_name) and not self.peer_ca_path:
            raise ValueError(f"calls with TLS need {self.variable('peer_ca_path')}")
        if self.peer_token_path and not self.peer_ca_path and not self.insecure_network:
            for field in self.PEER_ADDRESSES:
                address = getattr(self, field)
                if not is_local(address):
                    raise ValueError(
                        f"the token would go to {address} in plaintext: set {self.variable('peer_ca_path')}, or "
                        f"{self.variable('insecure_network')}=true (--insecure-network)"
                    )
        return self
