"""Runs in MLflow: in a file or sqlite store of one's own, or on a server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainwell.core.recipe import Recipe
from trainwell.train.trackers.registry import trackers
from trainwell.train.trackers.tracker import Tracker, demand, known_name, measurements, remember_name, words_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: What MLflow calls the endings of a run.
STATUS = {"interrupted": "KILLED", "not finite": "FAILED", "failed": "FAILED"}
#: MLflow's limits: characters of a parameter, parameters at once.
LONGEST, AT_ONCE = 6000, 100


@trackers.register
def mlflow(*, experiment: str = "trainwell", uri: str = "") -> MLflow:
    """Runs in MLflow: measurements by step, the recipe as parameters, the run's files as artefacts.

    A run that is continued goes on in the same MLflow run. Usage statistics are sent only where `MLFLOW_DISABLE_TELEMETRY` is
    set to `false`.

    Args:
        experiment: name of the experiment; created if absent.
        uri: where MLflow keeps them, such as `sqlite:///mlflow.db`; empty is `MLFLOW_TRACKING_URI`, else MLflow's own default.

    Raises:
        MissingExtra: the extra `mlflow` is not installed.

    Example:
        >>> mlflow(experiment="iris").experiment
        'iris'
    """
    demand("mlflow", "mlflow")
    return MLflow(experiment, uri)


class MLflow(Tracker):
    """What `mlflow` returns.

    Args:
        experiment: name of the experiment.
        uri: where MLflow keeps it.
    """

    wants_model = True

    def __init__(self, experiment: str, uri: str) -> None:
        self.experiment, self.uri = experiment, uri
        self.run = ""
        self.client: MlflowClient

    def begin(self, recipe: Recipe, folder: Path | None) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self.client = MlflowClient(self.uri or None)
        known = known_name(folder, "mlflow")
        if known is not None:
            self.run, self.known = known, True
            self.client.update_run(known, "RUNNING")
            return
        found = self.client.get_experiment_by_name(self.experiment)
        number = found.experiment_id if found is not None else self.client.create_experiment(self.experiment, self._place())
        self.run = self.client.create_run(number, run_name=folder.name if folder is not None else None).info.run_id
        words = [Param(key, value[:LONGEST]) for key, value in words_of(recipe).items()]
        for start in range(0, len(words), AT_ONCE):
            self.client.log_batch(self.run, params=words[start : start + AT_ONCE])
        remember_name(folder, "mlflow", self.run)

    def _place(self) -> str | None:
        """Artefacts of a sqlite file lie beside it, not in the folder one happens to be in."""
        head, found, path = self.uri.partition("sqlite:///")
        return (Path(path).resolve().parent / "mlartifacts").as_uri() if found and not head else None

    def __call__(self, row: dict[str, Any]) -> None:
        self._log(measurements(row), row.get("step", 0))

    def _log(self, scores: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        if scores:
            now = get_current_time_millis()
            self.client.log_batch(self.run, metrics=[Metric(name, value, now, step) for name, value in scores.items()])

    def keep(self, scores: Mapping[str, float], files: Sequence[Path]) -> None:
        self._log(scores, 0)
        for path in files:
            if path.is_dir():
                self.client.log_artifacts(self.run, str(path), path.name)
            else:
                self.client.log_artifact(self.run, str(path))

    def close(self, status: str) -> None:
        if self.run:
            self.client.set_terminated(self.run, STATUS.get(status, "FINISHED"))
