"""Planted wrong labels are found, written down, mended by a file, and trained with."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from trainwell.core.errors import DataError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.corrections import corrected
from trainwell.data.load import load
from trainwell.data.source import Source
from trainwell.report.mislabelled import write_mislabelled
from trainwell.study.mislabelled import confident_joint, mislabelled, suspicious, thresholds
from trainwell.train.fit import fit
from trainwell.train.resume import load_again

QUICK = Recipe(preset="quick", model={"name": "mlp", "width": 32}, epochs=12, threads=1, doctor="off", target="kind")
WRONG = 30


def planted(n=400, seed=0):
    """Three clouds of points, of which some are called by another name."""
    draw = np.random.default_rng(seed)
    kind = draw.integers(0, 3, n)
    x = draw.normal(size=(n, 2)) * 0.7 + np.array([[0, 3], [3, -1], [-3, -1]])[kind]
    bad = draw.choice(n, WRONG, replace=False)
    called = kind.copy()
    called[bad] = (kind[bad] + draw.integers(1, 3, WRONG)) % 3
    names = np.array(["ant", "bee", "cat"])
    return pl.DataFrame({"a": x[:, 0].round(3), "b": x[:, 1].round(3), "kind": names[called]}), set(bad.tolist()), names[kind]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    table, bad, true = planted()
    folder = tmp_path_factory.mktemp("mislabelled")
    table.write_csv(folder / "kinds.csv")
    data = load(str(folder / "kinds.csv"), target="kind")
    return mislabelled(QUICK, data, folds=4, folder=folder / "study"), bad, true, folder, data


def test_planted_labels_are_found_and_few_others(found):
    result, bad, true, _, _ = found
    rows = [s.row for s in result.suspects]
    hits = sum(row in bad for row in rows)
    assert hits / len(rows) > 0.85
    assert hits / WRONG > 0.85
    assert np.mean([true[s.row] == s.suggested for s in result.suspects if s.row in bad]) > 0.9
    assert result.rate == pytest.approx(WRONG / 400, abs=0.03)
    assert result.noise[0][2] < 0.15


def test_the_worst_come_first(found):
    result = found[0]
    margins = [s.p_given - s.p_suggested for s in result.suspects]
    assert margins == sorted(margins)


def test_the_list_is_kept_with_a_page_and_a_file_to_fill_in(found):
    result, _, _, folder, data = found
    kept = json.loads((folder / "study" / "mislabelled.json").read_text())
    assert len(kept["suspects"]) == len(result.suspects)
    table = pl.read_csv(folder / "study" / "corrections.csv")
    assert table.columns[:4] == ["row", "given", "corrected", "suggested"]
    assert table["corrected"].null_count() == len(table)
    page = write_mislabelled(result, data, folder / "study").read_text()
    assert f"{len(result.suspects)} of 400" in page


def test_corrections_are_trained_with_and_found_again(found, tmp_path):
    result, bad, true, folder, _ = found
    table = pl.read_csv(folder / "study" / "corrections.csv").with_columns(corrected=pl.col("suggested"))
    table.write_csv(tmp_path / "fixes.csv")
    data = load(str(folder / "kinds.csv"), target="kind", corrections=tmp_path / "fixes.csv")
    right = data.source.frame["kind"].to_numpy() == true
    assert (~right).sum() < len(bad) / 3
    assert next(c for c in data.card.checks if c.code == "corrections").count == len(table)
    run = fit(QUICK.but(epochs=1), data, folder=tmp_path / "run")
    assert load_again(run.folder).fingerprint == data.fingerprint
    result.save(folder / "study")
    table.write_csv(folder / "study" / "corrections.csv")
    result.save(folder / "study")
    assert pl.read_csv(folder / "study" / "corrections.csv")["corrected"].null_count() == 0  # filled in: kept


def source():
    return Source(pl.DataFrame({"y": ["cat", "dog", "cat"]}), "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("row,given,corrected\n9,cat,dog\n", "3 rows"),
        ("row,given,corrected\n0,dog,cat\n", "row 0 is called 'cat'"),
        ("row,corrected\n0,dog\n", "lack the column 'given'"),
        ("row,given,corrected\nx,cat,dog\n", "no whole number"),
    ],
)
def test_corrections_of_other_data_are_refused(tmp_path, text, told):
    (tmp_path / "fixes.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        corrected(source(), tmp_path / "fixes.csv", ["y"])


def test_what_nobody_can_tell_is_set_aside(tmp_path):
    (tmp_path / "fixes.csv").write_text("row,given,corrected\n0,cat,?\n1,dog,\n2,cat,bee\n")
    assert corrected(source(), tmp_path / "fixes.csv", ["y"]).frame["y"].to_list() == [None, "dog", "bee"]


def test_the_joint_keeps_the_rows_of_each_label():
    draw = np.random.default_rng(0)
    given = draw.integers(0, 4, 200)
    output = draw.dirichlet(np.ones(4), 200)
    joint = confident_joint(output, given)
    assert np.allclose(joint.sum(axis=1), np.bincount(given, minlength=4))
    assert (thresholds(output, given) <= 1).all()
    assert len(suspicious(output, given, 7)) == 7


def test_numbers_have_no_wrong_labels():
    with pytest.raises(UsageError, match="has none"):
        mislabelled(Recipe(), load({"x": [1.0, 2.5, 3.0] * 20, "y": [0.1, 0.25, 0.7] * 20}, target="y"))


def test_pictures_are_shown(tmp_path: Path):
    draw = np.random.default_rng(0)
    for i in range(60):
        pixels = np.clip(draw.normal(60 if i % 2 else 200, 20, (8, 8)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    kinds = ["bright", "dark"] * 30
    kinds[4] = "dark"
    pl.DataFrame({"photo": [f"{i}.png" for i in range(60)], "kind": kinds}).write_csv(tmp_path / "photos.csv")
    data = load(str(tmp_path / "photos.csv"), target="kind")
    found = mislabelled(QUICK, data, folds=3)
    assert [s.row for s in found.suspects] == [4]
    assert "data:image/png;base64" in write_mislabelled(found, data, tmp_path / "page.html").read_text()
