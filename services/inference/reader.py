"""Reads the versions of a model: given what was known of them, what is known now."""

from dataclasses import replace
from pathlib import Path

from services.inference.device import Device
from services.inference.entry import UNLOADED, Entries, Entry
from services.inference.loaded import LoadedModels
from services.inference.version_folder import Stamp, list_versions, look, read_version
from services.market.errors import ModelUnusableError


class ModelReader:
    """Reads models into memory; one thread at a time.

    Args:
        folder: where the models lie.
        loaded: what is in memory. What a version has there goes on serving until a new one was read and checked.
        device: where models predict.
    """

    def __init__(self, folder: Path, loaded: LoadedModels, device: Device) -> None:
        self._folder = folder
        self._loaded = loaded
        self._device = device

    def read_model(self, name: str, before: Entries, *, afresh: bool = False) -> Entries:
        """Return the versions of a model as they are now.

        Args:
            name: of the model.
            before: what was known of them. Of a model that was unloaded nothing is read.
            afresh: whether all of them are read, unloaded or not, and not only those that changed since then.
        """
        if not afresh and any(entry.reason == UNLOADED for entry in before.values()):
            return before
        try:
            versions = list_versions(self._folder / name)
        except ModelUnusableError as error:
            return self.keep(name, before, error.message)
        for version in before.keys() - set(versions):
            self._loaded.drop(name, version)
        entries: Entries = {}
        for version in versions:
            known = before.get(version)
            stamp = look(self._folder / name / version)
            if known is None or known.stamp != stamp or afresh:
                known = self._read(known or Entry(name, version), stamp)
            entries[version] = known
        return entries

    def read_again(self, before: Entry) -> Entry:
        """Return a version as it is now, read anew. If its files are not in order, what is in memory still serves."""
        return self._read(before, look(self._folder / before.name / before.version))

    def keep(self, name: str, before: Entries, reason: str) -> Entries:
        """Return the versions of a model whose folder is not in order: what is in memory still serves."""
        kept = {version: self._spoilt(entry, reason, ()) for version, entry in before.items() if version}
        return kept or {"": Entry(name, "", None, reason)}

    def _read(self, before: Entry, stamp: Stamp) -> Entry:
        try:
            model = read_version(self._folder / before.name / before.version, self._device)
        except ModelUnusableError as error:
            return self._spoilt(before, error.message, stamp)
        except OSError as error:  # may pass by itself: without a stamp it is read again at the next look
            return self._spoilt(before, f"a file cannot be read: {error.strerror}", ())
        self._loaded.put(model)
        return Entry(before.name, before.version, model.card, "", stamp, served=True)

    def _spoilt(self, before: Entry, reason: str, stamp: Stamp) -> Entry:
        """Return the entry of a version whose files are not in order, with the card of what is in memory."""
        known = self._loaded.peek(before.name, before.version)
        return replace(before, card=known.card if known else None, reason=reason, stamp=stamp)
