"""The models of a folder `<name>/<version>/`: read, checked, served from memory, read anew on change.

A version that is damaged or gone in the folder is still served from memory, and readiness tells that its files are not
in order. ADR 0021 has the rules.
"""

import re
import threading
from dataclasses import replace
from pathlib import Path

from services.inference.card import Card
from services.inference.device import Device
from services.inference.entry import GONE, UNLOADED, Entries, Entry, default_entry, was_served
from services.inference.loaded import LoadedModels
from services.inference.model import Model
from services.inference.version_folder import Stamp, list_versions, look, read_version
from services.market.errors import (
    InvalidRequestError,
    LocalDataError,
    ModelUnusableError,
    ServiceUnavailableError,
    UnknownModelError,
)

MODEL_LIMIT = 64
"""Most models of a repository."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
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
        self._device = device
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
            found = {name: self._look(name) for name in names}
            gone = [name for name, entries in self._entries.items() if name not in found and was_served(entries)]
            self._entries = found | {name: self._keep(name, GONE) for name in gone}
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
            read = self._look(name, afresh=True)
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

    def _look(self, name: str, *, afresh: bool = False) -> Entries:
        """Return the versions of a model, those anew that changed since they were read, or all."""
        before = self._entries.get(name, {})
        if not afresh and any(entry.reason == UNLOADED for entry in before.values()):
            return before
        if not NAME.fullmatch(name):
            return {"": Entry(name, "", None, "the folder's name cannot be that of a model")}
        try:
            versions = list_versions(self._folder / name)
        except ModelUnusableError as error:
            return self._keep(name, error.message)
        for version in before.keys() - set(versions):
            self._loaded.drop(name, version)
        stamps = {version: look(self._folder / name / version) for version in versions}
        return {
            version: before[version]
            if not afresh and version in before and before[version].stamp == stamp
            else self._read(name, version, stamp)
            for version, stamp in stamps.items()
        }

    def _read(self, name: str, version: str, stamp: Stamp) -> Entry:
        """Read a version. The one in memory is let go of only once the new one is there and was checked."""
        try:
            model = read_version(self._folder / name / version, self._device)
        except ModelUnusableError as error:
            known = self._loaded.get(name, version)
            before = self._entries.get(name, {}).get(version)
            served = before is not None and before.served
            return Entry(name, version, known.card if known else None, error.message, stamp, served)
        self._loaded.put(model)
        return Entry(name, version, model.card, "", stamp, served=True)

    def _read_again(self, name: str, version: str) -> Model:
        """Read a version that memory had no room for. Raises ModelUnusableError if its files are no longer in order."""
        entry = self._read(name, version, look(self._folder / name / version))
        self._entries = {**self._entries, name: {**self._entries[name], version: entry}}
        model = self._loaded.get(name, version)
        if model is None:
            raise ModelUnusableError(f"model {name}/{version} is unavailable: {entry.reason}")
        return model

    def _keep(self, name: str, reason: str) -> Entries:
        """Return the versions of a model whose folder is not in order: what is in memory can still be served."""
        kept = {
            version: replace(
                entry, card=entry.card if (name, version) in self._loaded else None, reason=reason, stamp=()
            )
            for version, entry in self._entries.get(name, {}).items()
            if version
        }
        return kept or {"": Entry(name, "", None, reason)}
