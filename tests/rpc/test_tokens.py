"""Tokens: their file, who is let in, and how they rotate."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.market.errors import LocalDataError
from services.rpc import tokens
from services.rpc.tokens import Role, find, line_for, parse, read_token
from services.rpc.watched import LOOK_S, Watched, read_small
from tests.canary import TOKEN

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD, NEW = f"{TOKEN}old", f"{TOKEN}new"


def test_a_new_token_is_long_and_never_the_same() -> None:
    made = {tokens.make() for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) > 50 and token.startswith("technic_") for token in made)


def test_the_line_of_a_token_lets_it_in_and_holds_it_not() -> None:
    line = line_for("app", Role.READER, OLD, NOW)
    assert OLD not in line
    entry = find(parse(line), OLD, NOW.timestamp() - 1)
    assert entry is not None
    assert (entry.name, entry.role, entry.expires_at) == ("app", Role.READER, NOW.timestamp())


@pytest.mark.parametrize("token", ["", NEW, OLD + " ", OLD[:-1], OLD * 50, "\udcff"])
def test_what_is_no_token_is_not_let_in(token: str) -> None:
    assert find(parse(line_for("app", Role.READER, OLD, None)), token, 0.0) is None


@pytest.mark.parametrize(("earlier_s", "found"), [(1, True), (0, False), (-1, False)])
def test_a_token_ends_when_its_line_says(earlier_s: int, found: bool) -> None:  # noqa: FBT001  # a case
    entries = parse(line_for("app", Role.READER, OLD, NOW))
    assert (find(entries, OLD, NOW.timestamp() - earlier_s) is not None) == found


def test_two_tokens_of_one_name_overlap() -> None:
    entries = parse("\n".join(line_for("app", Role.READER, token, None) for token in (OLD, NEW)))
    assert all(find(entries, token, 0.0) for token in (OLD, NEW))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no token"),
        ("# nothing but words\n\n", "no token"),
        (f"app {OLD}", "line 1"),
        (f"app reader {OLD}", "hash"),
        (f"app admin {'0' * 64}", "role"),
        (f"a/b reader {'0' * 64}", "name"),
        (f"app reader {'0' * 64} soon", "expiry"),
        (f"app reader {'0' * 64}\n" * 2, "twice"),
        ("".join(f"app reader {number:064x}\n" for number in range(101)), "at most 100"),
    ],
)
def test_a_wrong_file_is_refused_without_telling_what_it_holds(text: str, words: str) -> None:
    with pytest.raises(LocalDataError, match=words) as raised:
        parse(text)
    assert TOKEN not in raised.value.message


def test_a_file_of_a_token_holds_one_word(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{OLD}\n")
    assert read_token(path) == OLD
    for text in ("", f"{OLD} {NEW}", "x" * 300):
        path.write_text(text)
        with pytest.raises(LocalDataError, match="holds no token") as raised:
            read_token(path)
        assert TOKEN not in raised.value.message


def test_what_a_file_says_is_read_again_when_it_changes_and_only_if_it_is_good(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(OLD)
    now = [0.0]
    current = Watched((path,), lambda: read_token(path), lambda: now[0])
    path.write_text(NEW)
    assert current() == OLD  # nobody has looked yet
    now[0] += LOOK_S
    assert current() == NEW
    for spoil in (lambda: path.write_text(""), path.unlink):
        spoil()
        now[0] += LOOK_S
        assert current() == NEW
    replacement = tmp_path / "next"
    replacement.write_text(OLD)
    os.replace(replacement, path)  # noqa: PTH105  # as tools rotate files
    now[0] += LOOK_S
    assert current() == OLD


def test_a_file_of_no_use_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(LocalDataError, match="cannot be read"):
        tokens.watch_entries(tmp_path / "none")
    large = tmp_path / "large"
    large.write_bytes(b"#" * 2_000_000)
    with pytest.raises(LocalDataError, match="larger"):
        read_small(large)
