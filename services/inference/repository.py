"""The models of a folder `<name>/<version>/{model.ubj, card.json}`: each loaded once, checked, and kept in memory."""

import hashlib
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from services.inference.card import read_card
from services.inference.model import Model
from services.market.errors import (
    InvalidRequestError,
    LocalDataError,
    ModelUnusableError,
    ServiceUnavailableError,
    UnknownModelError,
)

CARD_FILE, MODEL_FILE = "card.json", "model.ubj"
FILE_BYTES = {CARD_FILE: 2**20, MODEL_FILE: 2**26}
"""Most bytes that each file of a version may have. No other file may lie beside them but those of NOTES."""
NOTES_FILE, REPORT_FILE = "README.md", "report.html"
NOTES = (NOTES_FILE, REPORT_FILE)
"""The card in words, and in plots; never read here."""
MODEL_LIMIT, VERSION_LIMIT = 64, 16
"""Most models of a repository and most versions of a model: all of them stay in memory."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
VERSION = re.compile(r"[1-9][0-9]{0,8}")
UNLOADED = "unloaded on request"


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a model: the loaded model, or None and the reason why there is none."""

    name: str
    version: str
    model: Model | None
    reason: str = ""

    @property
    def broken(self) -> bool:
        """Whether the model should serve and cannot. One that was unloaded on request is not broken."""
        return self.model is None and self.reason != UNLOADED


class ModelRepository:
    """Models by name and version. Reading is free of locks; loading and unloading block, one at a time.

    A version that cannot be used is an entry with its reason and harms no other. The folder is trusted as code is:
    hashes find damage, not malice.

    Args:
        folder: where the models lie. Only its folders are looked at; names that start with a dot are passed over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, dict[str, Entry]] = {}
        self._lock = threading.Lock()
        self._complete = False

    @property
    def ready(self) -> bool:
        """Whether all models were looked at, and none of them is broken."""
        return self._complete and not any(entry.broken for entry in self.entries())

    def entries(self) -> tuple[Entry, ...]:
        """Return every version of every model, by name and version.

        Raises:
            ServiceUnavailableError: `load_all` did not end yet.
        """
        found = self._found()
        return tuple(entry for name in sorted(found) for entry in found[name].values())

    def versions(self, name: str) -> tuple[Entry, ...]:
        """Return the versions of a model, ascending. Raises UnknownModelError; as `entries` before `load_all`."""
        found = self._found()
        if name not in found:
            raise UnknownModelError(f"no model is named {name[:100]!r}: the repository index lists all")
        return tuple(found[name].values())

    def entry(self, name: str, version: str = "") -> Entry:
        """Return a version of a model, the newest if none is named. Raises UnknownModelError."""
        versions = self.versions(name)
        for entry in reversed(versions):
            if version in ("", entry.version):
                return entry
        raise UnknownModelError(
            f"{name} has no version {version[:100]!r}, only {', '.join(entry.version for entry in versions)}"
        )

    def model(self, name: str, version: str = "") -> Model:
        """Return a loaded model, the newest version if none is named; it never falls back to an older one.

        Raises:
            UnknownModelError: no such name or version.
            ModelUnusableError: it is broken or unloaded.
        """
        entry = self.entry(name, version)
        if entry.model is None:
            raise ModelUnusableError(f"model {name}/{entry.version} is unavailable: {entry.reason}")
        return entry.model

    def load_all(self) -> None:
        """Read every model of the folder. Raises LocalDataError if the folder cannot be listed or holds too many."""
        try:
            names = _folders(self._folder)
        except OSError as error:
            raise LocalDataError(f"the models' folder {self._folder} cannot be read: {error.strerror}") from None
        if len(names) > MODEL_LIMIT:
            raise LocalDataError(f"the models' folder holds {len(names)} models, at most {MODEL_LIMIT} are served")
        with self._lock:
            self._entries = {name: _read_model(self._folder / name) for name in names}
            self._complete = True

    def load(self, name: str) -> None:
        """Read all versions of a model anew. One that is damaged now keeps serving as it is in memory, if it is there.

        Raises:
            InvalidRequestError: the name cannot be that of a model, or the repository is full.
            UnknownModelError: the folder holds no such model.
            ModelUnusableError: some of its versions are broken.
        """
        if not NAME.fullmatch(name):
            raise InvalidRequestError(f"{name[:100]!r} cannot be the name of a model")
        if not (self._folder / name).is_dir():
            raise UnknownModelError(f"the models' folder holds no model {name!r}")
        with self._lock:
            if name not in self._entries and len(self._entries) >= MODEL_LIMIT:
                raise InvalidRequestError(f"the repository is full: it holds {MODEL_LIMIT} models")
            read, loaded = _read_model(self._folder / name), self._entries.get(name, {})
            kept = {key: entry for key, entry in loaded.items() if entry.model and key in read and read[key].broken}
            self._entries = {**self._entries, name: {**read, **kept}}
        faults = [f"{name}/{entry.version}: {entry.reason}" for entry in read.values() if entry.broken]
        if faults:
            raise ModelUnusableError("; ".join(faults[:4]))  # an error travels in headers; the index has all

    def unload(self, name: str) -> None:
        """Let go of all versions of a model; its entries stay, unavailable. Raises UnknownModelError."""
        with self._lock:
            unloaded = {entry.version: Entry(name, entry.version, None, UNLOADED) for entry in self.versions(name)}
            self._entries = {**self._entries, name: unloaded}

    def _found(self) -> dict[str, dict[str, Entry]]:
        """Return what is there now; writers put a new dict in its place and never change one."""
        if not self._complete:
            raise ServiceUnavailableError("the models are still being loaded", retry_after_s=0.5)
        return self._entries


def _folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_model(folder: Path) -> dict[str, Entry]:
    """Read the versions of a model, ascending; what is no version comes first, as a broken entry."""
    name = folder.name
    if not NAME.fullmatch(name):
        return {"": Entry(name, "", None, "the folder's name cannot be that of a model")}
    try:
        found = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        return {"": Entry(name, "", None, f"the folder cannot be read: {error.strerror}")}
    if not 1 <= len(found) <= VERSION_LIMIT:
        return {"": Entry(name, "", None, f"the folder holds {len(found)} versions, not 1 to {VERSION_LIMIT}")}
    versions = sorted(found, key=lambda version: (int(version) if VERSION.fullmatch(version) else 0, version))
    return {version: _read_version(folder / version) for version in versions}


def _read_version(folder: Path) -> Entry:
    name, version = folder.parent.name, folder.name
    try:
        return Entry(name, version, _read(folder))
    except ModelUnusableError as error:
        return Entry(name, version, None, error.message)
    except OSError as error:
        return Entry(name, version, None, f"a file cannot be read: {error.strerror}")


def _read(folder: Path) -> Model:
    """Read and check one version. Raises ModelUnusableError with what is wrong, or OSError."""
    if not VERSION.fullmatch(folder.name) or not folder.is_dir():
        raise ModelUnusableError("a version is a folder named by a whole number, such as 1")
    files = {path.name: path.stat().st_size for path in folder.iterdir() if not path.name.startswith(".")}
    for notes in NOTES:
        files.pop(notes, None)
    if files.keys() != FILE_BYTES.keys():
        raise ModelUnusableError(f"the folder must hold {CARD_FILE} and {MODEL_FILE} only, not {sorted(files)[:5]}")
    for file, size in files.items():
        if size > FILE_BYTES[file]:
            raise ModelUnusableError(f"{file} has {size} bytes, at most {FILE_BYTES[file]} are read")
    card = read_card((folder / CARD_FILE).read_bytes())
    if (card.name, str(card.version)) != (folder.parent.name, folder.name):
        raise ModelUnusableError(f"{CARD_FILE} is that of {card.name}/{card.version}")
    content = (folder / MODEL_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelUnusableError(f"{MODEL_FILE} is not the file of its card: their sha256 differ")
    return Model(card, content)
