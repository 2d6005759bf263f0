"""Settings of the scorer."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.rpc.peer_settings import PeerSettings


class ScorerSettings(PeerSettings):
    """Settings of the scorer: where bars come from. NUMBA_CACHE_DIR moves the compiled kernels."""

    model_config = SettingsConfigDict(env_prefix="SCORER_")
    PEER_ADDRESSES = ("fetcher_address",)

    address: str = Field(default="127.0.0.1:50053", description="Address to listen on: host:port or unix:/path.")
    fetcher_address: str = Field(default="127.0.0.1:50052", description="Address of the fetcher.")
    cache_mb: int = Field(
        default=64,
        ge=0,
        le=100_000,
        description="MB of scored rows to keep: bars that did not change are neither sent nor scored again. 0: none.",
    )
    threads: int = Field(default=2, ge=1, le=64, description="Threads that compute factors.")
