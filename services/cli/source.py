"""Where a stack of our own gets its bars: from the generated market, from Massive, or from files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from services.market.errors import InvalidRequestError, LocalDataError, ProviderAuthError

Provider = Literal["simulated", "massive", "files"]
Plan = Literal["basic", "starter", "developer", "advanced"]

KEY_VARIABLES: Final = ("MASSIVE_API_KEY", "POLYGON_API_KEY")
"""Environment variables that may hold the provider's key; the first that is set counts."""
PLAN_VARIABLE: Final = "MASSIVE_PLAN"


@dataclass(frozen=True, slots=True)
class SourceFlags:
    """What the user said about the source of bars; None is unsaid."""

    provider: Provider | None = None
    plan: Plan | None = None
    bars: Path | None = None
    universe: Path | None = None
    latency_ms: int | None = None

    def spoken(self) -> tuple[str, ...]:
        """Return the flags that were given."""
        values = (self.provider, self.plan, self.bars, self.universe, self.latency_ms)
        names = ("--provider", "--plan", "--bars", "--universe", "--latency-ms")
        return tuple(name for name, value in zip(names, values, strict=True) if value is not None)


@dataclass(frozen=True, slots=True)
class Source:
    """A source of bars that can be used.

    Args:
        provider: its name.
        plan: the provider's plan; None for files, and for a simulator that limits nothing.
        bars: file or folder of bars; for files only.
        universe: file of symbols and attributes; for files only.
        latency_ms: of each of the simulator's answers, milliseconds; None for its default.
        key: the provider's key; for simulated, one that the simulator is told to ask for.
    """

    provider: Provider
    plan: Plan | None = None
    bars: Path | None = None
    universe: Path | None = None
    latency_ms: int | None = None
    key: str = field(default="", repr=False)


def choose_source(flags: SourceFlags, environment: Mapping[str, str], simulator_key: str) -> Source:
    """Decide on the source of bars.

    Raises:
        InvalidRequestError: flags that contradict each other, or an unknown plan in the environment.
        LocalDataError: a file that is not there.
        ProviderAuthError: Massive without a key.
    """
    provider = flags.provider or ("files" if flags.bars else "simulated")
    _refuse_foreign(flags, provider)
    if provider == "files":
        if flags.bars is None:
            raise InvalidRequestError("--provider files needs --bars PATH, a Parquet file of daily bars")
        universe = None if flags.universe is None else _present(flags.universe, "--universe")
        return Source("files", bars=_present(flags.bars, "--bars"), universe=universe)
    if provider == "simulated":
        return Source("simulated", flags.plan, latency_ms=flags.latency_ms, key=simulator_key)
    key = find_key(environment)
    if not key:
        raise ProviderAuthError(f"--provider massive needs a key: set {KEY_VARIABLES[0]} in the environment")
    return Source("massive", flags.plan or _plan_of(environment), key=key)


def find_key(environment: Mapping[str, str]) -> str:
    """Return the provider's key, or an empty text."""
    return next((environment[name] for name in KEY_VARIABLES if environment.get(name)), "")


def _refuse_foreign(flags: SourceFlags, provider: Provider) -> None:
    theirs: dict[str, Provider] = {"--bars": "files", "--universe": "files", "--latency-ms": "simulated"}
    for flag in flags.spoken():
        if theirs.get(flag, provider) != provider:
            raise InvalidRequestError(f"{flag} belongs to --provider {theirs[flag]}, not to {provider}")
    if flags.plan and provider == "files":
        raise InvalidRequestError("--plan belongs to --provider massive or simulated, not to files")


def _present(path: Path, flag: str) -> Path:
    absolute = path.expanduser().absolute()
    if not absolute.exists():
        raise LocalDataError(f"{flag} {path} does not exist")
    return absolute


def _plan_of(environment: Mapping[str, str]) -> Plan:
    named = environment.get(PLAN_VARIABLE) or "basic"
    for plan in get_args(Plan):
        if plan == named:
            return plan  # type: ignore[no-any-return]  # get_args forgets that these are the plans
    raise InvalidRequestError(f"{PLAN_VARIABLE} {named!r} is none: choose from {', '.join(get_args(Plan))}")
