"""Exports answer as the network does, on rows of every kind, and are not written where they would not."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from cli.command import done, trainwell
from train.small import numbers, reviews
from trainwell.core.errors import CompileError, DataError, UsageError
from trainwell.data.kinds.picture import State
from trainwell.data.load import load
from trainwell.score.decision import Decision
from trainwell.ship.answering import answering_of, encoded, traced_quietly
from trainwell.ship.bundle import bundle
from trainwell.ship.export import export, said
from trainwell.study.ensemble.make import ensemble
from trainwell.train.fit import fit
from trainwell.train.raw_rows import as_source
from trainwell.train.run import Run

from .small import odd_rows, people, recipe, trained

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from trainwell.ship.onnx_file import LABEL, onnx_model
from trainwell.ship.onnx_graph import Graph
from trainwell.ship.onnx_pictures import picture_column
from trainwell.ship.onnx_rows import answers_of, feeds_of, session_of

JAVA = Path(__file__).parent / "java"


def by_onnx(trained: Run, rows: object) -> tuple[np.ndarray, list]:
    """Answers and labels of a graph in memory."""
    session = session_of(onnx_model(trained).SerializeToString())
    feeds = feeds_of(rows, trained.preparation, answering_of(trained)[1])
    labels = [output.name for output in session.get_outputs() if output.name == LABEL]
    return answers_of(session, feeds), session.run(labels, feeds)[0].tolist() if labels else []


def test_a_thousand_odd_rows_get_the_same_answers_from_onnx_and_pt2(run: Run, tmp_path: Path):
    rows = odd_rows(1_000)
    frame = run.predict(rows)
    ours = frame.select("p_high", "p_low").to_numpy()
    theirs, labels = by_onnx(run, rows)
    assert np.abs(ours - theirs).max() < 1e-5
    sure = np.abs(ours[:, 0] - 0.5) > 1e-5
    assert np.array(labels)[sure].tolist() == frame["prediction"].to_numpy()[sure].tolist()
    made = export(run, tmp_path / "people.pt2")
    arrays = encoded(answering_of(run)[1], as_source(rows, run.preparation))
    module = torch.export.load(made.path).module()
    assert np.abs(module(*map(torch.from_numpy, arrays)).detach().numpy() - ours).max() < 1e-5


SCALES = [
    {"scale": "log", "outliers": "replace"},
    {"scale": "robust", "outliers": "clip"},
    {"scale": "none", "missing": "constant"},
]


@pytest.mark.parametrize("prepare", SCALES, ids=lambda p: p["scale"])
def test_every_way_to_prepare_numbers_is_in_the_graph(prepare: dict):
    run = trained("price", prepare=prepare)
    rows = odd_rows(200)
    ours = said(run, as_source(rows, run.preparation))
    theirs, _ = by_onnx(run, rows)
    assert (np.abs(ours - theirs) / np.maximum(run.preparation.target.spread, np.abs(ours))).max() < 1e-5


@pytest.mark.parametrize("how", ["bagging", "boosting"])
def test_ensembles_are_one_graph(how: str, tmp_path: Path):
    team = ensemble(recipe(epochs=1), load(people(), target="rich"), members=3, how=how)
    for form in ("onnx", "pt2", "torchscript"):
        assert export(team, tmp_path / f"team.{form}", form=form, rows=people(seed=3)).difference < 1e-5


def test_texts_and_members_in_one_network_are_exported(tmp_path: Path):
    texts = reviews(60)
    reader = fit(recipe(epochs=1, columns={"review": "text"}), texts)
    made = export(reader, tmp_path / "reader.onnx", rows=texts.source)
    assert "encode" in made.inputs["text"]
    assert "NaN" in made.inputs["seats"]
    many = trained(model={"name": "tabm", "width": 8, "k": 3, "bins": 8})
    assert np.abs(by_onnx(many, people())[0] - said(many, as_source(people(), many.preparation))).max() < 1e-5


@pytest.mark.parametrize(
    "decision",
    [{"temperature": 2.5, "thresholds": [0.3]}, {"steps": [[0.2, 0.1], [0.4, 0.4], [0.4, 0.6], [0.8, 0.9]]}],
    ids=["temperature", "steps"],
)
def test_corrected_probabilities_and_thresholds_are_in_the_graph(decision: dict):
    run = trained()
    run.summary["decision"] = decision
    assert run.decision != Decision()
    answers, labels = by_onnx(run, people())
    frame = run.predict(people())
    assert np.abs(answers - frame.select("p_high", "p_low").to_numpy()).max() < 1e-5
    assert labels == frame["prediction"].to_list()


def test_several_labels_and_ranks_are_said_by_the_graph():
    frame = people().with_columns(old=(pl.col("price") > 3000).cast(pl.Int8), busy=(pl.col("hours") > 30).cast(pl.Int8))
    several = recipe(task="multilabel", target=["old", "busy"], epochs=1)
    run = fit(several, load(frame.drop("rich"), recipe=several))
    answers, labels = by_onnx(run, frame)
    assert np.abs(answers - run.predict(frame).select("p_old", "p_busy").to_numpy()).max() < 1e-5
    named = ["; ".join(np.array(["old", "busy"])[np.array(row, bool)]) for row in labels]
    assert named == run.predict(frame)["prediction"].to_list()
    ranked = recipe(task="ordinal", target="rank", epochs=1)
    frame = people().with_columns(rank=(pl.col("hours") // 20).cast(pl.String)).drop("rich")
    run = fit(ranked, load(frame, recipe=ranked))
    assert by_onnx(run, frame)[1] == run.predict(frame)["prediction"].to_list()


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 24, 24), (1, 20, 12)])
def test_pictures_of_any_size_are_resized_as_training_does_it_to_the_bit(channels: int, height: int, width: int):
    from onnx import TensorProto, helper

    from trainwell.data.decode_picture import Geometry, conform_array

    graph = Graph("p/")
    out = picture_column(graph, "x", State(channels, height, width))
    ends = [
        helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", "h", "w", channels]),
        helper.make_tensor_value_info(out, TensorProto.UINT8, ["n", channels, height, width]),
    ]
    whole = helper.make_graph(graph.nodes, "p", ends[:1], ends[1:], graph.constants)
    session = session_of(
        helper.make_model(whole, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    )
    draw = np.random.default_rng(0)
    sizes = [(1, 1), (1, 300), (300, 1), (24, 24), (20, 12), (200, 97), (97, 200), *draw.integers(1, 260, (40, 2)).tolist()]
    for h, w in sizes:
        pixels = draw.integers(0, 256, (1, h, w, channels), dtype=np.uint8)
        ours = conform_array(pixels[0], Geometry(channels, height, width))
        assert np.array_equal(session.run(None, {"x": pixels})[0][0], ours), (h, w)


def test_a_network_on_pictures_takes_pixels_of_any_size(tmp_path: Path):
    draw = np.random.default_rng(0)
    data = load((draw.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8), np.arange(40) % 2))
    run = fit(recipe(model={"name": "cnn", "width": 4, "stages": 1}, epochs=1), data)
    made = export(run, tmp_path / "p.onnx", rows=data.source)
    large = draw.integers(0, 256, (5, 31, 57, 3), dtype=np.uint8)
    found = answers_of(session_of(made.path), {"picture": large})
    ours = run.predict_arrays(run.preparation.encode(as_source({"picture": large}, run.preparation)).arrays["picture"])
    assert np.abs(found - ours).max() < 1e-5
    assert export(run, tmp_path / "p.ts", rows=data.source).difference < 1e-5


def test_a_fixed_batch_takes_so_many_rows_and_no_others(run: Run, tmp_path: Path):
    made = export(run, tmp_path / "four.onnx", batch=4)
    session = session_of(made.path)
    assert {value.shape[0] for value in session.get_inputs()} == {4}
    free = session_of(export(run, tmp_path / "any.onnx").path)
    assert {value.shape[0] for value in free.get_inputs()} == {"rows"}
    feeds = feeds_of(people().head(3), run.preparation, answering_of(run)[1])
    assert len(answers_of(free, feeds)) == 3
    with pytest.raises(Exception, match="Got: 3 Expected: 4"):
        answers_of(session, feeds)


class Moody(nn.Module):
    """Answers otherwise once it is traced, as a network with hidden state would."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 2)

    def forward(self, x):
        return self.layer(x) + (1.0 if torch.compiler.is_exporting() else 0.0) * torch.tensor([0.0, 1.0])


def test_an_export_that_answers_differently_is_not_written(tmp_path: Path):
    data = numbers(60)
    moody = fit(recipe(epochs=1), data, network=Moody())
    with pytest.raises(CompileError, match=r"differently.*0\.2.*1e-05"):
        export(moody, tmp_path / "moody.pt2", rows=data.source)
    assert not list(tmp_path.iterdir())


class Choosy(nn.Module):
    """Takes a way that depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 2)

    def forward(self, x):
        return self.layer(x) if float(x.sum()) > 0 else self.layer(-x)


def test_what_cannot_be_traced_is_a_sentence(tmp_path: Path):
    data = numbers(60)
    choosy = fit(recipe(epochs=1), data, network=Choosy())
    with pytest.raises(CompileError, match="cannot be traced") as error:
        export(choosy, tmp_path / "choosy.onnx", rows=data.source)
    assert "\n" not in str(error.value)


def test_without_real_rows_nothing_is_written(tmp_path: Path):
    with pytest.raises(DataError, match="real rows"):
        export(trained(), tmp_path / "x.onnx")
    with pytest.raises(UsageError, match="which format"):
        export(trained(), tmp_path / "x.keras")
    with pytest.raises(UsageError, match="Did you mean onnx"):
        export(trained(), tmp_path / "x", form="onx")
    assert not list(tmp_path.iterdir())


def test_the_java_project_holds_rows_whose_answers_it_can_check(run: Run, tmp_path: Path):
    made = export(run, tmp_path / "java", form="djl")
    rows = json.loads((made.path / "model" / "rows.json").read_text())["columns"]
    expected = json.loads((made.path / "model" / "expected.json").read_text())
    session = session_of(made.path / "model" / "model.onnx")
    assert [column["name"] for column in rows] == [value.name for value in session.get_inputs()]
    types = {"string": object, "float64": np.float64, "int64": np.int64}
    feeds = {}
    for column in rows:
        cells = [float("nan") if cell is None else cell for cell in column["cells"]]
        feeds[column["name"]] = np.array(cells, types[column["type"]]).reshape(column["shape"])
    found = answers_of(session, feeds).ravel()
    assert np.abs(found - expected["answers"]).max() < 1e-5 * expected["unit"]
    assert expected["names"] == ["high", "low"]
    assert "gradle run" in (made.path / "README.md").read_text()


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no Java compiler")
def test_the_java_sources_compile_against_the_signatures_they_use(run: Run, tmp_path: Path):
    """The signatures in `java/` were written by hand; DJL itself is not here, so nothing of it is run."""
    made = export(run, tmp_path / "java", form="djl")
    sources = [*made.path.rglob("*.java"), *JAVA.rglob("*.java")]
    command = ["javac", "-Xlint:all,-serial", "-Werror", "-d", str(tmp_path / "classes"), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "classes" / "trainwell" / "SelfCheck.class").exists()


def test_the_command_line_exports_runs_and_bundles(run: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert "answers differ" in done("export", run.folder, "--to", "onnx").out
    assert done("export", run.folder, "--to", "named.onnx").out.startswith("named.onnx: answers differ")
    assert (
        trainwell("export", run.folder).code == trainwell("export", run.folder, "--to", "a.onnx", "--out", "b.onnx").code == 2
    )
    assert (tmp_path / "run.onnx").exists()
    packed = bundle(run, tmp_path / "people.tw")
    refused = trainwell("export", packed, "--to", "torchscript")
    assert refused.code == 1
    assert "--rows FILE" in refused.err
    told = done("export", packed, "--to", "torchscript", "--rows", table, "--json").json
    assert told["difference"] < 1e-5
    extra = {"trainwell.json": ""}
    with traced_quietly():
        torch.jit.load(io.BytesIO((tmp_path / told["path"]).read_bytes()), _extra_files=extra)
    assert json.loads(extra["trainwell.json"])["schema"]["target"]["classes"] == ["high", "low"]
    assert trainwell("export", packed, "--to", "keras").code == 2
