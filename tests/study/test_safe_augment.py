"""Augmentation safety: what changes meanings is not recognised and refused, what changes nothing is safe."""

from __future__ import annotations

import numpy as np
import pytest

from trainwell.core.errors import UsageError
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.report.safe_augment import show_augment_safety, write_augment_safety
from trainwell.study.safe_augment import safe_augment, told

RECIPE = Recipe(model={"name": "mlp", "width": 32}, optimizer="adam", lr=0.01, epochs=6, threads=1, early_stopping=0)


def arrows(n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """A bar at the left or at the right of small pictures: a mirror exchanges the classes, a flip upside down does not."""
    draw = np.random.default_rng(0)
    x = draw.integers(0, 60, (n, 8, 8, 1)).astype(np.uint8)
    side = draw.integers(0, 2, n)
    for picture, right in zip(x, side, strict=True):
        picture[:, slice(5, 7) if right else slice(1, 3)] += 150
    return x, np.array(["left", "right"])[side]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("safety")
    asked = ["flip", "flip_vertical", {"name": "noise", "strength": 0.0}]
    return safe_augment(RECIPE, load(arrows()), asked, folds=2, folder=folder), folder


def test_a_mirror_that_exchanges_the_classes_is_refused(found):
    flip = found[0].transforms[0]
    assert flip.recognised.high < 0.1  # every picture is flipped, and becomes the other class
    assert flip.verdict.word == "hurts"
    assert flip.judgement == "refused"
    assert {flip.worst, flip.taken_for} == {"left", "right"}
    assert found[0].refused == ["flip"]


def test_what_leaves_the_meaning_alone_is_safe_and_costs_no_training(found):
    upside_down, nothing = found[0].transforms[1:]
    assert upside_down.judgement == nothing.judgement == "safe"
    assert nothing.recognised.value == 1.0
    assert upside_down.verdict is None
    assert found[0].runs == 2 + 2 * 8  # references, and pairs for the mirror alone


def test_tables_pages_and_files(found, tmp_path, capsys):
    show_augment_safety(found[0])
    assert "refused" in capsys.readouterr().out
    assert (found[1] / "augment-safety.json").exists()
    assert write_augment_safety(found[0], tmp_path).read_text().count("<circle") == 3


def test_mixes_and_numbers_are_no_question_of_recognition():
    with pytest.raises(UsageError, match="mixup changes labels"):
        safe_augment(RECIPE, load(arrows(40)), ["mixup"])
    with pytest.raises(UsageError, match="target is a number"):
        safe_augment(RECIPE, load("diabetes"), ["flip"])


def test_names_of_transforms():
    assert told(Part.of("flip")) == "flip"
