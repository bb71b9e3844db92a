"""The board shows the runs that are there, as they are now; it writes nothing, and a thousand of them are no burden."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

import trainwell as tw
from trainwell.core.errors import TrainwellError
from trainwell.report.board.index import Index
from trainwell.report.board.serve import open_board


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs, the second below a folder of its own."""
    root = tmp_path_factory.mktemp("board")
    for seed, name in enumerate(("a", "study/b")):
        tw.fit(tw.Recipe(model="mlp", epochs=2 + seed, preset="quick"), tw.load("iris"), seed=seed, folder=root / name)
    return root


@pytest.fixture(scope="module")
def ask(runs):
    """Status, headers and text of a page."""
    with open_board(runs, port=0) as server:

        def get(path="/", **headers):
            request = urllib.request.Request(server.url + path, headers=headers)
            try:
                with urllib.request.urlopen(request) as response:
                    return response.status, response.headers, response.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.headers, error.read().decode()

        yield get


def test_every_run_is_listed_and_linked(ask):
    status, headers, text = ask()
    assert status == 200
    assert sorted(re.findall(r'href="run\?name=([^"]+)"', text)) == ["a", "study%2Fb"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_a_run_shows_curves_findings_and_recipe(ask):
    _, _, text = ask("/run?name=study%2Fb")
    assert text.count("<figure") == 3
    assert "Findings" in text
    assert "model:" in text


def test_runs_stand_beside_each_other(ask):
    _, _, text = ask("/compare?run=a&run=study%2Fb")
    assert "validation loss" in text
    assert "<td><code>epochs</code></td><td>2</td><td>3</td>" in text
    assert "Scores" in text
    assert "What differs" in text
    assert "Runs" in ask("/compare?run=a")[2]  # one alone is no comparison: back to the list


def test_words_choose_runs(ask):
    assert "name=a" not in ask("/rows?words=study")[2]
    assert "No run here yet." in ask("/rows?words=nothing")[2]
    assert ask("/rows?most=x")[0] == 200


def test_what_has_not_changed_is_not_sent_again(ask):
    _, headers, text = ask("/rows")
    assert ask("/rows", **{"If-None-Match": headers["etag"]})[::2] == (304, "")
    assert text


@pytest.mark.parametrize("name", ["", "..", "../board", "/etc", "a/../a", "%00", "study"])
def test_only_runs_of_the_list_are_opened(ask, name):
    for page in ("run", "run-part", "report"):
        assert ask(f"/{page}?name={name}")[0] == 404


def test_other_names_of_this_machine_are_refused(ask):
    assert ask("/", Host="evil.example")[0] == 421


def test_a_run_at_work_is_seen_growing(runs, tmp_path):
    folder = tmp_path / "now"
    shutil.copytree(runs / "a", folder)
    (folder / "run.json").unlink()
    lines = (folder / "history.jsonl").read_text().splitlines(keepends=True)
    (folder / "history.jsonl").write_text("".join(lines[:2]))
    index = Index(tmp_path)
    first = index.entries()[0]
    assert first.status == "running"
    (folder / "history.jsonl").write_text("".join(lines))
    assert index.entries()[0].epoch > first.epoch
    (folder / "run.json").write_text((runs / "a" / "run.json").read_text())
    assert index.entries()[0].status == "finished"
    shutil.rmtree(folder)
    assert index.entries() == []


def test_damaged_runs_do_not_hide_the_others(runs, tmp_path):
    shutil.copytree(runs / "a", tmp_path / "good")
    for name, content in {"torn": '{"monitor": ', "other": "[]", "old": '{"seed": 1}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text(content)
    assert [entry.name for entry in Index(tmp_path).entries()] == ["good"]


def test_a_thousand_runs_are_listed_again_without_being_read_again(runs, tmp_path):
    told = {name: (runs / "a" / name).read_text() for name in ("plan.json", "run.json", "history.jsonl")}
    for number in range(1000):
        folder = tmp_path / f"{number:04}"
        folder.mkdir()
        for name, text in told.items():
            (folder / name).write_text(text)
    index = Index(tmp_path)
    assert len(index.entries()) == 1000
    start = time.process_time()
    index.entries()
    assert time.process_time() - start < 0.5


def test_no_folder_is_said():
    with pytest.raises(TrainwellError, match="no such folder"):
        Index(Path("nowhere at all"))


def test_the_board_writes_nothing(runs, ask):
    def seen():
        return {str(p): p.stat().st_mtime_ns for p in sorted(runs.rglob("*"))}

    before = seen()
    for path in ("/", "/run?name=a", "/compare?run=a&run=study%2Fb"):
        ask(path)
    assert seen() == before
    assert json.loads((runs / "a" / "run.json").read_text())["status"] == "finished"
