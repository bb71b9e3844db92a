"""Treatment: a remedy that works is proved and kept, one that does not is not, and a folder is a cache."""

from __future__ import annotations

import json

import numpy as np
import pytest

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import read_recipe
from trainwell.data.load import load
from trainwell.doctor.finding import Finding
from trainwell.report.treat import show_improvement, show_treatment, write_improvement, write_treatment
from trainwell.study.improve import improve
from trainwell.study.prescribe import candidates, prescribe, random_candidates, trainable
from trainwell.study.treat import pinned, treat
from trainwell.train.fit import attempt, fit

FIXED = {"threads": 1, "compile": "off", "batch_size": 32, "schedule": "constant", "early_stopping": 0}
HEALTHY = Recipe(model={"name": "mlp", "width": 16}, optimizer="sgd", lr=0.1, epochs=2, **FIXED)
STILL = Finding("nothing moves", code="TW302", name="rate_too_low")


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def treated(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("treated")
    return treat(HEALTHY.but(lr=1e-6), STILL, data=digits, most=1, random=1, folder=folder), folder


def test_a_remedy_that_works_is_proved_and_kept(treated, digits):
    found, _ = treated
    assert found.kept is not None
    assert found.kept.verdict.word == "helps"
    assert found.kept.verdict.difference.low > 0
    assert found.untouched.value < 0.3 < 0.6 < found.treated.value


def test_what_is_compared_shares_splits_and_seeds(treated):
    found, folder = treated
    runs = list(folder.glob("*/plan.json"))
    assert len(runs) == found.runs == (1 + 1 + 1) * found.repeats
    assert all(len(t.scores) == found.repeats for t in found.trials)


def test_the_arm_of_chance_is_told_apart_and_never_kept(treated):
    found, _ = treated
    assert [t.code for t in found.of_arm("random")] == [""]
    assert not any(t.kept for t in found.of_arm("random"))


def test_what_was_kept_is_in_the_recipe_and_in_the_folder(treated):
    found, folder = treated
    key, (_, after) = next(iter(found.kept.changes.items()))
    assert (key, found.recipe.learning_rate) == ("learning_rate", after)
    assert json.loads((folder / "treatment.json").read_text())["sentence"] == found.sentence


def test_a_folder_is_a_cache(treated, digits):
    found, folder = treated
    rows = []
    again = treat(HEALTHY.but(lr=1e-6), STILL, data=digits, most=1, random=1, folder=folder, observers=[rows.append])
    assert rows == []
    assert [t.scores for t in again.trials] == [t.scores for t in found.trials]


def test_a_remedy_that_does_nothing_is_not_kept(digits):
    found = treat(HEALTHY, Finding("…", code="TW012"), data=digits)  # shuffled already: no remedy changes the recipe
    assert found.trials == []
    idle = treat(HEALTHY.but(epochs=1), Finding("…", code="TW305"), data=digits, most=1, rounds=1)
    assert idle.kept is None
    assert idle.recipe == pinned(HEALTHY.but(epochs=1), digits)
    assert "no remedy was proved" in idle.sentence


def test_runs_that_explode_are_pairs_too(digits):
    found = treat(HEALTHY.but(lr=1e9), Finding("…", code="TW311"), data=digits, most=1, rounds=1)
    assert found.untouched.n == 0
    assert found.kept is not None
    assert found.kept.verdict.failed == (0, found.repeats)


def test_what_inflated_the_score_is_left_out_although_the_score_falls():
    import polars as pl

    draw = np.random.default_rng(0)
    x, y = draw.normal(size=300), draw.integers(0, 2, 300)
    data = load(pl.DataFrame({"x": x, "told": y + draw.normal(scale=0.01, size=300), "y": np.where(y, "a", "b")}), target="y")
    leak = Finding("it tells the target", code="TW006", measurement={"column": "told"})
    found = treat(HEALTHY, leak, data=data)
    assert found.kept.verdict.word == "hurts"
    assert "inflated" in str(found.kept)
    assert found.recipe.columns["told"].kind == "ignore"


def test_a_run_brings_its_recipe_and_its_data(digits, tmp_path):
    run = fit(HEALTHY.but(lr=1e-6, epochs=1), digits, folder=tmp_path / "run")
    assert treat(run, STILL, most=1).kept is not None


def test_a_prescription_is_the_recipe_with_the_first_remedy(digits, tmp_path):
    run = attempt(HEALTHY.but(lr=1e-6, doctor="prescribe"), digits, folder=tmp_path / "run", watched=True)
    found = prescribe(run)
    assert found.code == "TW302"
    assert read_recipe(tmp_path / "run" / "prescription.yaml") == found.recipe
    assert found.recipe.learning_rate > run.recipe.learning_rate
    assert prescribe(attempt(HEALTHY.but(epochs=8), digits, watched=True)) is None


def test_a_recipe_needs_data():
    with pytest.raises(UsageError, match="data are not known"):
        treat(HEALTHY)


def test_candidates_change_the_recipe_each_once_and_causes_come_first():
    found = candidates(HEALTHY, [Finding("…", code="TW104", because_of="TW301"), Finding("…", code="TW301")])
    assert found[0].code == "TW301"
    assert len({c.recipe.model_dump_json() for c in found}) == len(found)
    assert all(c.recipe != HEALTHY for c in found)


def test_first_remedies_of_all_findings_come_first_and_then_together():
    sick = HEALTHY.but(clip_norm=1e-4, prepare__scale="none")
    found = candidates(sick, [Finding("…", code="TW002"), Finding("…", code="TW305")])
    assert [c.code for c in found[:3]] == ["TW002", "TW305", "TW002"]
    assert (found[2].recipe.prepare.scale, found[2].recipe.clip_norm) == ("standard", 0.1)


def test_momentum_is_no_remedy_for_a_rule_without_it():
    adam = Recipe(model="mlp", optimizer="adamw", lr=0.1)
    assert candidates(adam, [Finding("…", code="TW306")]) == []


def test_chance_draws_the_same_remedies_for_the_same_seed(digits):
    one, two, other = (random_candidates(HEALTHY, digits, 4, seed=s) for s in (0, 0, 1))
    assert [c.sentence for c in one] == [c.sentence for c in two] != [c.sentence for c in other]


@pytest.fixture(scope="module")
def improved(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("improved")
    return improve(HEALTHY.but(lr=1e6), digits, rounds=1, folder=folder), folder


def test_improving_ends_better_on_rows_that_chose_nothing(improved):
    found, _ = improved
    assert found.rounds[0].kept is not None
    assert found.verdict.word == "helps"
    assert found.test.value > 0.6


def test_the_ledger_has_everything_that_was_tried(improved):
    found, folder = improved
    lines = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    assert len(lines) == sum(len(r.trials) for r in found.rounds)
    assert sum(line["kept"] for line in lines) == sum(r.kept is not None for r in found.rounds)


def test_improving_continues_where_it_was_stopped(improved, digits):
    found, folder = improved
    rows = []
    again = improve(HEALTHY.but(lr=1e6), digits, rounds=1, folder=folder, observers=[rows.append])
    assert rows == []
    assert again.recipe == found.recipe


def test_test_rows_are_the_same_in_every_repeat(digits):
    views = [digits.under(pinned(HEALTHY, digits).but(split__seed=i)) for i in (0, 1)]
    assert np.array_equal(np.sort(views[0].rows["test"]), np.sort(views[1].rows["test"]))
    assert not np.array_equal(np.sort(views[0].rows["valid"]), np.sort(views[1].rows["valid"]))


def test_tables_and_pages_show_every_trial(treated, improved, tmp_path, capsys):
    show_treatment(treated[0])
    show_improvement(improved[0])
    told = " ".join(capsys.readouterr().out.split())
    assert "chance" in told
    assert "helps" in told
    assert "round 1" in told
    page = write_treatment(treated[0], tmp_path).read_text()
    assert page.count("<circle") == len(treated[0].trials)
    assert "Round 1" in write_improvement(improved[0], tmp_path).read_text()


def test_a_batch_norm_over_batches_of_one_row_is_not_tried():
    recipe = Recipe(model={"name": "mlp", "width": 8}, batch_size=1)
    assert trainable(recipe, load("iris"))
    assert not trainable(recipe.but(model__norm="batch_norm"), load("iris"))
