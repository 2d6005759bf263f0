"""Settings of the inference service."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.rpc.settings import ServiceSettings


def _shipped_models() -> Path:
    """Return the models that come with the project: inside an installed package, or at the top of a checkout."""
    packed = Path(__file__).with_name("models")
    return packed if packed.is_dir() else Path(__file__).parents[2] / "models"


class InferenceSettings(ServiceSettings):
    """Inference: cached XGBoost models behind the Open Inference Protocol."""

    model_config = SettingsConfigDict(env_prefix="INFERENCE_")

    address: str = Field(default="127.0.0.1:50054", description="Address to listen on: host:port or unix:/path.")
    request_mb: int = Field(
        default=4, ge=1, le=256, description="Largest request message, in MB of 2^20 bytes: 4,096 rows of 200 columns."
    )
    models_path: Path = Field(
        default=_shipped_models(),
        description="Folder of models: <name>/<version>/{model.ubj, card.json}; followed while the service runs.",
    )
    models_mb: int = Field(
        default=96,
        ge=68,
        le=65_536,
        description="Model files whose models are kept in memory, in MB of 10^6 bytes; they take 1.4 times that there.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="cpu",
        description="Where models predict; auto and cuda: on an NVIDIA GPU if there is one. GPUs give other last bits.",
    )
