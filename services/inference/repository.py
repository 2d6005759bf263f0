"""The models of a folder `<name>/<version>/`: read, checked, served from memory, read anew on change.

A version that is damaged or gone in the folder is still served from memory, and readiness tells that its files are not
in order. ADR 0021 has the rules.
"""

import threading
from pathlib import Path

from services.inference.card import Card
from services.inference.device import Device
from services.inference.entry import GONE, UNLOADED, Entries, Entry, default_entry, was_served
from services.inference.loaded import LoadedModels
from services.inference.model import Model
from services.inference.reader import ModelReader
from services.inference.version_folder import NAME
from services.market.errors import (
    InvalidRequestError,
    LocalDataError,
    ModelUnusableError,
    ServiceUnavailableError,
    UnknownModelError,
)

MODEL_LIMIT = 64
"""Most models of a repository."""
BYTE_LIMIT = 96_000_000
"""Most bytes of model files whose models are kept in memory, unless told otherwise."""


class ModelRepository:
    """Models by name and version. Looking up is free of locks; reading the folder blocks, one thread at a time.

    A version that cannot be used is an entry with its reason and harms no other. The folder is trusted as code is:
    hashes find damage, not malice.

    Args:
        folder: where the models lie. Only its folders are looked at; names that start with a dot are passed over.
        byte_limit: most bytes of model files whose models stay in memory; what was used longest ago leaves first, and
            is read again when it is asked for.
        device: where models predict.
    """

    def __init__(self, folder: Path, byte_limit: int = BYTE_LIMIT, device: Device = "cpu") -> None:
        self._folder = folder
        self._loaded = LoadedModels(byte_limit)
        self._reader = ModelReader(folder, self._loaded, device)
        self._entries: dict[str, Entries] = {}
        self._lock = threading.Lock()
        self._complete = False

    @property
    def ready(self) -> bool:
        """Whether all models were looked at, and every version of each is in order."""
        return self._complete and not any(entry.broken for entry in self.entries())

    @property
    def serving(self) -> bool:
        """Whether all models were looked at, and each that served still does so from files that are in order."""
        return self._complete and not any(
            default_entry(versions).broken and was_served(versions) for versions in self._entries.values()
        )

    @property
    def loaded_count(self) -> int:
        """How many models are in memory."""
        return len(self._loaded)

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
        """Return a version of a model; if none is named, the newest that can be served. Raises UnknownModelError."""
        versions = {entry.version: entry for entry in self.versions(name)}
        if not version:
            return default_entry(versions)
        if version not in versions:
            raise UnknownModelError(f"{name} has no version {version[:100]!r}, only {', '.join(versions)}")
        return versions[version]

    def card(self, name: str, version: str = "") -> Card:
        """Return the card of a version that can be served. Raises as `model`, but never reads the folder."""
        entry = self.entry(name, version)
        if entry.card is None:
            raise ModelUnusableError(f"model {name}/{entry.version} is unavailable: {entry.reason}")
        return entry.card

    def model(self, name: str, version: str = "") -> Model:
        """Return a model, from memory or else from the folder; if no version is named, the newest that can be served.

        Raises:
            UnknownModelError: no such name or version.
            ModelUnusableError: it is broken or unloaded.
        """
        model = self._loaded.get(name, str(self.card(name, version).version))
        if model is None:
            with self._lock:  # what it waited for may have changed which version that is
                known = str(self.card(name, version).version)
                model = self._loaded.get(name, known) or self._read_again(name, known)
        return model

    def load_all(self) -> None:
        """Read all that is new in the folder, or changed since it was read.

        Raises:
            LocalDataError: the folder holds too many models, or never could be listed.
        """
        try:
            names = sorted(it.name for it in self._folder.iterdir() if it.is_dir() and not it.name.startswith("."))
        except OSError as error:
            if not self._complete:
                raise LocalDataError(f"the models' folder {self._folder} cannot be read: {error.strerror}") from None
            names = []  # then all models are gone
        if len(names) > MODEL_LIMIT:
            raise LocalDataError(f"the models' folder holds {len(names)} models, at most {MODEL_LIMIT} are served")
        with self._lock:
            found = {name: self._reader.read_model(name, self._entries.get(name, {})) for name in names}
            left = [name for name, entries in self._entries.items() if name not in found and was_served(entries)]
            gone = {name: self._reader.keep(name, self._entries[name], GONE) for name in left[:MODEL_LIMIT]}
            self._entries = found | gone
            self._complete = True

    def load(self, name: str) -> None:
        """Read all versions of a model anew, one that was unloaded too.

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
            read = self._reader.read_model(name, self._entries.get(name, {}), afresh=True)
            self._entries = {**self._entries, name: read}
        faults = [f"{name}/{entry.version}: {entry.reason}" for entry in read.values() if entry.broken]
        if faults:
            raise ModelUnusableError("; ".join(faults[:4]))  # an error travels in headers; the index has all

    def unload(self, name: str) -> None:
        """Let go of all versions of a model until it is loaded again. Raises UnknownModelError."""
        with self._lock:
            entries = self.versions(name)
            self._entries = {
                **self._entries,
                name: {it.version: Entry(name, it.version, None, UNLOADED) for it in entries},
            }
            for entry in entries:
                self._loaded.drop(name, entry.version)

    def _found(self) -> dict[str, Entries]:
        """Return what is there now; writers put a new dict in its place and never change one."""
        if not self._complete:
            raise ServiceUnavailableError("the models are still being loaded", retry_after_s=0.5)
        return self._entries

    def _read_again(self, name: str, version: str) -> Model:
        """Read a version that memory had no room for. Raises ModelUnusableError if its files are no longer in order."""
        entry = self._reader.read_again(self._entries[name][version])
        self._entries = {**self._entries, name: {**self._entries[name], version: entry}}
        model = self._loaded.get(name, version)
        if model is None:
            raise ModelUnusableError(f"model {name}/{version} is unavailable: {entry.reason}")
        return model
