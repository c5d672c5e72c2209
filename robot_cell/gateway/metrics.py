"""What Prometheus is told, made when it asks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from robot_cell.gateway.figures import kpis_now
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway
from robot_cell.model.packml import State

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FIGURES: Final = ("availability", "effectiveness", "quality_ratio", "oee")
_FIGURES_S: Final = 10.0


class HttpMetrics:
    """What is counted while requests are served."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "robot_cell_http_requests",
            "Requests that were answered",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "robot_cell_http_request_seconds",
            "How long answers took",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
            registry=registry,
        )


class PlantMetrics(Collector):
    """The plant as it is when it is asked for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._made_s, self._kpis = -_FIGURES_S, list[Metric]()

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is is told by `collect`."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All figures of the plant."""
        gateway = self._gateway
        up = GaugeMetricFamily("robot_cell_plant_up", "1 while the plant is heard")
        up.add_metric((), float(gateway.link.connected))
        yield up
        state = GaugeMetricFamily(
            "robot_cell_cell_state",
            "1 for the PackML state that a cell is in",
            labels=("cell", "state"),
        )
        lost = GaugeMetricFamily("robot_cell_cell_lost", "1 while a cell is lost", labels=("cell",))
        for name in gateway.plant.cells:
            live = gateway.hub.cell(name)
            for one in State:
                state.add_metric((name, one.label), float(live["state"] == one.label))
            lost.add_metric((name,), float(live["lost"]))
        yield state
        yield lost
        totals = gateway.mirror.work.totals
        operations = GaugeMetricFamily(
            "robot_cell_operations", "Operations by cell and status", labels=("cell", "status")
        )
        for labels, count in sorted(totals.operations.items()):
            if count:
                operations.add_metric(labels, count)
        yield operations
        orders = GaugeMetricFamily("robot_cell_orders", "Orders that were accepted")
        orders.add_metric((), totals.orders)
        yield orders
        watchers = GaugeMetricFamily("robot_cell_live_watchers", "Who watches the live feed")
        watchers.add_metric((), gateway.hub.watchers)
        yield watchers
        skipped = CounterMetricFamily(
            "robot_cell_live_left_out", "Live messages that watchers were too slow for"
        )
        skipped.add_metric((), gateway.hub.left_out)
        yield skipped
        yield from self._figures()

    def _figures(self) -> list[Metric]:
        now_ns = self._gateway.hub.now_ns
        if now_ns is not None and time.monotonic() - self._made_s > _FIGURES_S:
            self._made_s = time.monotonic()
            try:
                kpis = kpis_now(self._gateway, energy=True)
            except Problem:
                return self._kpis
            made: list[Metric] = []
            for figure in _FIGURES:
                family = GaugeMetricFamily(
                    f"robot_cell_kpi_{figure}",
                    f"{figure} of the last hour (ISO 22400-2)",
                    labels=("cell",),
                )
                for kpi in kpis:
                    value = kpi[figure]
                    if value is not None:
                        family.add_metric((kpi["cell"] or "",), value)
                made.append(family)
            energy = GaugeMetricFamily(
                "robot_cell_energy_per_part_joules",
                "Energy per good operation of the last hour, by a model and not measured",
                labels=("cell",),
            )
            for kpi in kpis:
                if (value := kpi["energy_per_part_j"]) is not None:
                    energy.add_metric((kpi["cell"] or "",), value)
            made.append(energy)
            self._kpis = made
        return self._kpis


def new_registry() -> CollectorRegistry:
    """A registry with what the process uses."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def told(registry: CollectorRegistry) -> bytes:
    """The text that Prometheus reads."""
    return generate_latest(registry)
