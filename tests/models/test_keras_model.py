"""A Keras model of the torch backend trains, resumes and is judged as a module is; in a process that chose this backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import keras
import numpy as np
import torch

import trainwell as tw

x = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
data = tw.wrap((x, (x[:, 0] > 0).astype(np.int64)))
layers = keras.layers


def model():
    keras.utils.set_random_seed(0)
    inner = [layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(2)]
    return keras.Sequential([layers.Input((8,)), *inner])


try:
    tw.compile(keras.Sequential([layers.Dense(2)]), data)
    raise SystemExit("a model without weights was taken")
except tw.TrainwellError as error:
    assert "model.build" in str(error)

recipe = tw.Recipe(epochs=6, batch_size=32, learning_rate=1e-2, early_stopping=0, threads=1, ema=0.9)
whole = tw.fit(recipe, data, network=model(), folder="whole")
tw.fit(recipe, data, network=model(), folder="stopped", observers=[lambda row: row["step"] >= 20])
again = tw.fit(recipe, data, network=model(), folder="stopped", observers=[lambda row: None])
one, other = whole.network.state_dict(), again.network.state_dict()
assert len(one) == 9 and all(torch.equal(one[name], other[name]) for name in one), "other bits after a stop"

rows = torch.from_numpy(x[:8])
network = whole.network.train()
assert not torch.equal(network(rows), network(rows)), "dropout is off in training"
network.eval()
assert torch.equal(network(rows), network(rows)), "dropout is on in evaluation"
moved = next(t for name, t in one.items() if name.endswith("moving_mean"))
assert moved.abs().sum() > 0.1, "batch norm has seen nothing"
assert tw.evaluate(whole, data, baselines=False).scores["accuracy"].value > 0.8
"""


def test_a_keras_model_trains_in_its_modes_and_resumes_to_the_same_bits(tmp_path: Path) -> None:
    environment = os.environ | {"KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
