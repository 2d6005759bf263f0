"""Settings of the gateway."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.rpc.peer_settings import PeerSettings

_FACTOR = r"[a-z][a-z0-9_]*(@[1-9][0-9]{0,8})?"
Features = Annotated[
    str,
    Field(
        pattern=rf"^({_FACTOR}(,{_FACTOR})*)?$",
        description="Its columns, in order: factors as name or name@version, with commas between; empty: "
        "as its metadata says.",
    ),
]
Input = Annotated[str, Field(min_length=1, description="Name of the tensor of its columns, FP32 [rows, columns].")]
Output = Annotated[str, Field(min_length=1, description="Name of its tensor of alphas, FP32 or FP64 [rows].")]


class GatewaySettings(PeerSettings):
    """Settings of the gateway: where the other services are, how it speaks with a model, how many scans may run."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")
    PEER_ADDRESSES = ("fetcher_address", "scorer_address", "inference_address")

    address: str = Field(default="127.0.0.1:50051", description="Address to listen on: host:port or unix:/path.")
    fetcher_address: str = Field(default="127.0.0.1:50052", description="Address of the fetcher.")
    scorer_address: str = Field(default="127.0.0.1:50053", description="Address of the scorer.")
    inference_address: str = Field(default="127.0.0.1:50054", description="Address of the inference server.")
    inference_streaming: bool = Field(
        default=True,
        description="Whether models are asked by ModelStreamInfer; false for servers that have ModelInfer only.",
    )
    alpha_5_model: str = Field(default="alpha_5", description="Model that predicts 5 sessions.")
    alpha_5_features: Features = ""
    alpha_5_input: Input = "features"
    alpha_5_output: Output = "alpha"
    alpha_10_model: str = Field(default="alpha_10", description="Model that predicts 10 sessions.")
    alpha_10_features: Features = ""
    alpha_10_input: Input = "features"
    alpha_10_output: Output = "alpha"
    cache_mb: int = Field(
        default=32,
        ge=0,
        le=100_000,
        description="MB of rows and alphas to keep: while nothing is new, they are neither sent nor predicted again. "
        "0: none.",
    )
    scan_limit: int = Field(default=4, ge=1, le=64, description="Scans that may run at once.")
