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
    from trainwell.core.i18n import speak as speak
    from trainwell.core.part import Part
    from trainwell.core.recipe import Recipe
    from trainwell.data.data import Data
    from trainwell.data.load import load, wrap
    from trainwell.doctor.examine import examine
    from trainwell.doctor.finding import Finding
    from trainwell.evaluate.calibrate import calibrate
    from trainwell.evaluate.drift import drift
    from trainwell.evaluate.evaluation import Evaluation
    from trainwell.evaluate.run import evaluate
    from trainwell.report.run import report
    from trainwell.ship.bundle import Bundle, bundle, open_bundle
    from trainwell.ship.estimators import TrainwellClassifier, TrainwellRegressor
    from trainwell.ship.export import export
    from trainwell.ship.serve.start import serve
    from trainwell.study.ablate import ablate
    from trainwell.study.compare import compare
    from trainwell.study.compare_runs import compare_runs
    from trainwell.study.cross_validate import cross_validate
    from trainwell.study.ensemble.distil import distil
    from trainwell.study.ensemble.ensemble import Ensemble
    from trainwell.study.ensemble.make import ensemble
    from trainwell.study.guide import guide
    from trainwell.study.honesty import honesty
    from trainwell.study.improve import improve
    from trainwell.study.lab.carry_out import lab
    from trainwell.study.leaderboard import leaderboard
    from trainwell.study.learning_curve import learning_curve
    from trainwell.study.mislabelled import mislabelled
    from trainwell.study.safe_augment import safe_augment
    from trainwell.study.simplify import simplify
    from trainwell.study.transfer_check import transfer_check
    from trainwell.study.treat import treat
    from trainwell.study.tune import tune
    from trainwell.study.tuning.result import Tuned
    from trainwell.train.adversarial.sample import sample
    from trainwell.train.adversarial.translate import translate
    from trainwell.train.fit import fit
    from trainwell.train.generate import generate
    from trainwell.train.keras_style import compile
    from trainwell.train.lr_find import find_rate
    from trainwell.train.many import fit_many
    from trainwell.train.replay import replay
    from trainwell.train.resume import resume
    from trainwell.train.run import Run
    from trainwell.train.segment import segment
    from trainwell.train.watch import watch

__version__ = "0.1.0"

_HOME = {
    "Bundle": "trainwell.ship.bundle",
    "Data": "trainwell.data.data",
    "Ensemble": "trainwell.study.ensemble.ensemble",
    "Evaluation": "trainwell.evaluate.evaluation",
    "Finding": "trainwell.doctor.finding",
    "Part": "trainwell.core.part",
    "Recipe": "trainwell.core.recipe",
    "Run": "trainwell.train.run",
    "TrainwellClassifier": "trainwell.ship.estimators",
    "TrainwellError": "trainwell.core.errors",
    "TrainwellRegressor": "trainwell.ship.estimators",
    "Tuned": "trainwell.study.tuning.result",
    "ablate": "trainwell.study.ablate",
    "bundle": "trainwell.ship.bundle",
    "compare": "trainwell.study.compare",
    "compare_runs": "trainwell.study.compare_runs",
    "compile": "trainwell.train.keras_style",
    "cross_validate": "trainwell.study.cross_validate",
    "distil": "trainwell.study.ensemble.distil",
    "ensemble": "trainwell.study.ensemble.make",
    "calibrate": "trainwell.evaluate.calibrate",
    "drift": "trainwell.evaluate.drift",
    "evaluate": "trainwell.evaluate.run",
    "mislabelled": "trainwell.study.mislabelled",
    "examine": "trainwell.doctor.examine",
    "export": "trainwell.ship.export",
    "find_rate": "trainwell.train.lr_find",
    "fit": "trainwell.train.fit",
    "fit_many": "trainwell.train.many",
    "generate": "trainwell.train.generate",
    "honesty": "trainwell.study.honesty",
    "guide": "trainwell.study.guide",
    "improve": "trainwell.study.improve",
    "lab": "trainwell.study.lab.carry_out",
    "leaderboard": "trainwell.study.leaderboard",
    "learning_curve": "trainwell.study.learning_curve",
    "load": "trainwell.data.load",
    "open_bundle": "trainwell.ship.bundle",
    "replay": "trainwell.train.replay",
    "report": "trainwell.report.run",
    "resume": "trainwell.train.resume",
    "safe_augment": "trainwell.study.safe_augment",
    "sample": "trainwell.train.adversarial.sample",
    "segment": "trainwell.train.segment",
    "serve": "trainwell.ship.serve.start",
    "simplify": "trainwell.study.simplify",
    "speak": "trainwell.core.i18n",
    "transfer_check": "trainwell.study.transfer_check",
    "translate": "trainwell.train.adversarial.translate",
    "treat": "trainwell.study.treat",
    "tune": "trainwell.study.tune",
    "watch": "trainwell.train.watch",
    "wrap": "trainwell.data.load",
}

__all__ = [
    "Bundle",
    "Data",
    "Ensemble",
    "Evaluation",
    "Finding",
    "Part",
    "Recipe",
    "Run",
    "TrainwellClassifier",
    "TrainwellError",
    "TrainwellRegressor",
    "Tuned",
    "ablate",
    "bundle",
    "calibrate",
    "compare",
    "compare_runs",
    "compile",
    "cross_validate",
    "distil",
    "drift",
    "ensemble",
    "evaluate",
    "examine",
    "export",
    "find_rate",
    "fit",
    "fit_many",
    "generate",
    "honesty",
    "guide",
    "improve",
    "lab",
    "leaderboard",
    "learning_curve",
    "load",
    "mislabelled",
    "open_bundle",
    "replay",
    "report",
    "resume",
    "safe_augment",
    "sample",
    "segment",
    "serve",
    "simplify",
    "speak",
    "transfer_check",
    "translate",
    "treat",
    "tune",
    "watch",
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


if "IPython" in sys.modules:  # a notebook: objects show themselves
    from trainwell.report.jupyter import register, running_shell

    if (_shell := running_shell()) is not None:
        register(_shell)
