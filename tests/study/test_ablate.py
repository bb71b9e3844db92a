"""Ablation: a trick that matters is told, one that cannot is not, the recipe against itself is never a finding."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.report.ablate import good, show_ablation, write_ablation
from trainwell.study.ablate import ablate, designed, size_of

FIXED = {"threads": 1, "memory_format": "contiguous", "compile": "off", "batch_size": 32}


def waves(n: int = 240):
    """A number that goes up and down too often for a line."""
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (n, 2))
    return load(pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.sin(8 * x[:, 0]) + 0.1 * draw.normal(size=n)}), target="y")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    recipe = Recipe(model={"name": "mlp", "width": 16, "dropout": 0.0}, epochs=15, learning_rate=0.01, **FIXED)
    asked = ["augmentation", "number embeddings", "clipping"]
    folder = tmp_path_factory.mktemp("ablation")
    return ablate(recipe, waves(), tricks=asked, repeats=7, folder=folder), folder


def test_number_embeddings_are_told_to_help_where_the_target_waves(found):
    effect = found[0].of("number embeddings")
    assert effect.inside.word == "helps", effect.sentence
    assert good(effect.inside).low > 0
    assert not effect.present
    assert (effect.on, effect.off) == ("model.numbers=piecewise", "model.numbers=plain")


def test_the_recipe_against_itself_cannot_be_told_apart(found):
    assert found[0].false_alarms.verdict.word == "cannot tell"
    assert found[0].false_alarms.rate <= 0.1


def test_what_has_no_place_is_said(found):
    assert found[0].of("augmentation").sentence == "augmentation: not tried, the data have no pictures"


def test_networks_that_are_the_same_are_trained_once(found):
    # the recipe, itself again, with embeddings, with clipping; its bare form is the recipe, and so are their lone forms
    assert found[0].runs == 4 * 7


def test_it_is_kept_and_shown(found, capsys):
    study, folder = found
    kept = json.loads((folder / "ablation.json").read_text())
    assert [e["name"] for e in kept["effects"]] == [e.name for e in study.effects]
    page = write_ablation(study, folder).read_text()
    assert "number embeddings" in page
    assert "itself (A/A)" in page
    show_ablation(study)
    assert "number embeddings" in capsys.readouterr().out
    assert "helps" in str(study)


def test_called_again_nothing_is_trained(found):
    recipe = Recipe(model={"name": "mlp", "width": 16, "dropout": 0.0}, epochs=15, learning_rate=0.01, **FIXED)
    seen = []
    asked = ["augmentation", "number embeddings", "clipping"]
    again = ablate(recipe, waves(), tricks=asked, repeats=7, folder=found[1], observers=[seen.append])
    assert again.to_dict()["effects"] == found[0].to_dict()["effects"]
    assert not [row for row in seen if row["split"] == "train"]


def test_there_are_enough_pairs_for_one_trick_among_all_to_be_told():
    data = load("iris")
    design = designed(Recipe(model="mlp"), data.facts, tricks=(), repeats=None, alone=True)
    judged = sum(name.endswith(" on") for name in design.arms)
    assert 2 ** (1 - design.pairs) * judged <= 0.05
    assert size_of(Recipe(model="mlp"), data, repeats=1, tricks=["dropout"], alone=False) == 3


def test_wrong_names_are_refused():
    data = load("iris")
    with pytest.raises(UsageError, match="no trick 'droput'"):
        ablate(Recipe(), data, tricks=["droput"])
    with pytest.raises(UsageError, match="none of these tricks"):
        ablate(Recipe(), data, tricks=["augmentation"])
