"""Settings of the scorer."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.rpc.settings import ServiceSettings


class ScorerSettings(ServiceSettings):
    """Settings of the scorer: where bars come from. NUMBA_CACHE_DIR moves the compiled kernels."""

    model_config = SettingsConfigDict(env_prefix="SCORER_")

    address: str = Field(default="127.0.0.1:50053", description="Address to listen on: host:port or unix:/path.")
    fetcher_address: str = Field(default="127.0.0.1:50052", description="Address of the fetcher.")
    threads: int = Field(default=2, ge=1, le=64, description="Threads that compute factors.")
