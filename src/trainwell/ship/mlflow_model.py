"""A bundle as an MLflow model: `mlflow models serve` and `mlflow.pyfunc.load_model` answer raw rows with it.

MLflow keeps the bundle as it is and loads it through this module, so nothing is pickled.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from trainwell import __version__
from trainwell.core.errors import UsageError
from trainwell.ship.bundle import Bundle, bundle, open_bundle
from trainwell.train.run import Run
from trainwell.train.trackers.tracker import demand

if TYPE_CHECKING:
    import pandas


def mlflow_model(trained: Run | Bundle, to: str | Path) -> Path:
    """Write a trained network as a folder that MLflow knows as a model of the flavour `python_function`.

    Args:
        trained: a finished run, or an opened bundle.
        to: a new folder.

    Returns:
        The folder: `MLmodel`, the bundle and the requirements.

    Raises:
        MissingExtra: the extra `mlflow` is not installed.
        UsageError: the folder exists and is not empty.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"))
        >>> folder = mlflow_model(run, Path(tempfile.mkdtemp(), "iris"))
        >>> sorted(path.name for path in folder.iterdir() if path.is_dir() or path.name == "MLmodel")
        ['MLmodel', 'data']
    """
    demand("mlflow", "mlflow")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    to = Path(to)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"{to} is there already", remedy="Give a new folder.")
    with TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow complains of its own code while it is imported
        from mlflow import pyfunc

        pyfunc.save_model(
            path=str(to),
            loader_module="trainwell.ship.mlflow_model",
            data_path=str(bundle(trained, Path(place) / "model.tw")),
            pip_requirements=[f"trainwell=={__version__}"],
        )
    return to


class Answers:
    """What MLflow asks for answers.

    Args:
        network: an opened bundle.
    """

    def __init__(self, network: Bundle) -> None:
        self.network = network

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pandas.DataFrame:
        """Answers for a frame of raw rows, as `Run.predict` gives them; `params` are not used.

        Args:
            model_input: a pandas frame, or what else `Run.predict` takes.
            params: MLflow's parameters of inference.
        """
        del params
        from pandas import DataFrame

        return DataFrame(self.network.predict(model_input).to_dict(as_series=False))


def _load_pyfunc(path: str) -> Answers:
    """What MLflow calls to open the model."""
    return Answers(open_bundle(path))
