"""The models in memory, within a bound: those used longest ago leave first."""

import threading
from collections import OrderedDict

from services.inference.model import Model


class LoadedModels:
    """Models by name and version. Any thread may use it.

    Args:
        byte_limit: most bytes of model files whose models are kept; in memory they take about 1.4 times that. The model
            that came last stays even if it is larger. What a prediction in flight uses lives until that has ended.
    """

    def __init__(self, byte_limit: int) -> None:
        self._byte_limit = byte_limit
        self._models: OrderedDict[tuple[str, str], Model] = OrderedDict()
        self._byte_count = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"LoadedModels({len(self._models)} models, {self._byte_count} of {self._byte_limit} bytes)"

    def __len__(self) -> int:
        return len(self._models)

    @property
    def byte_count(self) -> int:
        """Bytes of the files of what is there."""
        return self._byte_count

    def peek(self, name: str, version: str) -> Model | None:
        """Return a model without noting a use; None if it is not there."""
        with self._lock:
            return self._models.get((name, version))

    def get(self, name: str, version: str) -> Model | None:
        """Return a model and note that it was used; None if it is not there."""
        with self._lock:
            model = self._models.get((name, version))
            if model is not None:
                self._models.move_to_end((name, version))
            return model

    def put(self, model: Model) -> None:
        """Keep a model, in place of the one of the same name and version; let go of those used longest ago."""
        key = (model.card.name, str(model.card.version))
        with self._lock:
            self._remove(key)
            self._models[key] = model
            self._byte_count += model.size
            while self._byte_count > self._byte_limit and len(self._models) > 1:
                self._remove(next(iter(self._models)))

    def drop(self, name: str, version: str) -> None:
        """Let go of a model, if it is there."""
        with self._lock:
            self._remove((name, version))

    def _remove(self, key: tuple[str, str]) -> None:
        gone = self._models.pop(key, None)
        if gone is not None:
            self._byte_count -= gone.size
