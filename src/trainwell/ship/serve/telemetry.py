"""What the server counts, in the text format that Prometheus reads.

Source: the Prometheus text exposition format, version 0.0.4.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

#: Upper edges of the buckets of times, in seconds, and of sizes, in rows.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Histogram:
    """How often which values came, in buckets.

    Example:
        >>> sizes = Histogram((1, 4))
        >>> sizes.add(3)
        >>> sizes.counts, sizes.total, sizes.n
        ([0, 1, 0], 3.0, 1)
    """

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.edges, self.counts, self.total, self.n = edges, [0] * (len(edges) + 1), 0.0, 0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value
        self.n += 1

    def lines(self, name: str) -> Iterator[str]:
        """Cumulative buckets, sum and count."""
        seen = 0
        for edge, count in zip((*self.edges, "+Inf"), self.counts, strict=True):
            seen += count
            yield f'{name}_bucket{{le="{edge}"}} {seen}'
        yield f"{name}_sum {self.total!r}"
        yield f"{name}_count {self.n}"


class Telemetry:
    """Counters since the start of the server; touched by the event loop, and `batch_rows` by the network's thread."""

    def __init__(self) -> None:
        self.started = time.time()
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds = Histogram(SECONDS)
        self.batch_rows = Histogram(ROWS)
        self.rows = self.bad_rows = self.in_flight = 0
        self.reloads: Counter[str] = Counter()

    def text(self, *, info: Mapping[str, str], drift_rows: int, drift: Mapping[tuple[str, str], int]) -> str:
        """Everything, as `/metrics` answers.

        Args:
            info: what is served, as labels.
            drift_rows: rows that were compared with the training.
            drift: counts by (column, kind).
        """
        found = [
            *_family("model_info", "gauge", "What is served.", [(info, 1)]),
            *_family("start_time_seconds", "gauge", "When the server was started.", [({}, self.started)]),
            *_family("requests_total", "counter", "Requests by path and status.", self._requests()),
            *_family("requests_in_flight", "gauge", "Requests worked on now.", [({}, self.in_flight)]),
            *_family("rows_total", "counter", "Rows that were answered.", [({}, self.rows)]),
            *_family("bad_rows_total", "counter", "Rows that could not be answered.", [({}, self.bad_rows)]),
            *_family("reloads_total", "counter", "New versions, by how it went.", _by("result", self.reloads)),
            *_family("drift_rows_total", "counter", "Rows compared with the training.", [({}, drift_rows)]),
            *_family("drift_total", "counter", "Cells unlike the training's.", _drift(drift)),
        ]
        for name, text, histogram in (
            ("request_seconds", "Time to answer predictions.", self.seconds),
            ("batch_rows", "Rows computed at once.", self.batch_rows),
        ):
            found += [*_head(f"trainwell_{name}", "histogram", text), *histogram.lines(f"trainwell_{name}")]
        return "\n".join(found) + "\n"

    def _requests(self) -> list[tuple[Mapping[str, Any], float]]:
        return [({"path": path, "status": status}, n) for (path, status), n in sorted(self.requests.items())]


def _by(label: str, counts: Mapping[str, int]) -> list[tuple[Mapping[str, Any], float]]:
    return [({label: name}, n) for name, n in sorted(counts.items())]


def _drift(counts: Mapping[tuple[str, str], int]) -> list[tuple[Mapping[str, Any], float]]:
    return [({"column": column, "kind": kind}, n) for (column, kind), n in sorted(counts.items())]


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _family(name: str, kind: str, text: str, samples: list[tuple[Mapping[str, Any], float]]) -> list[str]:
    name = f"trainwell_{name}"
    return [*_head(name, kind, text), *(f"{name}{_labels(labels)} {value!r}" for labels, value in samples)]


def _labels(labels: Mapping[str, Any]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
