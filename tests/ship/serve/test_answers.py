"""A server answers with the bits of `predict`, whatever the rows hold and whoever else is asking."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from PIL import Image

import trainwell as tw
from ship.serve.kit import odd_rows, serving, table
from trainwell.ship.serve.start import Options


def same(answers, frame):
    """Answers hold the numbers, labels and words of what `predict` gave."""
    classes = [name[2:] for name in frame.columns if name.startswith("p_")]
    for answer, row in zip(answers, frame.to_dicts(), strict=True):
        assert answer["prediction"] == row["prediction"]
        if classes:
            assert answer["confidence"] == row["confidence"]
            assert [answer["probabilities"][c] for c in classes] == [row[f"p_{c}"] for c in classes]
        said = [f"{p['field'].partition('.')[2]}: {p['says']}" for p in answer.get("problems", [])]
        assert "; ".join(said) == (row["problem"] or "")


@pytest.mark.parametrize("n", [1, 3, 40, 1000])
def test_odd_rows_are_answered_with_the_bits_of_predict(rich, classifier, n):
    rows = odd_rows(n)
    same(rich.answers(rows), classifier.predict(rows))


def test_numbers_are_answered_in_their_own_unit(regressor):
    rows = odd_rows(200)
    with serving(regressor) as client:
        same(client.answers(rows), regressor.predict(rows))
        same(client.answers(rows[:1]), regressor.predict(rows[:1]))


def test_the_bits_do_not_depend_on_who_else_is_asking(rich, classifier):
    rows = [row for row in odd_rows(400) if set(row) >= {"age", "job", "member", "hours"}][:96]
    alone = [classifier.predict([row])["p_high"][0] for row in rows]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda row: rich.answers([row])[0]["probabilities"]["high"], rows))
    assert together == alone


def test_a_bad_row_is_an_error_of_that_row_alone(rich, classifier):
    good = odd_rows(6)
    rows = [good[0], 7, good[1], {"age": [1]}, good[2], {"colour": 1}, {"job": "\ud800"}, *good[3:]]
    answers = rich.answers(rows)
    bad = {1: "rows[1]", 3: "rows[3].age", 5: "rows[5]", 6: "rows[6].job"}
    assert {place: a["error"]["field"] for place, a in enumerate(answers) if "error" in a} == bad
    same([a for a in answers if "error" not in a], classifier.predict(good))


def test_a_table_is_answered_like_the_file(rich, classifier, tmp_path):
    lines = [f"{row.get('age', '')},{row.get('job', '')},{row.get('member', '')}" for row in odd_rows(50)]
    blob = "\n".join(["age,job,member", *lines]).replace("1,5", "1.5").encode()
    (tmp_path / "rows.csv").write_bytes(blob)
    wanted = classifier.predict(tmp_path / "rows.csv")
    status, _, content = rich.ask(body=blob, content_type="text/csv", accept="text/csv")
    assert (status, content.decode()) == (200, wanted.write_csv())
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\n' + blob + b"\r\n--x--\r\n"
    status, _, content = rich.ask(body=form, content_type="multipart/form-data; boundary=x")
    assert status == 200
    same(content["answers"], wanted)


def test_a_picture_is_answered_as_bytes_and_as_base64_and_never_from_a_path(digits, tmp_path):
    cells = (np.random.default_rng(0).random((2, 11, 9, 3)) * 255).astype(np.uint8)
    blobs = [png(cell) for cell in cells]
    name = digits.preparation.columns[0].name
    files = [tmp_path / f"{number}.png" for number in range(2)]
    for file, blob in zip(files, blobs, strict=True):
        file.write_bytes(blob)
    wanted = digits.predict(files).drop(name)
    with serving(digits) as client:
        _, _, one = client.ask(body=blobs[0], content_type="image/png")
        same(one["answers"], digits.predict(files[:1]).drop(name))
        coded = [{name: base64.b64encode(blob).decode()} for blob in blobs]
        same(client.answers([*coded, {name: "data:image/png;base64," + coded[0][name]}]), wanted[[0, 1, 0]])
        bad = client.answers([coded[0], {name: "aGVsbG8="}, {name: "/etc/hostname"}, {name: "http://127.0.0.1/a.png"}])
        assert [("error" in a) for a in bad] == [False, True, True, True]
        status, _, _ = client.ask(body=b"picture\n/etc/hostname\n", content_type="text/csv")
        assert status == 422


def png(cell):
    file = io.BytesIO()
    Image.fromarray(cell).save(file, "png")
    return file.getvalue()


def test_series_are_forecast_from_their_history():
    steps = np.arange(240)
    frame = pl.DataFrame({"day": steps, "load": np.sin(steps / 4).round(4)})
    recipe = tw.Recipe(target="load", epochs=1, preset="quick", model="nlinear", series={"time": "day", "horizon": 6})
    run = tw.fit(recipe, tw.load(frame, "load", recipe=recipe))
    wanted = run.predict(frame)
    with serving(run) as client:
        assert client.answers(frame.to_dicts()) == json.loads(json.dumps(wanted.to_dicts()))
        status, _, content = client.ask(body=frame.write_csv().encode(), content_type="text/csv", accept="text/csv")
        assert (status, len(content.splitlines())) == (200, len(wanted) + 1)


def test_an_ensemble_and_a_bundle_answer_too(classifier, tmp_path):
    rows = odd_rows(9)
    opened = tw.open_bundle(tw.bundle(classifier, tmp_path / "rich.tw"))
    with serving(opened) as client:
        same(client.answers(rows), classifier.predict(rows))
    data = tw.load("iris")
    team = tw.ensemble(tw.Recipe(model="mlp", epochs=1, preset="quick"), data, members=2)
    rows = data.source.frame.head(5).to_dicts()
    with serving(team) as client:
        same(client.answers(rows), team.predict(rows))


def test_the_most_probable_classes_are_enough(digits):
    name = digits.preparation.columns[0].name
    row = {name: base64.b64encode(png(np.zeros((8, 8), np.uint8))).decode()}
    with serving(digits) as client:
        _, _, content = client.ask("/predict?top=3", {"rows": [row]})
        _, _, whole = client.ask(body={"rows": [row]})
    found, every = content["answers"][0], whole["answers"][0]["probabilities"]
    assert sorted(found["probabilities"].values()) == sorted(every.values())[-3:]
    assert found["prediction"] in found["probabilities"]


def test_fast_batches_change_the_last_digits_only(classifier):
    rows = odd_rows(8)
    with serving(classifier, options=Options(fast=True)) as client:
        found = [a["probabilities"]["high"] for a in client.answers(rows)]
    np.testing.assert_allclose(found, classifier.predict(rows)["p_high"].to_numpy(), atol=1e-6)


def test_the_nearest_training_rows_are_told_where_the_bundle_has_them(classifier, digits, tmp_path):
    table().drop("pay").write_csv(tmp_path / "rich.csv")
    run = tw.fit(
        tw.Recipe(model="mlp", epochs=1, preset="quick"), tw.load(tmp_path / "rich.csv", "class"), folder=tmp_path / "run"
    )
    opened = tw.open_bundle(tw.bundle(run, tmp_path / "a.tw", examples=30))
    with serving(opened) as client:
        assert client.ask("/schema")[2]["examples"] == 30
        status, _, content = client.ask("/nearest", {"rows": [dict(opened.examples.rows[4]), {"age": 30}]})
        assert status == 200
        assert content["nearest"][0][0] == {"row": opened.examples.rows[4], "answer": opened.examples.answers[4]} | {
            "distance": content["nearest"][0][0]["distance"]
        }
        assert [len(found) for found in content["nearest"]] == [3, 3]
        assert client.ask("/nearest", {"rows": [{"age": 30}] * 33})[0] == 413
        assert client.ask("/nearest", {"rows": [{"age": [1]}]})[0] == 422
        assert client.ask("/nearest", b"not json")[0] == 400
        assert client.ask("/nearest")[0] == 405
    with serving(classifier) as client:
        assert client.ask("/nearest", {"rows": [{"age": 30}]})[0] == 404
        assert client.ask("/schema")[2]["examples"] == 0
