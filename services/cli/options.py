"""From what the user typed to what is meant. Pure; faults are typed errors that name the flag."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, get_args

from services.gateway.selection import EVERYTHING, PlanOptions, Selection
from services.market.errors import InvalidRequestError
from services.market.vocabulary import SymbolType

Profile = Literal["none", "conservative", "balanced", "aggressive"]
Style = Literal["short_term_swing", "swing", "position"]
Format = Literal["table", "json"]
Form = Literal["table", "json", "jsonl", "csv", "parquet"]

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SEPARATOR: Final = re.compile(r"[,\s]+")
_DAYS: Final = re.compile(r"(\d{1,5})d")
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What a scan is asked for; the gateway judges its values.

    Args:
        symbols: empty for the whole universe.
        types: empty for the gateway's default.
        as_of: ISO date; empty for the newest completed session.
        budget_s: seconds for the whole scan.
        top_count: rows to return, best first; 0 for all.
        profile: name of a risk profile.
        include_ledger: whether every omission is listed.
        include_running: whether the session that runs now counts as the newest one.
        style: name of a trade style.
        selection: which rows, in which order.
        plans: what trade plans are sized by; None for no plans.
        factors: names of factors to return with each row.
    """

    symbols: tuple[str, ...] = ()
    types: tuple[SymbolType, ...] = ()
    as_of: str = ""
    budget_s: float = 90.0
    top_count: int = 20
    profile: str = "none"
    include_ledger: bool = False
    include_running: bool = False
    style: str = "swing"
    selection: Selection = EVERYTHING
    plans: PlanOptions | None = None
    factors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.include_running and self.as_of:
            raise InvalidRequestError("--running scans the session of today: leave out --as-of")


def parse_time(text: str, flag: str) -> float:
    """Read a time such as `90s`, `1.5m`, `500ms` or `90` (seconds) as seconds, above 0."""
    match = _TIME.fullmatch(text.strip())
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise InvalidRequestError(f"{flag} {text!r} is no time above 0: write it like 90s, 2m or 500ms")
    return seconds


def parse_expiry(text: str, flag: str, now: datetime) -> datetime | None:
    """Read days such as `90d`, or an ISO date or time, UTC, as a moment after `now`; empty is never."""
    if not text:
        return None
    days = _DAYS.fullmatch(text.strip())
    try:
        moment = now + timedelta(days=int(days[1])) if days else datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise InvalidRequestError(f"{flag} {text!r} is no time: write it like 90d or 2027-01-31") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= now:
        raise InvalidRequestError(f"{flag} {text!r} has passed already")
    return moment


def parse_symbols(text: str) -> tuple[str, ...]:
    """Read symbols separated by commas, or from the file behind an @; their spelling is the gateway's matter."""
    if text.startswith("@"):
        text = _read_symbols(Path(text[1:]))
    symbols = tuple(_SEPARATOR.sub(" ", text).split())
    if not symbols:
        # As from a variable that is empty: the whole universe would be a surprise.
        raise InvalidRequestError("--symbols names none: write them like AAPL,BRK.B, or leave it out for the universe")
    return symbols


def _read_symbols(path: Path) -> str:
    """Read a file of symbols, without comments."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidRequestError(f"--symbols: {path} cannot be read: {reason}") from None
    return "\n".join(line.partition("#")[0] for line in lines)


def parse_types(text: str) -> tuple[SymbolType, ...]:
    """Read types separated by commas, in any case."""
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in SymbolType.__members__:
            raise InvalidRequestError(f"--types {name!r} is none: choose from {', '.join(SymbolType.__members__)}")
    return tuple(SymbolType[name] for name in names)


def parse_as_of(text: str) -> str:
    """Check an ISO date; empty is the newest completed session."""
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise InvalidRequestError(f"--as-of {text!r} is no date: write it like 2025-09-30") from None


def parse_names(text: str) -> tuple[str, ...]:
    """Read names, as of factors, separated by commas, each once."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def choose_form(form: Form | None, out: Path | None) -> Form:
    """Return the form that was named, else the one that the file's name ends like, else a table."""
    ending = out.suffix.lower().removeprefix(".") if out else ""
    forms: dict[str, Form] = {name: name for name in get_args(Form)}
    chosen = form or forms.get(ending, "table")
    if chosen == "parquet" and out is None:
        raise InvalidRequestError("--format parquet needs a file: name it with --out")
    return chosen


def check_address(text: str, flag: str) -> str:
    """Check that an address reads like host:port, unix:/path or dns:///name:port."""
    _, colon, port = text.rpartition(":")
    if text.startswith("unix:") or (colon and port.isdecimal() and int(port) <= 65535):
        return text
    raise InvalidRequestError(f"{flag} {text!r} is no address: write it like 127.0.0.1:50051 or unix:/path")


def one_address(texts: Sequence[str], default: str) -> str:
    """Check the one address that --address may give; the default for none."""
    if len(texts) > 1:
        raise InvalidRequestError("--address: give one, or NAME=ADDR for each service with --all")
    return check_address(texts[0], "--address") if texts else default


def parse_addresses(texts: Sequence[str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Read NAME=ADDR of services; those that are not named are where the defaults say."""
    addresses = dict(defaults)
    for text in texts:
        name, equals, address = text.partition("=")
        if not equals or name not in defaults:
            raise InvalidRequestError(
                f"--address {text!r}: with --all write NAME=ADDR, with one of {', '.join(defaults)}"
            )
        addresses[name] = check_address(address, "--address")
    return addresses


def parse_horizons(text: str) -> tuple[int, ...]:
    """Read numbers of sessions separated by commas, 1 to 60 each, without repetition."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= 60 for part in parts):
        raise InvalidRequestError(f"--horizons {text!r}: write sessions from 1 to 60, like 5,10")
    return tuple(dict.fromkeys(int(part) for part in parts))
