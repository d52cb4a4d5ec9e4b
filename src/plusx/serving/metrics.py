"""What Prometheus is told: requests, batches, how full it is, and which models answer."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from plusx.serving.service import Service

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
REASONS = {
    401: "token",
    404: "unknown",
    408: "slow",
    411: "length",
    413: "large",
    415: "format",
    429: "full",
    431: "headers",
    499: "gone",
    503: "closed",
    504: "late",
}
"""Why a request was refused, by the status that it got; any other 4xx is `wrong`."""


class Metrics:
    """The figures of one application, in a registry of its own.

    No label is a client's: routes are the application's, models the service's, and all that is of neither is one.

    Args:
        service: whose batches, models and requests inside are told.

    >>> from plusx.serving.settings import Settings
    >>> service = Service({}, "torch", Settings())
    >>> metrics = Metrics(service)
    >>> metrics.request("/predict", "cats", 200, 0.004)
    >>> metrics.registry.get_sample_value(
    ...     "plusx_requests_total", {"route": "/predict", "model": "cats", "code": "200"})
    1.0
    """

    def __init__(self, service: Service):
        self.registry = registry = CollectorRegistry()
        by_route = ["route", "model"]
        self._requests = Counter("plusx_requests", "Requests that ended.", [*by_route, "code"], registry=registry)
        self._seconds = Histogram(
            "plusx_request_seconds",
            "From a request's headers to its last byte.",
            by_route,
            buckets=SECONDS,
            registry=registry,
        )
        self._refused = Counter(
            "plusx_refused", "Requests that got no answer, by reason.", ["reason"], registry=registry
        )
        self._sizes = Histogram(
            "plusx_batch_examples", "Examples in a batch.", ["model"], buckets=SIZES, registry=registry
        )
        self._engine = Histogram(
            "plusx_engine_seconds", "The engine's time for a batch.", ["model"], buckets=SECONDS, registry=registry
        )
        inside = Gauge("plusx_inside", "Requests that wait or are being answered.", registry=registry)
        inside.set_function(lambda: service.admission.inside)
        Gauge("plusx_inside_limit", "So many may be inside.", registry=registry).set(service.settings.inside)
        registry.register(_Models(service))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        # `labels` makes and looks up a child under a lock; a request's is nearly always one of a few.
        self._kept: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter | None]] = {}
        service.on_batch = self.batch

    def request(self, route: str, model: str, code: int, seconds: float) -> None:
        """One request ended.

        Args:
            route: of the application, never a path.
            model: of the service, or what stands for none.
            code: the status that was sent.
            seconds: from its headers to its last byte.
        """
        key = (route, model, code)
        kept = self._kept.get(key)
        if kept is None:
            reason = REASONS.get(code, "wrong" if 400 <= code < 500 else None)
            refused = None if reason is None else self._refused.labels(reason)
            kept = self._requests.labels(route, model, str(code)), self._seconds.labels(route, model), refused
            self._kept[key] = kept
        count, took, refused = kept
        count.inc()
        took.observe(seconds)
        if refused is not None:
            refused.inc()

    def batch(self, model: str, size: int, seconds: float) -> None:
        """The engine answered a batch of so many examples in so many seconds."""
        self._sizes.labels(model).observe(size)
        self._engine.labels(model).observe(seconds)


class _Models(Collector):
    """The models as they are when they are asked for: a newer file changes version and engine."""

    def __init__(self, service: Service):
        self._service = service

    def collect(self) -> Iterator[Metric]:
        about = GaugeMetricFamily(
            "plusx_model_info", "A model that answers.", labels=["model", "version", "engine", "precision"]
        )
        loaded = GaugeMetricFamily(
            "plusx_model_loaded_timestamp_seconds", "When its version began to answer.", labels=["model"]
        )
        trouble = GaugeMetricFamily(
            "plusx_model_trouble", "Whether its newer file was refused and an older one goes on.", labels=["model"]
        )
        for name, held in self._service.models.items():
            version = held.now
            precision = version.archive.manifest.precision
            about.add_metric([name, str(version.number), version.batcher.name, precision], 1)
            loaded.add_metric([name], version.loaded_at)
            trouble.add_metric([name], float(held.trouble is not None))
        draining = GaugeMetricFamily("plusx_draining", "Whether it was told to stop.", float(self._service.draining))
        yield from (about, loaded, trouble, draining)


def routes(metrics: Metrics) -> APIRouter:
    """`GET /metrics`, in Prometheus' text or OpenMetrics, as the client asks."""
    router = APIRouter(tags=["operations"])

    @router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def figures(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), media_type=kind)

    return router
