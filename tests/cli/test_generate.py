"""`generate` and `fit task=language` as a user types them, also wrongly."""

from __future__ import annotations

import pytest

from cli.command import TINY, trainwell

GPT = ["task=language", "steps=4", "model.width=16", "model.depth=1", "prepare.text_length=16", "threads=1", "compile=off"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story")
    (folder / "story.txt").write_text("Once upon a time a fox was lost in the wood.\n" * 60)
    said = trainwell("fit", folder / "story.txt", *GPT, "--out", folder / "run")
    assert said.code == 0, said.err
    return folder / "run"


def test_it_writes_the_prompt_and_the_same_text_for_the_same_seed(run) -> None:
    said = trainwell("generate", run, "--prompt", "Once", "--length", "20", "--seed", "3")
    assert said.code == 0
    assert said.out.startswith("Once")
    again = trainwell("generate", run, "--prompt", "Once", "--length", "20", "--seed", "3", "--json").json
    assert said.out == again["prompt"] + again["text"] + "\n"
    assert len(again["text"]) == 20
    assert (run / "report.html").read_text(encoding="utf-8").count("What it writes") == 1


def test_evaluate_judges_other_text(run, tmp_path) -> None:
    (tmp_path / "other.txt").write_text("Once upon a time a king was lost in the hall.\n" * 20)
    found = trainwell("evaluate", run, "--on", tmp_path / "other.txt", "--no-baseline", "--json").json
    assert found["scores"]["log_loss"]["value"] > 0
    assert found["notes"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n  \n", "no text to train on"),
        (b"Too short.", "do not fit"),
        (bytes(range(256)) * 4, "do not fit|PASS|finished"),
    ],
)
def test_odd_files_end_in_a_model_or_a_sentence(content: bytes, said: str, tmp_path) -> None:
    import re

    (tmp_path / "odd.txt").write_bytes(content)
    found = trainwell("fit", tmp_path / "odd.txt", *GPT, "--out", tmp_path / "run")
    assert "Traceback" not in found.err
    assert re.search(said, found.err), found.err


def test_wrong_uses_are_one_sentence(run, tmp_path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "\n".join(f"{i % 7},{i % 2}" for i in range(70)))
    assert (
        trainwell("fit", tmp_path / "t.csv", "-t", "b", *TINY, "epochs=1", "--out", tmp_path / "table", "--no-report").code == 0
    )
    for words, said in [
        (("generate", tmp_path / "table"), "writes no text"),
        (("generate", tmp_path / "nothing"), "there is no run here"),
        (("generate", run, "--top-p", "2"), "top_p must be"),
        (("generate", run, "--prompt", "很好"), "knows no character"),
        (("predict", run, tmp_path / "t.csv"), "continues a text"),
        (("fit", run.parent / "story.txt", "task=language", "model=mlp", "--out", tmp_path / "x"), "error: "),
        (("fit", run.parent / "story.txt", "task=language", "split.fold=0", "--out", tmp_path / "x"), "split by position"),
        (("fit", run.parent / "story.txt", "task=langage", "--out", tmp_path / "x"), "recipe key 'task'"),
    ]:
        found = trainwell(*words)
        assert found.code in (1, 2), words
        assert said in found.err
        assert found.err.count("error: ") == 1
