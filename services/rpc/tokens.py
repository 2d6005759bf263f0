"""Tokens of callers: made once, kept as hashes in a file of lines `name role sha256 [expires]`.

A plain SHA-256 is right here, and a slow password hash is not: a token is 256 random bits, which nobody tries out,
and it is checked with every call.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Final

from services.market.errors import LocalDataError
from services.rpc.watched import Watched, read_small

TOKEN_COUNT_LIMIT: Final = 100
"""Most tokens of a file: each call is compared with all of them."""
LENGTH_LIMIT: Final = 256
"""Most letters of a token."""
_PREFIX: Final = "technic_"
"""So that people, and scanners of leaked secrets, see what it is."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TOKEN: Final = re.compile(rf"[\x21-\x7e]{{1,{LENGTH_LIMIT}}}")


class Role(IntEnum):
    """What a caller may do; each role may do what those before it may, too."""

    READER = 1
    OPERATOR = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """A token that is accepted.

    Attributes:
        name: of its holder, for logs. Two tokens may have one name, while one takes the place of the other.
        role: what it is good for.
        digest: SHA-256 of the token.
        expires_at: seconds since 1970 from which on it is refused; None for never.
    """

    name: str
    role: Role
    digest: bytes = field(repr=False)
    expires_at: float | None = None


def find(entries: tuple[Entry, ...], token: str, now: float) -> Entry | None:
    """Return the entry of a token, or None for one that is unknown or has expired at `now`, seconds since 1970."""
    if not 0 < len(token) <= LENGTH_LIMIT:
        return None
    digest = hashlib.sha256(token.encode(errors="replace")).digest()
    found = None
    for entry in entries:
        # All of them, always: how long it takes must not tell which one was close.
        if hmac.compare_digest(entry.digest, digest):
            found = entry
    return found if found is None or found.expires_at is None or now < found.expires_at else None


def make() -> str:
    """Return a new token."""
    return _PREFIX + secrets.token_urlsafe(32)


def line_for(name: str, role: Role, token: str, expires: datetime | None) -> str:
    """Return the line of a tokens file that accepts `token`.

    Raises:
        LocalDataError: the name is none.
    """
    digest = hashlib.sha256(token.encode()).hexdigest()
    until = "" if expires is None else f" {expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    line = f"{name} {role.name.lower()} {digest}{until}"
    parse(line)
    return line


def parse(text: str) -> tuple[Entry, ...]:
    """Read the lines of a tokens file; empty lines and what follows a # count for nothing.

    Raises:
        LocalDataError: names the line that is wrong, and never says what it holds: it may be a token.
    """
    entries: list[Entry] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            try:
                entries.append(_entry(words))
            except ValueError as error:
                raise LocalDataError(f"line {number} {error}: write `name role sha256 [expires]`") from None
    if not entries:
        raise LocalDataError("no token is in it: nobody could call")
    if len(entries) > TOKEN_COUNT_LIMIT:
        raise LocalDataError(f"{len(entries)} tokens are in it, at most {TOKEN_COUNT_LIMIT} are possible")
    if len({entry.digest for entry in entries}) < len(entries):
        raise LocalDataError("a token is in it twice")
    return tuple(entries)


def _entry(words: list[str]) -> Entry:
    if len(words) not in {3, 4}:
        raise ValueError("does not have three or four words")
    name, role, digest = words[:3]
    if not _NAME.fullmatch(name):
        raise ValueError("begins with a name that is not made of 1 to 64 letters, digits, dots, _ and -")
    if role not in {member.name.lower() for member in Role}:
        raise ValueError("has a role other than reader and operator")
    if not _DIGEST.fullmatch(digest):
        raise ValueError("has a hash that is not 64 digits of 0-9 and a-f")
    return Entry(name, Role[role.upper()], bytes.fromhex(digest), _moment(words[3]) if len(words) == 4 else None)


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("ends with an expiry that is no time, such as 2027-01-31 or 2027-01-31T12:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def watch_entries(path: Path) -> Watched[tuple[Entry, ...]]:
    """Follow a tokens file.

    Raises:
        LocalDataError: it is of no use.
    """

    def read() -> tuple[Entry, ...]:
        try:
            return parse(read_small(path).decode())
        except UnicodeDecodeError:
            raise LocalDataError(f"{path} is no tokens file: it is no text") from None
        except LocalDataError as error:
            raise LocalDataError(f"{path} is no tokens file: {error.message}") from None

    return Watched((path,), read)


def watch_token(path: Path) -> Callable[[], str]:
    """Follow a file that holds the one token of a caller.

    Raises:
        LocalDataError: it holds none.
    """
    return Watched((path,), lambda: read_token(path))


def read_token(path: Path) -> str:
    """Return the one token that a file holds.

    Raises:
        LocalDataError: it holds none.
    """
    return check(read_small(path).decode(errors="replace").strip(), str(path))


def check(token: str, source: str) -> str:
    """Return a token that may be sent.

    Raises:
        LocalDataError: it is none; names `source`, not what it holds.
    """
    if not _TOKEN.fullmatch(token):
        raise LocalDataError(f"{source} holds no token: it is one word of at most {LENGTH_LIMIT} letters")
    return token
