"""Every verb does what its Python call does; results go to stdout, everything else to stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from trainwell.core.recipe_file import read_recipe
from trainwell.data.load import load
from trainwell.evaluate.run import evaluate
from trainwell.report.parts import describe_parts
from trainwell.report.runs import list_runs
from trainwell.train.lr_find import find_rate
from trainwell.train.resume import load_again
from trainwell.train.run import Run

from .command import TINY, Said, done, like, plain, trainwell

FILES = {"recipe.yaml", "card.json", "source.json", "plan.json", "history.jsonl", "checkpoints", "weights.safetensors"}
FILES |= {"preparation", "run.json", "evaluation.json", "report.html"}


def test_fit_trains_evaluates_and_reports(fitted: tuple[Path, Said]) -> None:
    folder, said = fitted
    assert {path.name for path in folder.iterdir()} >= FILES
    assert "accuracy" in said.out
    assert "train loss" not in said.out
    assert str(folder / "report.html") in plain(said.err)
    assert "mlp, finished after" in said.err
    assert "nan" not in said.err


def test_recipe_keys_on_the_command_line_reach_the_run(run: Path) -> None:
    recipe = read_recipe(run / "recipe.yaml")
    assert (recipe.target, recipe.learning_rate, recipe.epochs) == ("income", 0.01, 3)
    assert recipe.model.options == {"width": 8, "depth": 1}


def test_of_file_flag_and_key_the_later_wins(table: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("target: city\nepochs: 9\npreset: best\nmodel: {name: mlp, width: 4}\nseed_is: no\n")
    assert trainwell("look", table).code == 1  # nobody said what to predict
    refused = trainwell("fit", table, "--config", tmp_path / "recipe.yaml")
    assert (refused.code, "seed_is" in refused.err) == (1, True)
    (tmp_path / "recipe.yaml").write_text("target: city\nepochs: 9\npreset: best\nmodel: {name: mlp, width: 4}\n")
    words = ["--target", "income", "--preset", "quick", *TINY, "epochs=1", "--no-report", "--json"]
    done("fit", table, "--config", tmp_path / "recipe.yaml", *words, "--out", tmp_path / "run")
    recipe = read_recipe(tmp_path / "run/recipe.yaml")
    assert (recipe.target, recipe.preset, recipe.epochs, recipe.model.options["width"]) == ("income", "quick", 1, 8)


def test_fit_json_is_the_run_and_its_evaluation(table: Path, tmp_path: Path) -> None:
    said = done("fit", table, "-t", "income", "--out", tmp_path / "run", *TINY, "epochs=1", "--json").json
    run = Run.open(tmp_path / "run")
    assert said["run"] == str(tmp_path / "run")
    assert {key: said[key] for key in run.summary} == run.summary
    assert like(said["evaluation"], evaluate(run, load_again(run.folder)).to_dict(), without=["seconds"])


def test_evaluate_json_is_what_evaluate_returns(run: Path) -> None:
    said = done("evaluate", run, "--part", "valid", "--no-baseline", "--json")
    found = evaluate(Run.open(run), load_again(run), part="valid", baselines=False)
    assert like(said.json, found.to_dict(), without=["seconds"])
    assert trainwell("test", run, "--part", "valid", "--no-baseline", "--json").json["scores"] == said.json["scores"]


def test_evaluate_on_other_rows_scores_all_of_them(run: Path, table: Path) -> None:
    assert done("evaluate", run, "--on", table, "--no-baseline", "--json").json["n"] == 160


def test_look_json_is_the_card(table: Path) -> None:
    assert like(done("look", table, "-t", "income", "--json").json, load(str(table), "income").card.to_dict())
    assert "income" in done("look", table, "-t", "income").out


def test_lr_find_json_is_what_find_rate_returns(table: Path) -> None:
    said = done("lr-find", table, "-t", "income", *TINY, "--json").json
    run = find_rate(read_recipe_of(TINY), load(str(table), "income"))
    assert said["suggestion"] == pytest.approx(run.suggestion)
    assert said["losses"] == pytest.approx(run.losses, rel=1e-4)


def read_recipe_of(assignments: list[str]):
    from trainwell.cli.arguments import recipe_from

    return recipe_from(assignments, target="income")


def test_summary_runs_and_parts_json_are_their_python_results(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert like(done("summary", run, "--json").json, [vars(layer) for layer in Run.open(run).layers()])
    assert like(done("runs", run.parent, "--json").json, list_runs(run.parent))
    assert like(done("parts", "model", "--json").json, describe_parts("model"))
    monkeypatch.chdir(run.parent.parent)
    assert "runs/first" in done("runs").out


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_predict_writes_what_run_predict_returns(run: Path, table: Path, tmp_path: Path, suffix: str) -> None:
    readers = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".json": pl.read_json}
    said = done("predict", run, table, "--to", tmp_path / "new folder" / f"answers{suffix}")
    assert said.out == ""
    found = readers[suffix](tmp_path / "new folder" / f"answers{suffix}")
    expected = Run.open(run).predict(str(table))
    assert found["prediction"].to_list() == expected["prediction"].to_list()
    assert found["p_high"].to_list() == pytest.approx(expected["p_high"].to_list())


def test_predict_prints_csv_or_json_and_counts_odd_rows(run: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("age,hours,city\n30,40,Oslo\nold,40,Atlantis\n")
    said = done("predict", run, tmp_path / "odd.csv")
    rows = pl.read_csv(said.out.encode())
    assert rows.columns == ["prediction", "confidence", "p_high", "p_low", "problem"]
    assert rows["problem"].is_null().to_list() == [True, False]
    assert "1 of 2 rows had something odd" in said.err
    assert [row["prediction"] for row in done("predict", run, tmp_path / "odd.csv", "--json").json] == rows[
        "prediction"
    ].to_list()


def test_predict_says_which_rows_of_the_file_have_no_answer(run: Path, tmp_path: Path) -> None:
    (tmp_path / "ragged.csv").write_text("age,city,income\n39,Rome,high\n41,Rome,low,low\n50,Oslo,low\n")
    said = done("predict", run, tmp_path / "ragged.csv")
    assert len(pl.read_csv(said.out.encode())) == 2
    assert "Set aside 1 row" in said.err


def test_predict_keeps_the_columns_that_were_asked_for(run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,age,hours,city,p_low\nx7,30,40,Oslo,1\nx9,41,40,Oslo,2\n")
    rows = pl.read_csv(done("predict", run, tmp_path / "new.csv", "--keep", "id", "--keep", "age").out.encode())
    assert rows.columns[:3] == ["id", "age", "prediction"]
    assert (rows["id"].to_list(), rows["age"].to_list()) == (["x7", "x9"], [30, 41])
    for column, code, said in (("idd", 1, "no column"), ("p_low", 2, "of their own")):
        refused = trainwell("predict", run, tmp_path / "new.csv", "--keep", column)
        assert (refused.code, said in refused.err) == (code, True)


def test_report_names_the_file_it_wrote(run: Path) -> None:
    (run / "report.html").unlink()
    assert done("report", run, "--no-baseline").out.strip() == str(run / "report.html")
    assert "<html" in (run / "report.html").read_text(encoding="utf-8")
    said = done("report", run, "--no-baseline", "--json").json
    assert said["report"] == str(run / "report.html")
    assert said["evaluation"]["part"] == "test"


def test_files_of_trackers_lie_in_the_run(table: Path, tmp_path: Path) -> None:
    done("fit", table, "-t", "income", "--out", tmp_path / "run", *TINY, "epochs=1", "--no-report", "--tracker", "tensorboard")
    assert [path.name.split(".")[0] for path in (tmp_path / "run/tensorboard").iterdir()] == ["events"]


def test_explain_shows_options_with_defaults_and_every_meaning_of_a_word() -> None:
    page = plain(done("explain", "cosine").out)
    assert "warmup 0.05" in page
    assert "(recipe key)" in done("explain", "lr").out
    assert "(norm)" in done("explain", "none").out


def test_the_demo_deletes_only_its_own_earlier_run(tmp_path: Path) -> None:
    from trainwell.cli.train_verbs import _forget_demo

    for source, stays in (("people.csv", True), ("digits", False)):
        folder = tmp_path / source
        folder.mkdir()
        (folder / "source.json").write_text(f'{{"source": "{source}"}}')
        _forget_demo(folder)
        assert folder.exists() == stays


def test_the_demo_reads_digits_well(tmp_path: Path) -> None:
    said = done("demo", "--out", tmp_path / "demo", "--json").json
    assert said["evaluation"]["scores"]["accuracy"]["value"] >= 0.98
    assert (tmp_path / "demo/report.html").stat().st_size > 10_000


def test_two_runs_are_compared_with_what_differs_between_them(run: Path, table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    done("fit", table, "-t", "income", "--out", other, *TINY, "epochs=3", "lr=1e-5", "--no-report")
    said = plain(done("runs", "compare", run, other, "--part", "train").out)
    assert "learning_rate" in said
    assert "accuracy" in said or "loss" in said
    found = done("runs", "compare", run, other, "--json").json
    assert found["differences"]["learning_rate"] == [0.01, 1e-5]
    for words, sentence in (
        (["compare", run], "two runs are compared, not 1"),
        (["a", "b"], "one folder is listed, not 2"),
        (["compare", run, other, "--part", "some"], "is no part"),
    ):
        refused = trainwell("runs", *words)
        assert refused.code == 2
        assert sentence in refused.err


def test_the_shell_completes_verbs_and_flags() -> None:
    for typed, expected in (("trainwell run", "runs"), ("trainwell fit --tra", "--tracker")):
        words = typed.split()
        settings = {"_TRAINWELL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
        command = [sys.executable, "-c", "import sys; sys.argv = ['trainwell']; from trainwell.cli.main import run; run()"]
        outcome = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
        assert expected in outcome.stdout.split(), outcome.stderr
