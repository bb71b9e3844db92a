"""The model card says what the evaluation says, and the Hugging Face Hub can read it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import trainwell as tw
from trainwell.evaluate.evaluation import Evaluation
from trainwell.report.model_card import MODEL_CARD


@pytest.fixture(scope="module")
def carded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "iris"
    data = tw.load("iris")
    run = tw.fit(tw.Recipe(preset="quick", model="mlp", epochs=5), data, folder=folder, observers=[lambda row: None])
    tw.report(run, data, tw.evaluate(run, data))
    return folder, (folder / MODEL_CARD).read_text(encoding="utf-8")


def test_the_metadata_are_the_scores(carded):
    folder, text = carded
    head = yaml.safe_load(text.split("---\n")[1])
    evaluation = Evaluation.load(folder)
    (model,) = head["model-index"]
    (result,) = model["results"]
    assert head["pipeline_tag"] == result["task"]["type"] == "tabular-classification"
    told = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert told == {name: round(score.value, 6) for name, score in evaluation.scores.items()}
    assert result["dataset"]["split"] == "test"


def test_the_hub_reads_it(carded):
    hub = pytest.importorskip("huggingface_hub")
    folder, _ = carded
    card = hub.ModelCard.load(folder / MODEL_CARD)
    assert card.data.library_name == "trainwell"
    assert {found.metric_type for found in card.data.eval_results} >= {"accuracy", "log_loss"}
    assert card.data.eval_results[0].dataset_split == "test"


def test_the_sections_say_what_it_predicts_on_what_and_where_it_is_weak(carded):
    folder, text = carded
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Use", "## Scores", "## Data", "## Limits", "## Training",
    ]  # fmt: skip
    assert "one of 3 classes (setosa, versicolor, virginica)" in text
    assert f"trainwell predict {folder} new_rows.csv" in text
    assert "petal length (cm) (number)" in text
    assert "`learning_rate`" in text


def test_a_report_elsewhere_brings_no_card_along(carded, tmp_path: Path):
    folder, _ = carded
    run = tw.Run.open(folder)
    tw.report(run, tw.load("iris"), Evaluation.load(folder), path=tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
