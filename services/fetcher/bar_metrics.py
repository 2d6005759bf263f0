"""The fetcher's own numbers, read from the core when somebody asks: what is in memory, stored, and was called for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from services.fetcher.bars import Bars
    from services.fetcher.store.store import Store


class BarMetrics(Collector):
    """Reads counts that are there anyway: nothing is counted a second time, and nobody is slowed."""

    def __init__(self, bars: Bars, store: Store) -> None:
        self._bars = bars
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Give all numbers as they are now."""
        bars, cache = self._bars, self._bars.cache
        found = {"memory": bars.counts.memory, "store": bars.counts.store, "missing": bars.counts.missed}
        yield _counter("technic_cache_sessions", "Sessions that streams of bars asked for, by where they were.", found)
        yield _counter("technic_provider_calls", "Calls to the provider, by HTTP status.", bars.answer_counts, "status")
        yield CounterMetricFamily("technic_cache_evictions", "Sessions that left memory.", value=cache.eviction_count)
        yield GaugeMetricFamily("technic_cache_bytes", "Bytes of bars in memory.", value=cache.byte_count)
        yield GaugeMetricFamily("technic_cache_limit_bytes", "Most bytes of bars in memory.", value=cache.byte_limit)
        yield GaugeMetricFamily("technic_store_sessions", "Sessions on disk.", value=self._store.session_count)
        failing = GaugeMetricFamily("technic_provider_failing", "1 while the provider is taken to be down.")
        failing.add_metric((), bars.failing)
        yield failing


def _counter(name: str, text: str, values: dict[str, int], label: str = "found") -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family
