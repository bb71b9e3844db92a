"""TrainwellClassifier beside scikit-learn's MLPClassifier on adult, official parts, in turns: accuracy, AUROC, CPU seconds."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from trainwell.ship.estimators import TrainwellClassifier

DATA = Path(os.environ.get("TRAINWELL_DATA", "../shared/data")) / "adult"
SEEDS = 3


def read(name: str) -> tuple[pd.DataFrame, Any]:
    """Rows and labels of one file."""
    frame = pd.read_csv(DATA / name, header=None, comment="|", skipinitialspace=True, na_values="?").rename(columns=str)
    return frame.drop(columns="14"), frame["14"].str.rstrip(".").to_numpy()


def prepared(network: Any) -> Any:
    """Scikit-learn's network behind the preparation it needs: it takes numbers only, and none missing."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, make_column_selector(dtype_exclude="number"))
    )
    return make_pipeline(columns, network)


RIVALS: dict[str, Callable[[int], Any]] = {
    "TrainwellClassifier()": lambda seed: TrainwellClassifier(random_state=seed),
    'TrainwellClassifier(preset="good")': lambda seed: TrainwellClassifier(preset="good", random_state=seed),
    "MLPClassifier()": lambda seed: prepared(MLPClassifier(random_state=seed)),
    "MLPClassifier(early_stopping=True)": lambda seed: prepared(MLPClassifier(early_stopping=True, random_state=seed)),
}


def main() -> None:
    """Print a table of means over seeds."""
    X, y = read("adult-train.csv")
    unseen, truth = read("adult-test.csv")
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in RIVALS}
    for seed in range(SEEDS):
        for name, make in RIVALS.items():
            start = time.process_time()
            network = make(seed).fit(X, y)
            seconds = time.process_time() - start
            chance = network.predict_proba(unseen)[:, 1]
            said = network.classes_[(chance > 0.5).astype(int)]
            found[name].append((accuracy_score(truth, said), roc_auc_score(truth, chance), seconds))
    print("| estimator | accuracy | AUROC | CPU seconds of fit |\n| --- | --- | --- | --- |")
    for name, rows in found.items():
        accuracy, auroc, seconds = (statistics.mean(column) for column in zip(*rows, strict=True))
        print(f"| `{name}` | {accuracy:.4f} | {auroc:.4f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
