"""The register of diagnoses: one rule each, found in `doctor/rules/`."""

from __future__ import annotations

from collections.abc import Callable

from trainwell.core.registry import Registry
from trainwell.doctor.finding import Finding

#: A rule is a pure function of a chart, `(chart, *, threshold=…) -> Finding | None`; its docstring is its page.
diagnoses: Registry[Callable[..., Finding | None]] = Registry("diagnosis", home="trainwell.doctor.rules")
