"""Where a stack of our own gets its bars: a generated market, Massive, files, or files through Massive's API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from services.market.errors import InvalidRequestError, LocalDataError, ProviderAuthError

Provider = Literal["simulated", "massive", "files", "replay"]
Plan = Literal["basic", "starter", "developer", "advanced"]

KEY_VARIABLES: Final = ("MASSIVE_API_KEY", "POLYGON_API_KEY")
"""Environment variables that may hold the provider's key; the first that is set counts."""
PLAN_VARIABLE: Final = "MASSIVE_PLAN"

_FLAGS: Final[dict[str, tuple[Provider, ...]]] = {
    "--plan": ("massive", "simulated", "replay"),
    "--bars": ("files", "replay"),
    "--universe": ("files", "replay", "massive"),
    "--latency-ms": ("simulated", "replay"),
    "--raw": ("files",),
    "--splits": ("files",),
}
"""The providers that each flag is for."""


@dataclass(frozen=True, slots=True)
class SourceFlags:
    """What the user said about the source of bars; None is unsaid."""

    provider: Provider | None = None
    plan: Plan | None = None
    bars: Path | None = None
    universe: Path | None = None
    latency_ms: int | None = None
    raw: bool = False
    splits: Path | None = None

    def spoken(self) -> tuple[str, ...]:
        """Return the flags that were given."""
        values = {
            "--provider": self.provider,
            "--plan": self.plan,
            "--bars": self.bars,
            "--universe": self.universe,
            "--latency-ms": self.latency_ms,
            "--raw": self.raw or None,
            "--splits": self.splits,
        }
        return tuple(name for name, value in values.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Source:
    """A source of bars that can be used.

    Args:
        provider: its name.
        plan: the provider's plan; None for files, and for a simulator that limits nothing.
        bars: file or folder of bars; for files and replay.
        universe: file of what is known of symbols.
        splits: file of splits, if the bars are raw; for files only.
        clock: New York time at which the simulator's clock stands; empty for its default.
        latency_ms: of each of the simulator's answers, milliseconds; None for its default.
        key: the provider's key; for simulated and replay, one that the simulator is told to ask for.
    """

    provider: Provider
    plan: Plan | None = None
    bars: Path | None = None
    universe: Path | None = None
    splits: Path | None = None
    clock: str = ""
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
    if provider == "simulated" and flags.bars:
        # The simulated API over real bars: not a simulated market.
        provider = "replay"
    _refuse_foreign(flags, provider)
    if provider == "simulated":
        return Source("simulated", flags.plan, latency_ms=flags.latency_ms, key=simulator_key)
    universe = None if flags.universe is None else _present(flags.universe, "--universe")
    if provider in {"files", "replay"}:
        if flags.bars is None:
            raise InvalidRequestError(f"--provider {provider} needs --bars PATH, a file or folder of daily bars")
        bars = _present(flags.bars, "--bars")
        if provider == "files":
            return Source("files", bars=bars, universe=universe, splits=_splits(flags))
        return _replay(flags, bars, universe, simulator_key)
    key = find_key(environment)
    if not key:
        raise ProviderAuthError(f"--provider massive needs a key: set {KEY_VARIABLES[0]} in the environment")
    return Source("massive", flags.plan or _plan_of(environment), universe=universe, key=key)


def find_key(environment: Mapping[str, str]) -> str:
    """Return the provider's key, or an empty text."""
    return next((environment[name] for name in KEY_VARIABLES if environment.get(name)), "")


def _refuse_foreign(flags: SourceFlags, provider: Provider) -> None:
    for flag in flags.spoken():
        takers = _FLAGS.get(flag, (provider,))
        if provider not in takers:
            raise InvalidRequestError(f"{flag} belongs to --provider {' or '.join(takers)}, not to {provider}")


def _splits(flags: SourceFlags) -> Path | None:
    if flags.raw != (flags.splits is not None):
        raise InvalidRequestError("raw bars need their splits: --raw and --splits FILE go together")
    return None if flags.splits is None else _present(flags.splits, "--splits")


def _replay(flags: SourceFlags, bars: Path, universe: Path | None, simulator_key: str) -> Source:
    """Let the clock stand in the evening of the last session, for the simulator and for the fetcher."""
    from services.files.attributes import find_universe  # noqa: PLC0415  # numpy and pyarrow, which no other source needs
    from services.files.reader import find_files, last_session  # noqa: PLC0415  # as above

    return Source(
        "replay",
        flags.plan,
        bars=bars,
        universe=find_universe(bars, universe),
        clock=f"{last_session(find_files(bars, (universe,)))}T20:00",
        latency_ms=flags.latency_ms,
        key=simulator_key,
    )


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
