"""The `fit` of a Keras model is watched: faults are named, healthy ones left in peace, and no bit is changed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from trainwell.core.errors import CompileError
from trainwell.train.watch import watch

PROGRAM = """
import keras
import numpy as np

import trainwell as tw

layers, draw = keras.layers, np.random.default_rng(0)
x = draw.normal(size=(600, 8)).astype("float32")
y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)


def model(*inner, optimizer="adam", loss="sparse_categorical_crossentropy"):
    keras.utils.set_random_seed(0)
    made = keras.Sequential(list(inner))
    made.compile(optimizer, loss)
    return made


def watched(made, x=x, y=y, **options):
    with tw.watch(made, tell=None) as doctor:
        made.fit(x, y, epochs=8, verbose=0, validation_split=0.25, **options)
    assert "fit" not in vars(made) and "compute_loss" not in vars(made) and "apply" not in vars(made.optimizer)
    return doctor


def first(*given, **named):
    return watched(*given, **named).findings[0].code


def healthy():
    keras.utils.set_random_seed(0)  # layers draw their seeds when they are made
    return model(layers.Dense(32, "relu"), layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(3, "softmax"),
                 optimizer=keras.optimizers.Adam(1e-2))


one = healthy()
doctor = watched(one)
assert not doctor.findings, [str(f) for f in doctor.findings]
other = healthy()
other.fit(x, y, epochs=8, verbose=0, validation_split=0.25)
assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)), "other bits"
facts = next(r for r in doctor.history.rows if r["split"] == "facts")
assert facts["optimizer"] == "adam" and facts["rows_valid"] == 150 and facts["loss_kind"] == "cross_entropy_of_shares"
assert facts["narrowest"] == 32 and all(n.startswith("dense") for n in facts["layers"]), facts

assert first(model(layers.Dense(32, "relu"), layers.Dense(3))) == "TW203"
twice = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
assert first(model(layers.Dense(32, "relu"), layers.Dense(3, "softmax"), loss=twice)) == "TW201"
yes = (y > 0).astype(int)
assert first(model(layers.Dense(32, "relu"), layers.Dense(1, "softmax"), loss="binary_crossentropy"), y=yes) == "TW205"
slow = model(layers.Dense(32, "relu"), layers.Dense(3, "softmax"), optimizer=keras.optimizers.SGD(1e-6))
assert first(slow) == "TW302"
assert first(model(layers.Dense(32, "relu"), layers.Dense(3, "softmax")), x=500 * x) == "TW002"
order = np.argsort(y)
assert first(model(layers.Dense(32, "relu"), layers.Dense(3, "softmax")), x=x[order], y=y[order], shuffle=False) == "TW012"

a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
joined = layers.Dense(3, "softmax")(layers.Dense(32, "relu")(layers.Concatenate()([a, b])))
double = keras.Model({"a": a, "b": b}, joined)
double.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
with tw.watch(double, tell=None) as doctor:
    double.fit({"a": x[:, :4], "b": x[:, 4:]}, y, epochs=8, verbose=0)
assert not doctor.findings and len(doctor.history) > 15, [str(f) for f in doctor.findings]
"""


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_a_keras_fit_is_watched_as_a_loop_is(tmp_path: Path) -> None:
    environment = os.environ | {"KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_module_of_torch_needs_its_optimizer():
    with pytest.raises(CompileError, match="together with its optimizer"):
        watch(nn.Linear(2, 1))
