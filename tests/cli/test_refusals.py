"""Whatever is wrong, one sentence on stderr says it, nothing is on stdout, and the exit code tells refusal from misuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import done, people, trainwell

MISUSE = [
    (["ft"], "fit"),
    (["fit"], "source"),
    (["fit", "people.csv", "--tagret", "x"], "--target"),
    (["fit", "people.csv", "income"], "key=value"),
    (["fit", "people.csv", "-t", "income", "--time-limit", "soon"], "10m"),
    (["predict", "RUN", "people.csv", "--to", "answers.doc"], ".parquet"),
    (["fit", "RUN", "epochs=3"], "recipe keys"),
    (["fit", "RUN", "--seed", "3"], "other settings"),
    (["verify-resume", "digits", "--kills", "0"], "kills"),
]
REFUSALS = [
    (["fit", "pepole.csv", "-t", "income"], "people.csv"),
    (["fit", "people.csv", "-t", "incme"], "income"),
    (["fit", "people.csv"], "income"),
    (["fit", "people.csv", "-t", "income", "lerning_rate=1"], "learning_rate"),
    (["look", "people.csv", "-t", "income", "split.hwo=time"], "how"),
    (["fit", "people.csv", "-t", "income", "epochs=many"], "epochs"),
    (["fit", "people.csv", "-t", "income", "--preset", "huge"], "quick"),
    (["fit", "people.csv", "-t", "income", "--config", "none.yaml"], "none.yaml"),
    (["predict", "RUN", "nothing.csv"], "nothing.csv"),
    (["predict", "nowhere", "people.csv"], "nowhere"),
    (["evaluate", "RUN", "--part", "exam"], "valid"),
    (["evaluate", "nowhere"], "nowhere"),
    (["report", "nowhere"], "nowhere"),
    (["summary", "nowhere"], "nowhere"),
    (["resume", "nowhere"], "nowhere"),
    (["runs", "nowhere"], "nowhere"),
    (["parts", "modle"], "model"),
    (["explain", "adamv"], "adamw"),
    (["init", "."], "not empty"),
    (["lr-find", "people.csv"], "income"),
]


@pytest.fixture
def place(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table in it, from which the commands are started."""
    people(tmp_path / "people.csv", 40)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def is_one_sentence(text: str, named: str) -> bool:
    lines = text.strip().splitlines()
    return len(lines) == 1 and lines[0].startswith("error: ") and named in lines[0] and "Traceback" not in text


@pytest.mark.parametrize(("words", "named"), MISUSE, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_misuse_ends_with_2(place: Path, run: Path, words: list[str], named: str) -> None:
    said = trainwell(*[str(run) if word == "RUN" else word for word in words])
    assert (said.code, said.out) == (2, "")
    assert is_one_sentence(said.err, named), said.err


@pytest.mark.parametrize(("words", "named"), REFUSALS, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_refusals_end_with_1(place: Path, run: Path, words: list[str], named: str) -> None:
    said = trainwell(*[str(run) if word == "RUN" else word for word in words])
    assert (said.code, said.out) == (1, "")
    assert is_one_sentence(said.err, named), said.err


@pytest.mark.parametrize("word", ["model=mlpp", "model.widht=3", "optimizer=adamv", "metrics=[acuracy]", "monitor=auroc2"])
def test_a_wrong_name_in_a_recipe_is_refused_after_the_card_and_leaves_no_folder(place: Path, word: str) -> None:
    said = trainwell("fit", "people.csv", "-t", "income", word, "--out", "new")
    assert said.code == 1
    assert is_one_sentence(said.err[said.err.index("error: ") :], "")
    assert not Path("new").exists()


def test_another_recipe_in_the_same_folder_is_refused_and_the_difference_named(run: Path, table: Path) -> None:
    before = (run / "weights.safetensors").read_bytes()
    said = trainwell("fit", table, "-t", "income", "--out", run, "epochs=7")
    assert said.code == 1
    assert "another folder" in said.err
    assert (run / "weights.safetensors").read_bytes() == before


def test_bare_trainwell_and_help_show_the_way(place: Path) -> None:
    assert "trainwell demo" in trainwell().out
    assert "trainwell demo" in done("--help").out
    assert done("--version").out.startswith("trainwell ")
