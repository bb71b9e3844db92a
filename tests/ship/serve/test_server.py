"""A new version takes over without a lost request; counters tell what clients send; the page is made from the schema."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from importlib.resources import files

import pytest

import trainwell as tw
from ship.serve.kit import serving, table
from trainwell.ship.serve import page
from trainwell.ship.serve.start import Options

GOOD = {"age": 30, "job": "tech", "member": "yes", "hours": 40}


@pytest.fixture
def place(classifier, tmp_path):
    """A copy of the run, and a later version of it."""
    first, second = tmp_path / "first", tmp_path / "second"
    classifier.save(first)
    recipe = tw.Recipe(model="mlp", epochs=1, preset="quick")
    return first, tw.fit(recipe, tw.load(table().drop("pay", "hours"), "class"), seed=5).save(second).folder


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def test_a_new_version_takes_over_without_a_lost_request(place):
    first, second = place
    statuses, stop = [], threading.Event()
    with serving(tw.Run.open(first), options=Options(look_every=0.05)) as client:
        before = client.ask("/health")[2]["version"]

        def ask():
            while not stop.is_set():
                status, _, content = client.ask(body={"rows": [GOOD]})
                statuses.append((status, content.get("model", {}).get("version")))

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        until(lambda: len(statuses) > 20)
        for name in ("preparation", "weights.safetensors", "recipe.yaml", "run.json", "plan.json"):
            copy = shutil.copytree if (second / name).is_dir() else shutil.copy
            copy(second / name, first / name, **({"dirs_exist_ok": True} if copy is shutil.copytree else {}))
        until(lambda: client.ask("/health")[2]["version"] != before)
        after = client.ask("/health")[2]["version"]
        until(lambda: statuses[-1][1] == after)
        stop.set()
        for thread in asking:
            thread.join()
        assert [c["name"] for c in client.ask("/schema")[2]["columns"]] == ["age", "job", "member"]
    assert {status for status, _ in statuses} == {200}
    assert {version for _, version in statuses} == {before, after}


def test_a_broken_version_is_told_and_the_old_one_goes_on(place):
    first, _ = place
    with serving(tw.Run.open(first), options=Options(look_every=0.05)) as client:
        before = client.ask("/health")[2]
        (first / "weights.safetensors").write_bytes(b"not weights at all")
        until(lambda: "new version refused" in client.ask("/health")[2])
        assert client.ask("/health")[2]["version"] == before["version"]
        assert client.ask(body={"rows": [GOOD]})[0] == 200
        assert 'trainwell_reloads_total{result="refused"} 1' in client.ask("/metrics")[2].decode()


def counted(client):
    lines = client.ask("/metrics")[2].decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


@pytest.mark.parametrize("n", [1, 100])
def test_what_training_never_showed_is_counted_by_column(classifier, n):
    rows = [
        GOOD,
        GOOD | {"age": 900},
        GOOD | {"job": "pilot"},
        GOOD | {"job": None, "hours": None},
        GOOD | {"age": -3},
        {"age": 4.5},
    ]
    with serving(classifier) as client:
        client.answers(rows * n)
        found = counted(client)
    drift = {re.search(r'column="(\w+)",kind="(\w+)"', k).groups(): v for k, v in found.items() if "_drift_total" in k}
    wanted = {
        ("age", "out_of_range"): 3,
        ("job", "unseen"): 1,
        ("job", "missing"): 2,
        ("hours", "missing"): 2,
        ("member", "missing"): 1,
    }
    assert drift == {key: value * n for key, value in wanted.items()}
    assert found["trainwell_drift_rows_total"] == found["trainwell_rows_total"] == 6 * n


def test_requests_are_counted_by_status_and_time(classifier):
    with serving(classifier) as client:
        client.answers([GOOD, 3])
        client.ask(body=b"{")
        client.ask("/nowhere")
        found = counted(client)
    assert found['trainwell_requests_total{path="/predict",status="200"}'] == 1
    assert found['trainwell_requests_total{path="/predict",status="400"}'] == 1
    assert found['trainwell_requests_total{path="other",status="404"}'] == 1
    assert found["trainwell_bad_rows_total"] == 1
    assert found["trainwell_request_seconds_count"] == found['trainwell_request_seconds_bucket{le="+Inf"}'] == 2
    assert found["trainwell_batch_rows_sum"] == 1


def test_openapi_describes_the_row_of_this_network(rich):
    found = rich.ask("/openapi.json")[2]
    row = found["components"]["schemas"]["Row"]
    assert list(row["properties"]) == ["age", "job", "member", "hours"]
    operation = found["paths"]["/predict"]["post"]
    assert {"application/json", "text/csv", "multipart/form-data"} <= set(operation["requestBody"]["content"])
    status, _, content = rich.ask(body=operation["requestBody"]["content"]["application/json"]["schema"]["example"])
    assert (status, len(content["answers"])) == (200, 1)


def test_the_schema_has_what_the_page_needs(rich):
    found = rich.ask("/schema")[2]
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["age"]["low"] >= 18
    assert sorted(columns["job"]["labels"]) == ["farm", "sales", "tech"]
    assert found["target"]["classes"] == ["high", "low"]


def test_the_page_loads_nothing_from_elsewhere_and_is_in_the_browsers_language(rich):
    status, headers, content = rich.ask("/", accept_language="zh-CN,zh;q=0.9,en;q=0.8")
    assert (status, b'<html lang="zh">' in content) == (200, True)
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b'<html lang="en">' in rich.ask("/", accept_language="fr, en")[2]
    everything = content + rich.ask("/page.css")[2] + rich.ask("/page.js")[2]
    assert set(re.findall(rb"https?://[\w./]+", everything)) == {b"http://www.w3.org/2000/svg"}
    assert b"innerHTML" not in everything


def test_both_languages_have_every_word_that_the_page_asks_for():
    words = json.loads(files("trainwell.ship.serve").joinpath("page_words.json").read_text(encoding="utf-8"))
    assert words["en"].keys() == words["zh"].keys()
    for key, text in words["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["zh"][key])), key
    asked = set(re.findall(r'data-say="(\w+)"', page.html(""))) | set(re.findall(r'say\("(\w+)"', page.PARTS["js"][1]))
    assert asked <= words["en"].keys()
