"""Counts against a straightforward computation, and an evaluation of a language model from end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest

from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.evaluate.evaluation import Evaluation
from trainwell.evaluate.language_baselines import Counts
from trainwell.evaluate.run import evaluate
from trainwell.report.run import report
from trainwell.train.fit import fit

WORDS = "the cat sat on the mat and the dog saw the cat eat a rat near the mat while we sat and ate"


def story(n: int, seed: int = 0) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS.split(), n))


def plainly(text: list[int], context: list[int], size: int, target: int) -> float:
    """Witten and Bell, as their paper has it."""
    if not context:
        chance = (text.count(target) + 0.5) / (len(text) + 0.5 * size)
    else:
        chance = plainly(text, context[1:], size, target)
        k = len(context)
        after = [text[i + k] for i in range(len(text) - k) if text[i : i + k] == context]
        if after:
            chance = (after.count(target) + len(set(after)) * chance) / (len(after) + len(set(after)))
    return chance


def test_counts_agree_with_the_definition() -> None:
    draw = np.random.default_rng(0)
    text, seen = draw.integers(2, 6, 300), draw.integers(2, 6, (3, 6))
    target = np.concatenate([seen[:, 1:], draw.integers(2, 6, (3, 1))], axis=1)
    found = Counts(text, 6).losses(seen, target)
    for k, losses in enumerate(found):
        for row in range(3):
            for place in range(6):
                context = seen[row, : place + 1].tolist()[-k:] if k else []
                wanted = plainly(text.tolist(), context, 6, int(target[row, place]))
                assert np.exp(-losses[row, place]) == pytest.approx(wanted, rel=1e-4)


def test_probabilities_of_counts_sum_to_one() -> None:
    draw = np.random.default_rng(1)
    text, seen = draw.integers(2, 6, 200), draw.integers(2, 6, (2, 5))
    counts = Counts(text, 6)
    total = sum(np.exp(-counts.losses(seen, np.full_like(seen, code))[4]) for code in range(6))
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    recipe = Recipe(task="language", steps=30, threads=1, compile="off", prepare={"text_length": 16})
    recipe = recipe.but(model={"name": "gpt", "width": 16, "depth": 1, "heads": 2}, validate_every=15)
    data = load([story(2_000)], recipe=recipe)
    run = fit(recipe, data, folder=folder / "a", observers=[lambda _: None])
    return run, data, evaluate(run, data)


def test_an_evaluation_has_scores_baselines_samples_and_survives_json(judged) -> None:
    run, data, found = judged
    assert list(found.scores) == ["log_loss", "perplexity", "bits_per_character"]
    assert found.scores["log_loss"].low < found.scores["log_loss"].value < found.scores["log_loss"].high
    assert {b.name for b in found.baselines} >= {"how often tokens come"}
    assert found.gap is not None
    assert found.gap.judgement == "worse"  # thirty steps teach less than counting
    assert len(found.writing.samples) == 2
    assert len(found.writing.by_place["network"]) == 16
    again = Evaluation.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.writing == found.writing
    page = report(run, data, found).read_text(encoding="utf-8")
    assert "What it writes" in page


def test_other_text_is_judged_with_the_runs_own_vocabulary(judged) -> None:
    run, data, found = judged
    other = load(["zebra! " + story(300, seed=5)], recipe=data.recipe)
    assert other.preparation.digest() != data.preparation.digest()
    scores = evaluate(run, other, part="train", baselines=False).scores
    assert abs(scores["log_loss"].value - found.scores["log_loss"].value) < 0.3
