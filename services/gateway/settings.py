"""Settings of the gateway."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.rpc.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Settings of the gateway: where the other services are, and how many scans may run."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    address: str = Field(default="127.0.0.1:50051", description="Address to listen on: host:port or unix:/path.")
    fetcher_address: str = Field(default="127.0.0.1:50052", description="Address of the fetcher.")
    scorer_address: str = Field(default="127.0.0.1:50053", description="Address of the scorer.")
    inference_address: str = Field(default="127.0.0.1:50054", description="Address of the inference server.")
    alpha_5_model: str = Field(default="alpha_5", description="Model that predicts 5 sessions.")
    alpha_10_model: str = Field(default="alpha_10", description="Model that predicts 10 sessions.")
    scan_limit: int = Field(default=4, ge=1, le=64, description="Scans that may run at once.")
