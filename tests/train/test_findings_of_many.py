"""Networks that are trained by the many have findings, too: what the lines of their histories say."""

from __future__ import annotations

import pytest
import torch

from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.doctor.examine import examine, read_findings
from trainwell.train.many import fit_many

PLAIN = Recipe(
    model={"name": "mlp", "width": 16, "dropout": 0.0}, optimizer="sgd", lr=0.05, schedule="constant", epochs=4,
    early_stopping=0, threads=1, compile="off", precision="float32", memory_format="contiguous",
)  # fmt: skip


def test_each_member_has_its_own_findings_and_they_are_kept(tmp_path):
    data = load("iris")
    wild, heavy = PLAIN.but(lr=1e6), PLAIN.but(optimizer__momentum=0.995, lr=1e-3)
    runs = fit_many([PLAIN, wild, heavy], data, seeds=[0, 1], folder=tmp_path)
    codes = [[f["code"] for f in run.summary["findings"]] for run in runs]
    assert codes[:2] == [[], []]
    assert all("TW311" in found for found in codes[2:4])
    assert all(found == ["TW306"] for found in codes[4:])
    assert [f.code for f in read_findings(runs[4].folder)] == ["TW306"]
    again = fit_many([PLAIN, wild, heavy], data, seeds=[0, 1], folder=tmp_path)
    assert [[f["code"] for f in run.summary["findings"]] for run in again] == codes
    assert "TW311" in [f.code for f in examine(again[2])]


@pytest.mark.parametrize("doctor", ["off", "watch"])
def test_the_doctor_is_asked_only_where_the_recipe_has_one_and_changes_no_bit(doctor):
    (run,) = fit_many(PLAIN.but(doctor=doctor), load("iris"))
    (other,) = fit_many(PLAIN.but(doctor="off"), load("iris"))
    assert ("findings" in run.summary) is (doctor == "watch")
    for name, tensor in run.network.state_dict().items():
        assert torch.equal(tensor, other.network.state_dict()[name])
