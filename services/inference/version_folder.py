"""One version of a model on disk: `<name>/<version>/{model.ubj, card.json}`, looked at, read and checked."""

import hashlib
import re
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from services.inference.card import read_card
from services.inference.device import Device
from services.inference.model import Model
from services.market.errors import ModelUnusableError

CARD_FILE, MODEL_FILE = "card.json", "model.ubj"
FILE_BYTES = {CARD_FILE: 2**20, MODEL_FILE: 2**26}
"""Most bytes that each file of a version may have. No other file may lie beside them but NOTES_FILE."""
NOTES_FILE = "README.md"
"""The card in words; never read here."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""What a model may be called: what begins so cannot leave the folder."""
VERSION_LIMIT = 16
"""Most versions of a model."""
VERSION = re.compile(r"[1-9][0-9]{0,8}")
PICKLES = (".pkl", ".pickle", ".joblib")
"""Ends of the names of files that run code when they are read."""
_LOOKED_AT = 16

Stamp: TypeAlias = tuple[tuple[str, int, int, int], ...]
"""Name, bytes, inode and time of change of each file: what differs when a version was changed."""


def list_versions(folder: Path) -> list[str]:
    """List what lies in the folder of a model, ascending; what cannot be a version comes first.

    Raises:
        ModelUnusableError: the folder is not named like a model, cannot be read, is empty, or holds more than
            VERSION_LIMIT.
    """
    if not NAME.fullmatch(folder.name):
        raise ModelUnusableError("the folder's name cannot be that of a model")
    try:
        found = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise ModelUnusableError(f"the folder cannot be read: {error.strerror}") from None
    if not 1 <= len(found) <= VERSION_LIMIT:
        raise ModelUnusableError(f"the folder holds {len(found)} versions, not 1 to {VERSION_LIMIT}")
    return sorted(found, key=lambda version: (int(version) if VERSION.fullmatch(version) else 0, version))


def look(folder: Path) -> Stamp:
    """Look at the files of a version without opening any; nothing if they cannot be looked at."""
    try:
        found = [(path.name, path.stat()) for path in islice(folder.iterdir(), _LOOKED_AT)]
    except OSError:
        return ()
    return tuple(sorted((name, stat.st_size, stat.st_ino, stat.st_mtime_ns) for name, stat in found))


def read_version(folder: Path, device: Device = "cpu") -> Model:
    """Read and check one version: its files, its card, their hash, the model itself.

    Raises:
        ModelUnusableError: what is wrong.
        OSError: a file cannot be read.
    """
    if not VERSION.fullmatch(folder.name) or not folder.is_dir():
        raise ModelUnusableError("a version is a folder named by a whole number, such as 1")
    _check_files(folder)
    card = read_card(_content(folder / CARD_FILE))
    if (card.name, str(card.version)) != (folder.parent.name, folder.name):
        raise ModelUnusableError(f"{CARD_FILE} is that of {card.name}/{card.version}")
    content = _content(folder / MODEL_FILE)
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelUnusableError(f"{MODEL_FILE} is not the file of its card: their sha256 differ")
    return Model(card, content, device)


def _check_files(folder: Path) -> None:
    """Refuse by its name and kind whatever does not belong there, before anything is opened."""
    files = {path.name: path for path in folder.iterdir() if not path.name.startswith(".")}
    files.pop(NOTES_FILE, None)
    for name in sorted(files):
        if name.endswith(PICKLES):
            raise ModelUnusableError(
                f"{name[:60]!r} is a pickle, which runs code when it is read: save as {MODEL_FILE}"
            )
    if files.keys() != FILE_BYTES.keys():
        raise ModelUnusableError(f"the folder must hold {CARD_FILE} and {MODEL_FILE} only, not {sorted(files)[:5]}")
    for name, path in files.items():
        if not path.is_file():
            raise ModelUnusableError(f"{name} is no regular file")
        if path.stat().st_size > FILE_BYTES[name]:
            raise ModelUnusableError(f"{name} has {path.stat().st_size} bytes, at most {FILE_BYTES[name]} are read")


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES[path.name])  # one that grew meanwhile is not the file of its hash
