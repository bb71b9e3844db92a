"""The doctor beside `fit`: it changes no bit, tells causes as they show, and leaves what it saw in the run."""

from __future__ import annotations

import json
import os
import signal

import pytest

from trainwell.core.errors import NonFinite
from trainwell.doctor.examine import examine
from trainwell.train.fit import fit
from trainwell.train.many import fit_many
from trainwell.train.run import Run

from .small import numbers, pictures, recipe, weights

EVERYTHING = {"augment": ["flip", "mixup"], "clip_norm": 1.0, "ema": 0.9, "max_norm": 3.0, "schedule": "one_cycle", "steps": 40}


@pytest.mark.parametrize("change", [EVERYTHING, {"accumulate": 2}, {"model": "mlp", "monitor": "loss"}])
def test_the_bits_are_the_same_with_and_without(tmp_path, change):
    data = numbers() if change.get("model") == "mlp" else pictures()
    for word in ("watch", "off"):
        fit(recipe(**change, doctor=word), data, folder=tmp_path / word)
    assert weights(tmp_path / "watch") == weights(tmp_path / "off")
    assert Run.open(tmp_path / "watch").signs.rows
    assert not Run.open(tmp_path / "off").signs.rows


def test_members_of_a_many_have_the_bits_of_a_watched_run(tmp_path):
    how = recipe(model="mlp", epochs=2)
    (alone,) = fit_many(how, numbers(), folder=tmp_path / "many")
    fit(how, numbers(), folder=tmp_path / "one")
    assert (alone.folder / "weights.safetensors").read_bytes() == (tmp_path / "one" / "weights.safetensors").read_bytes()


def test_a_rate_that_is_too_high_is_told_while_it_trains(tmp_path):
    told = []

    def listen(row):
        if row["split"] == "finding":
            told.append(row["code"])
        elif row["split"] == "train" and row["step"] >= 20:
            assert told[:1] == ["TW301"]

    how = recipe(model="mlp", optimizer="sgd", learning_rate=100.0, clip_norm=1.0, epochs=8)
    run = fit(how, numbers(), folder=tmp_path / "run", observers=[listen])
    assert told[0] == "TW301"
    kept = Run.open(tmp_path / "run")
    assert [f["code"] for f in run.summary["findings"]][:1] == ["TW301"]
    assert [f.code for f in examine(kept)] == [f["code"] for f in kept.summary["findings"]]
    assert json.loads((tmp_path / "run" / "findings.json").read_text())[0]["code"] == "TW301"


def test_without_observers_findings_are_written_to_stderr(capsys):
    fit(recipe(model="mlp", optimizer="sgd", learning_rate=100.0, clip_norm=1.0), numbers())
    assert "doctor: TW301 rate_too_high" in capsys.readouterr().err


def test_a_healthy_run_is_left_in_peace():
    run = fit(recipe(model="mlp", epochs=20, learning_rate=3e-3), numbers(600))
    assert [f.code for f in examine(run) if f.severity != "advice"] == []


def test_the_cause_of_nan_is_named(tmp_path):
    how = recipe(model="mlp", optimizer="sgd", learning_rate=1e30, clip_norm=0.0)
    with pytest.raises(NonFinite):
        fit(how, numbers(), folder=tmp_path / "run", observers=[lambda _row: None])
    found = examine(Run.open(tmp_path / "run"))
    assert "TW311" in [f.code for f in found]
    assert found[0].code in ("TW301", "TW311")


def test_a_stopped_run_measures_every_update_once(tmp_path):
    def stop(row):
        if row["split"] == "train" and row["step"] >= 10 and not sent:
            sent.append(os.kill(os.getpid(), signal.SIGTERM))

    sent = []
    how, data = recipe(model="mlp", epochs=4), numbers()
    for observers in ([stop], []):
        fit(how, data, folder=tmp_path / "run", observers=observers or [lambda _row: None])
    rows = Run.open(tmp_path / "run").signs.rows
    steps = [r["step"] for r in rows if r["split"] == "probe" and "update" in r]
    assert steps == sorted(set(steps))
    assert [r["split"] for r in rows].count("facts") == 1
    assert [r["split"] for r in rows].count("end") == 1
