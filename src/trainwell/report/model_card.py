"""The model card: what a network predicts, how well, on what, and where it is weak, as Markdown with Hugging Face's metadata.

Source: Mitchell et al., "Model cards for model reporting", FAccT 2019; the metadata are those of the Hugging Face Hub.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from trainwell.core.atomic import write_atomic
from trainwell.core.i18n import capital
from trainwell.evaluate.evaluation import Evaluation, label, rows_named
from trainwell.report.story import Story
from trainwell.report.terminal import number
from trainwell.train.run import Run

#: Name of the file in a run folder.
MODEL_CARD = "MODEL_CARD.md"
#: Weak groups, warnings and recipe keys that are listed.
MOST = 12


def write_model_card(run: Run, story: Story, path: Path) -> Path:
    """Write the card of a run.

    Args:
        run: the run.
        story: what its report shows, with an evaluation.
        path: the file.
    """
    write_atomic(path, model_card(run, story))
    return path


def model_card(run: Run, story: Story) -> str:
    """The card as text: metadata between two lines of dashes, then sections."""
    e = story.evaluation
    assert e is not None
    head = yaml.safe_dump(metadata(run, story, e), sort_keys=False, allow_unicode=True, width=120)
    title = f"# {story.title}\n\n{e.verdict}.\n\n{story.subtitle}."
    parts = [title, _use(run), _scores(e), _data(story), _limits(e, story), _training(run, story)]
    return f"---\n{head}---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def metadata(run: Run, story: Story, e: Evaluation) -> dict[str, Any]:
    """What the Hub reads: task, library, tags, and the scores as `model-index`."""
    task = _task(run)
    found = [
        {"type": name, "value": round(score.value, 6), "name": f"{label(name)} (95% CI {score.low:.4g} to {score.high:.4g})"}
        for name, score in e.scores.items()
        if math.isfinite(score.value)
    ]
    data = Path(story.card.origin).name or "data in memory"
    result = {"task": {"type": task}, "dataset": {"name": data, "type": data, "split": e.part}, "metrics": found}
    return {
        "library_name": "trainwell",
        "pipeline_tag": task,
        "tags": ["trainwell", "pytorch", run.recipe.model.name.rpartition(":")[2]],
        "metrics": list(e.scores),
        "model-index": [{"name": story.title, "results": [result]}],
    }


def _task(run: Run) -> str:
    """The Hub's word for what is done."""
    kinds = {x.kind for x in run.preparation.shape.inputs}
    if run.preparation.forecast is not None:
        return "time-series-forecasting"
    ending = "classification" if run.preparation.target.task == "classification" else "regression"
    if "picture" in kinds:
        return "image-classification" if ending == "classification" else "other"
    if run.preparation.shape.texts:
        return "text-classification" if ending == "classification" else "other"
    return f"tabular-{ending}"


def _use(run: Run) -> str:
    folder = run.folder or "RUN"
    inputs = [column.name for column in run.preparation.columns] or list(run.preparation.shape.names)
    target = run.preparation.target
    answer = f"one of {len(target.classes)} classes ({_some(target.classes)})" if target.classes else "a number in its own unit"
    return f"""## Use

Predicts {", ".join(target.names)}: {answer}. It looks at {len(inputs)} columns: {_some(inputs)}.

    trainwell predict {folder} new_rows.csv

    import trainwell as tw
    print(tw.Run.open({str(folder)!r}).predict("new_rows.csv"))

Preparation travels with the weights: raw rows go in. A row that is odd has a sentence in the column `problem`."""


def _some(names: Any) -> str:
    shown = ", ".join(map(str, list(names)[:MOST]))
    return shown + (", …" if len(names) > MOST else "")


def _scores(e: Evaluation) -> str:
    best = e.baselines[0] if e.baselines else None
    heads = ["score", "network", "95% CI", *([best.name] if best else [])]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for name, found in e.scores.items():
        d = found.decimals
        row = [label(name), number(found.value, d), f"{number(found.low, d)} to {number(found.high, d)}"]
        row += [number(best.scores[name].value, d)] if best else []
        lines.append(f"| {' | '.join(row)} |")
    said = [f"On {e.n:,} {rows_named(e.part)}, which the network was not trained on."] if e.part != "train" else []
    said += [f"{capital(sentence)}." for sentence in (e.gap.sentence if e.gap else "", e.looked) if sentence]
    return "## Scores\n\n" + "\n".join(lines) + ("\n\n" + " ".join(said) if said else "")


def _data(story: Story) -> str:
    card = story.card
    rows = ", ".join(f"{n:,} {part}" for part, n in card.rows.items())
    told = [f"- {check.verdict}: {check.text}" for check in card.checks if check.verdict != "PASS"][:MOST]
    columns = [f"{c['name']} ({c['kind']})" for c in card.columns if c.get("role") == "feature"]
    lines = [f"{card.origin or 'Data in memory'}: {rows} rows; {len(columns)} columns: {_some(columns)}."]
    return "## Data\n\n" + "\n".join([*lines, *([""] if told else []), *told])


def _limits(e: Evaluation, story: Story) -> str:
    lines = [f"- {capital(e.fit.sentence)}."] if e.fit else []
    weak = [s for s in e.slices if s.stands_out][:MOST]
    lines += [
        f"- Weaker where {s.column} is {s.value}: {label(e.slice_metric)} {s.score.text()} ({s.score.n:,} rows)." for s in weak
    ]
    lines += [f"- The doctor: {f.code} {f.name}: {f.sentence}." for f in story.findings or [] if not f.because_of][:MOST]
    lines += [f"- {capital(note).rstrip('.')}." for note in e.notes if note]
    return "## Limits\n\n" + ("\n".join(lines) if lines else "None was found by the tests that were made.")


def _training(run: Run, story: Story) -> str:
    lines = [f"| `{x.key}` | `{x.value}` | {x.why} |" for x in story.recipe]
    told = [f"- {name}: {text}" for name, text in story.environment.items()]
    table = ["| key | value | why |", "| --- | --- | --- |", *lines] if lines else []
    again = ["", *(f"    {command}" for command in story.commands)] if story.commands else []
    return "## Training\n\n" + "\n".join([f"Seed {run.plan.seed}.", "", *table, "", *told, *again])
