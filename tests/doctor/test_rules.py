"""Every rule has a page in two languages, a place in the order, and is silent where nothing was measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.recipe import Recipe
from trainwell.doctor.causes import EXPLAINS, ORDER, in_order
from trainwell.doctor.chart import Chart
from trainwell.doctor.examine import diagnose
from trainwell.doctor.finding import Finding
from trainwell.doctor.pages import CHINESE, HEADINGS, chinese_pages, explain, pages
from trainwell.doctor.registry import diagnoses
from trainwell.doctor.remedies import REMEDIES, remedies_for
from trainwell.doctor.rules.curves import decayed_weights, underfitting, undertrained
from trainwell.doctor.rules.data import wild_augmentation
from trainwell.doctor.rules.labels import label_noise, unrelated_labels
from trainwell.doctor.rules.output import logits_as_probabilities


def test_every_rule_has_a_code_of_its_own_and_a_place_in_the_order():
    assert len(pages()) == len(diagnoses.names())
    assert sorted(ORDER) == sorted(pages())
    assert {code for codes in EXPLAINS.values() for code in codes} | set(EXPLAINS) <= set(ORDER)


@pytest.mark.parametrize("code", sorted(pages()))
def test_a_page_has_all_headings_in_both_languages(code):
    assert tuple(pages()[code].sections) == HEADINGS
    assert tuple(chinese_pages()[code].sections) == CHINESE
    assert all(pages()[code].sections.values())
    assert pages()[code].remedy.endswith(".")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese_pages()[code].title)


def test_a_page_is_found_by_code_and_by_name():
    assert explain("TW104") == explain("dead_relu") == explain("tw104")


def test_nothing_measured_nothing_found():
    assert diagnose([]) == []
    assert diagnose([{"split": "end", "step": 9, "status": "finished"}]) == []


#: A digits network that learns as it should: what the rules see of a healthy run.
FACTS = {
    "layers": ["0", "2", "4"],
    "loss_start": 2.31,
    "loss_expected": 2.30,
    "loss_kind": "cross_entropy",
    "optimizer": "adam",
}
FACTS |= {"reference": 0.97, "chance": 0.1, "silent": [0.05, 0.03], "activations": ["1", "3"], "batch_size": 32}
PROBE = {"gradient": [0.5, 0.6, 0.9], "gradient_norm": 1.2, "update": [0.02] * 3, "weight": [2.0] * 3, "floor": [2.0] * 3}
PROBE |= {"before": 1.0, "after": 0.9, "learning_rate": 1e-3}
CHECK = {"valid_se": 0.05, "train_score": 0.98, "entropy": 2.2, "recall_least": 0.9}
HEALTHY = [
    {"split": "facts", "step": 0, **FACTS},
    *({"split": "probe", "step": s, "loss": 2.3 * 0.97**s, **PROBE} for s in range(20)),
    *(
        {"split": "check", "step": 20 * i, "train_loss": 2.3 * 0.8**i, "valid_loss": 2.3 * 0.82**i + 0.05, **CHECK}
        | {"valid_score": min(0.97, 0.2 + 0.1 * i)}
        for i in range(20)
    ),
    {"split": "end", "step": 400, "status": "finished"},
]


def test_a_healthy_history_is_left_in_peace_at_every_moment():
    assert all(diagnose(HEALTHY[:n]) == [] for n in range(len(HEALTHY) + 1))


@given(st.integers(0, len(HEALTHY) - 1), st.sampled_from([math.nan, math.inf, None, 0.0]), st.data())
@settings(max_examples=60, deadline=None)
def test_no_value_makes_a_rule_fail(row, value, data):
    """Rules read what was measured; whatever stands there, they answer."""
    names = [k for k, v in HEALTHY[row].items() if isinstance(v, float)] or ["loss"]
    name = data.draw(st.sampled_from(names))
    changed = [*HEALTHY[:row], {**HEALTHY[row], name: value}, *HEALTHY[row + 1 :]]
    assert all(isinstance(f, Finding) for f in diagnose(changed))


def test_a_symptom_names_its_cause_and_comes_after_it():
    found = in_order([Finding("", code=c) for c in ("TW404", "TW104", "TW301", "TW110")], Chart([]))
    assert found[0].code == "TW104"  # dead from the start: not the rate's doing
    late = in_order([Finding("", code="TW104", step=40), Finding("", code="TW301")], Chart([]))
    assert [(f.code, f.because_of) for f in late] == [("TW301", ""), ("TW104", "TW301")]


def test_findings_survive_the_way_to_json():
    for finding in diagnose([{"split": "facts", "step": 0, "bad_cells": 1, "bad_row": 3, "bad_column": 0}]):
        assert Finding.from_dict(finding.to_dict()) == finding


@pytest.mark.parametrize("code", sorted(REMEDIES))
def test_a_remedy_changes_the_recipe_or_is_already_in_it(code):
    recipe = Recipe(
        model={"name": "mlp", "width": 2, "dropout": 0.9, "activation": "tanh"},
        optimizer="sgd",
        lr=1.0,
        weight_decay=0.3,
        epochs=2,
        batch_size=2,
        clip_norm=1e-4,
        augment=["flip"],
        schedule="one_cycle",
        loss="mean_squared_error",
        initializer="normal",
        prepare={"scale": "none", "scale_target": False},
    )
    for remedy in REMEDIES[code]:
        assert code == "TW012" or remedy.change(recipe) != recipe, remedy.sentence
        assert remedy.sentence.endswith(".")


def test_a_leaking_column_is_left_out_by_name():
    finding = Finding("", code="TW006", measurement={"column": "closed_at"})
    assert remedies_for(finding)[0].change(Recipe()).columns["closed_at"].kind == "ignore"


def test_updates_that_are_lost_in_rounding_come_from_a_rate_that_is_too_low():
    still = {"split": "probe", "update": [0.0, 0.0], "weight": [1.0, 1.0], "learning_rate": 1e-9}
    rows = [{**still, "step": i, "gradient": [0.1, 0.2]} for i in range(12)]
    assert [f.code for f in diagnose([{"split": "facts", "step": 0, "layers": ["0", "1"]}, *rows])] == ["TW302"]
    frozen = [{**row, "gradient": [0.0, 0.0]} for row in rows]
    assert "TW302" not in [f.code for f in diagnose([{"split": "facts", "step": 0, "layers": ["0", "1"]}, *frozen])]


def test_one_bad_update_is_no_want_of_progress():
    losses = [(0, 2.3), (100, 0.5), (300, 0.3), (600, 2.2), (900, 0.29)]
    rows = [{"split": "check", "step": i, "train_loss": v, "valid_loss": v, "valid_score": 0.85} for i, v in losses]
    facts = {"reference": 0.97, "chance": 0.1, "rows_valid": 450, "task": "classification"}
    assert not diagnose([{"split": "facts", **facts}, *rows, {"split": "end", "step": 900, "status": "finished"}])


def test_a_run_that_was_not_looked_at_in_its_middle_is_let_pass():
    rows = [
        {"split": "check", "step": i, "train_loss": v, "valid_loss": v, "valid_score": 0.6}
        for i, v in ((0, 2.3), (28, 2.2), (645, 0.4))
    ]
    chart = Chart.of([*rows, {"split": "end", "step": 645}], reference=0.97, chance=0.1, rows_valid=450, task="classification")
    assert undertrained(chart) is None
    middle = {"split": "check", "step": 400, "train_loss": 1.9, "valid_loss": 1.9, "valid_score": 0.3}
    assert undertrained(Chart.of([*chart.rows[1:3], middle, *chart.rows[3:]], **chart.facts)) is not None


@pytest.mark.parametrize(("rows_valid", "named"), [(500, True), (60, False)])
def test_few_validation_rows_want_a_larger_distance_to_the_reference(rows_valid, named):
    check = {"split": "check", "step": 900, "valid_score": 0.5, "train_score": 0.5}
    facts = {"reference": 0.64, "chance": 0.2, "rows_valid": rows_valid, "task": "classification"}
    assert (underfitting(Chart.of([check, {"split": "end"}], **facts)) is not None) is named


@pytest.mark.parametrize(("rank", "named"), [(0.5, True), (0.1, False)])
def test_classes_that_are_taken_for_their_neighbours_are_no_wrong_labels(rank, named):
    sure = {"sure_wrong": 0.2, "sure_seen": 120, "sure_mixture": 0.9, "sure_rank": rank, "sure_rows": [4]}
    check = {"split": "check", "step": 900, "valid_score": 0.6, **sure}
    found = label_noise(Chart.of([check, {"split": "end"}], reference=0.6, chance=0.2, classes=5))
    assert (found is not None) is named


@pytest.mark.parametrize(("rate", "named"), [(0.1, True), (1e-4, False)])
def test_weights_that_shrink_by_other_causes_are_not_laid_to_decay(rate, named):
    rows = [{"split": "probe", "step": s, "weight": [w], "learning_rate": rate} for s, w in ((0, 9.0), (400, 3.0), (800, 2.0))]
    check = {"split": "check", "step": 800, "valid_score": 0.2}
    facts = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.1, "reference": 0.9, "chance": 0.1}
    assert (decayed_weights(Chart.of([*rows, check], **facts)) is not None) is named


def test_outputs_that_leave_the_probabilities_later_are_seen_and_nan_is_not_one_of_them():
    checks = [
        {"split": "check", "step": 4, "train_low": 0.01, "train_high": 0.4},
        {"split": "check", "step": 8, "train_low": -2.0, "train_high": 3.0},
    ]
    assert logits_as_probabilities(Chart.of(checks, loss_kind="bce", output_min=0.1, output_max=0.3)).step == 8
    lost = [{"split": "check", "step": 4, "train_low": math.nan, "train_high": math.nan}]
    assert logits_as_probabilities(Chart.of(lost, loss_kind="bce", output_min=0.1, output_max=0.3)) is None


def test_two_units_that_are_dead_from_the_start_are_too_few_units():
    dead, narrow = Finding("dead", code="TW104"), Finding("narrow", code="TW110", measurement={"narrowest": 2.0})
    assert [(f.code, f.because_of) for f in in_order([dead, narrow], Chart([]))] == [("TW110", ""), ("TW104", "TW110")]
    wide = Finding("narrow", code="TW110", measurement={"narrowest": 9.0})
    assert [f.code for f in in_order([dead, wide], Chart([]))] == ["TW104", "TW110"]


@pytest.mark.parametrize(("changed", "score", "named"), [(0.3, 0.7, True), (0.6, 0.7, False), (0.3, 0.95, False)])
def test_an_augmentation_that_takes_the_label_away_is_named_where_the_network_stays_behind(changed, score, named):
    check = {"split": "check", "step": 300, "valid_score": score, "train_score": 0.77, "augmented_score": changed}
    facts = {"reference": 0.95, "chance": 0.1, "rows_valid": 450, "task": "classification"}
    assert (wild_augmentation(Chart.of([check, {"split": "end"}], **facts)) is not None) is named


def test_a_layer_that_is_too_narrow_is_made_four_times_as_wide_as_there_are_classes():
    finding = Finding("narrow", code="TW110", measurement={"narrowest": 3.0, "classes": 10.0})
    mended = remedies_for(finding)[0].change(Recipe(model={"name": "mlp", "width": 3}))
    assert mended.model.options["width"] == 42


def test_labels_are_related_where_unequal_classes_are_ranked_better_than_chance() -> None:
    facts = {"reference": 0.79, "chance": 0.78, "labels_score": 0.78, "labels_chance": 0.78}
    facts |= {"rows_train": 1000, "rows_valid": 200, "class_smallest": 220}

    def named(auroc: float) -> bool:
        rows = [
            {"split": "check", "step": 9, "valid_score": 0.79},
            {"split": "valid", "step": 9, "auroc": auroc},
            {"split": "end"},
        ]
        return unrelated_labels(Chart.of(rows, **facts)) is not None

    assert [named(auroc) for auroc in (0.5, 0.6, 0.75)] == [True, True, False]
