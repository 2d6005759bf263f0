"""Settings of the fetcher."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.rpc.settings import ServiceSettings


class FetcherSettings(ServiceSettings):
    """Settings of the fetcher: where bars come from."""

    model_config = SettingsConfigDict(env_prefix="FETCHER_")

    address: str = Field(default="127.0.0.1:50052", description="Address to listen on: host:port or unix:/path.")
    provider: Literal["massive", "simulated", "replay", "files"] = Field(
        default="massive", description="Where bars come from: massive, simulated, replay or files."
    )
    base_url: str = Field(default="https://api.massive.com", description="Base URL of the provider's REST API.")
    plan: Literal["basic", "starter", "developer", "advanced"] = Field(
        default="basic", description="Plan of the key: decides rate, history and freshness."
    )
    clock: str = Field(
        default="now", description="Now, as the fetcher sees it: now, or a New York time such as 2025-09-30T20:00."
    )
    concurrency: int = Field(default=20, ge=1, le=100, description="Calls to the provider in flight.")
    calls_per_second: int | None = Field(
        default=None, ge=1, le=10_000, description="Calls to the provider a second, in place of the plan's rate."
    )
    cache_mb: int = Field(
        default=600,
        ge=16,
        le=65_536,
        description="Bars kept in memory, in MB of 10^6 bytes; the windows of calls in flight may go beyond.",
    )
    home: Path = Field(
        default=Path("~/.local/share/technic"),
        description="Folder of the stores: one for each provider and market, below stores/.",
    )
    store_path: str | None = Field(
        default=None,
        description="File of the store, in place of one below the home; empty to keep bars in memory only.",
    )
    store_sessions: int = Field(
        default=2000, ge=1, le=10_000, description="Sessions that the store keeps; the oldest leave first."
    )
    bars_path: Path | None = Field(
        default=None, description="Parquet or CSV file of bars, or folder of such files, for the provider files."
    )
    bars_raw: bool = Field(default=False, description="Whether these bars are raw; else they are taken as adjusted.")
    splits_path: Path | None = Field(default=None, description="Parquet or CSV file of the splits of raw bars.")
    universe_path: Path | None = Field(
        default=None,
        description="Parquet or CSV file of names, types and market caps, which count before the provider's; "
        "for files, else universe.parquet beside the bars.",
    )
    details: bool = Field(
        default=True,
        description="Whether type, industry and shares of each symbol are asked for in the background, a call each.",
    )
    warm_sessions: int = Field(
        default=300, ge=0, le=2000, description="Sessions brought into memory after the start; 0 for none."
    )
    warm_at: str = Field(
        default="08:00",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$",
        description="New York time of session days at which memory is filled anew; empty for never.",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("MASSIVE_API_KEY", "POLYGON_API_KEY"),
        description="Key of the provider, from MASSIVE_API_KEY, else POLYGON_API_KEY.",
    )
