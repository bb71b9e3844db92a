"""trainwell: train deep networks the way a careful senior engineer would, and show the evidence.

    import trainwell as tw

    data = tw.load("adult.csv", target="income")
    run = tw.fit(tw.Recipe(), data, folder="runs/a")
    print(tw.evaluate(run, data))

Names are loaded on first use, so `import trainwell` costs nothing and loads no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainwell.core.errors import TrainwellError
    from trainwell.core.part import Part
    from trainwell.core.recipe import Recipe
    from trainwell.data.data import Data
    from trainwell.data.load import load, wrap
    from trainwell.evaluate.evaluation import Evaluation
    from trainwell.evaluate.run import evaluate
    from trainwell.report.run import report
    from trainwell.train.again import resume
    from trainwell.train.fit import fit
    from trainwell.train.five_steps import compile
    from trainwell.train.rate_range import find_rate
    from trainwell.train.run import Run

__version__ = "0.1.0"

_HOME = {
    "Data": "trainwell.data.data",
    "Evaluation": "trainwell.evaluate.evaluation",
    "Part": "trainwell.core.part",
    "Recipe": "trainwell.core.recipe",
    "Run": "trainwell.train.run",
    "TrainwellError": "trainwell.core.errors",
    "compile": "trainwell.train.five_steps",
    "evaluate": "trainwell.evaluate.run",
    "find_rate": "trainwell.train.rate_range",
    "fit": "trainwell.train.fit",
    "load": "trainwell.data.load",
    "report": "trainwell.report.run",
    "resume": "trainwell.train.again",
    "wrap": "trainwell.data.load",
}

__all__ = [
    "Data",
    "Evaluation",
    "Part",
    "Recipe",
    "Run",
    "TrainwellError",
    "compile",
    "evaluate",
    "find_rate",
    "fit",
    "load",
    "report",
    "resume",
    "wrap",
]


class _Names(ModuleType):
    """Keeps `tw.evaluate` and `tw.report` functions: importing a package of the same name would put the package there."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Names


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'trainwell' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
