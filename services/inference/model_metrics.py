"""The inference service's own numbers, read from the repository when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.market.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from services.inference.repository import ModelRepository


class ModelMetrics(Collector):
    """Counts the versions of models by whether they are ready."""

    def __init__(self, repository: ModelRepository) -> None:
        self._repository = repository

    def collect(self) -> Iterator[Metric]:
        """Give all numbers as they are now."""
        try:
            ready = [entry.ready for entry in self._repository.entries()]
        except ServiceUnavailableError:
            ready = []  # they are still being read
        family = GaugeMetricFamily("technic_models", "Versions of models, by state.", labels=("state",))
        family.add_metric(("READY",), ready.count(True))
        family.add_metric(("UNAVAILABLE",), ready.count(False))
        yield family
        yield GaugeMetricFamily("technic_models_loaded", "Models in memory.", value=self._repository.loaded_count)
