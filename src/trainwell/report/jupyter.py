"""In a notebook, every object shows itself and trainings draw their curves; elsewhere nothing happens and nothing is loaded.

Types are named as text, so that registering them imports none of them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from trainwell.core.default_observers import observe_by_default

#: Where each type that shows itself is defined, by its name.
SHOWN = {
    "AugmentSafety": "trainwell.study.safe_augment",
    "Ablation": "trainwell.study.ablate",
    "Bundle": "trainwell.ship.bundle",
    "Card": "trainwell.data.card",
    "Comparison": "trainwell.study.compare",
    "Compiled": "trainwell.train.keras_style",
    "CrossValidation": "trainwell.study.cross_validate",
    "Data": "trainwell.data.data",
    "Distilled": "trainwell.study.ensemble.distil",
    "Ensemble": "trainwell.study.ensemble.ensemble",
    "Evaluation": "trainwell.evaluate.evaluation",
    "Finding": "trainwell.doctor.finding",
    "Guidance": "trainwell.study.guide",
    "Honesty": "trainwell.study.honesty",
    "Improvement": "trainwell.study.improve",
    "Layers": "trainwell.train.summary",
    "Leaderboard": "trainwell.study.leaderboard",
    "LearningCurve": "trainwell.study.learning_curve",
    "Lesson": "trainwell.study.lab.claim",
    "Part": "trainwell.core.part",
    "RateRange": "trainwell.train.lr_find",
    "Recipe": "trainwell.core.recipe",
    "Replay": "trainwell.train.replay",
    "Run": "trainwell.train.run",
    "TransferCheck": "trainwell.study.transfer_check",
    "Treatment": "trainwell.study.treat",
    "Tuned": "trainwell.study.tuning.result",
}


def running_shell() -> Any:
    """IPython's shell where it is a notebook's kernel; None elsewhere."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    return shell if shell is not None and "IPKernelApp" in shell.config else None


def register(shell: Any) -> None:
    """Teach a shell to show every type of this package, and let trainings draw their curves in it."""
    formatter = shell.display_formatter.formatters["text/html"]
    for name, module in SHOWN.items():
        formatter.for_type_by_name(module, name, _html)
    observe_by_default(_curves)


def _html(thing: Any) -> str:
    return str(import_module("trainwell.report.shown").html_of(thing))


def _curves() -> Any:
    return import_module("trainwell.report.live").LiveCurves()
