"""The report of a run: gather what is known, write the page."""

from __future__ import annotations

import base64
import os
import platform
import shlex
from collections.abc import Mapping
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import to_yaml
from trainwell.data.data import Data
from trainwell.doctor.examine import examine
from trainwell.evaluate.evaluation import Evaluation
from trainwell.models.cyclegan import Translator
from trainwell.report.html import write_report
from trainwell.report.model_card import MODEL_CARD, write_model_card
from trainwell.report.sample_sheets import class_colours, sheets
from trainwell.report.story import RecipeLine, Story
from trainwell.train.run import Run

#: Pictures in a report, and their longest side in pixels: both keep the file small.
MOST_PICTURES, LONGEST_SIDE = 18, 96
#: Pictures up to this side are shown with their pixels.
TINY = 64


def report(run: Run, data: Data, evaluation: Evaluation | None = None, *, path: str | Path | None = None) -> Path:
    """Write the report of a run as one HTML file that needs no network; in the run's folder also `MODEL_CARD.md`.

    Args:
        run: a finished run.
        data: its data.
        evaluation: what `evaluate` found; None takes the one kept in the run's folder, or evaluates now.
        path: where to; by default `report.html` in the run's folder.

    Raises:
        TrainwellError: the run has no folder and no path was given.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), data, folder=tempfile.mkdtemp())
        >>> report(run, data).name
        'report.html'
    """
    target = Path(path) if path is not None else run.folder
    if target is None:
        raise TrainwellError("the run has no folder to write a report into", remedy="Give path='report.html'.")
    if evaluation is None:
        evaluation = _known(run, data)
    story = story_of(run, data, evaluation)
    if target == run.folder:
        write_model_card(run, story, target / MODEL_CARD)
    return write_report(story, target)


def _known(run: Run, data: Data) -> Evaluation:
    from trainwell.evaluate.run import evaluate

    if run.folder is not None and (run.folder / "evaluation.json").exists():
        return Evaluation.load(run.folder)
    return evaluate(run, data)


def story_of(run: Run, data: Data, evaluation: Evaluation) -> Story:
    """Everything the page shows of a run."""
    targets = [str(c["name"]) for c in data.card.columns if c.get("role") == "target"]
    text = _recipe_text(run)
    pictures = _pictures(data, evaluation)
    return Story(
        title=f"{', '.join(targets) or 'Target'} from {Path(data.card.origin).name or 'data in memory'}",
        subtitle=_subtitle(run),
        evaluation=evaluation,
        card=data.card,
        history=run.history.rows,
        signs=run.signs.rows,
        findings=examine(run),
        recipe=recipe_lines(run.recipe, text),
        recipe_text=text,
        layers=run.layers(),
        environment=_environment(run),
        commands=_commands(run, data),
        pictures=pictures,
        tiny=bool(pictures) and max(_picture_side(data)) <= TINY,
        made=sheets(run, data, evaluation),
        colours=class_colours(run),
    )


def _subtitle(run: Run) -> str:
    """What was trained, on how much, for how long: `tabm, 27,677 training rows, best after 5 of 6 epochs, 33 s`."""
    said = [run.recipe.model.name, f"{run.plan.rows:,} training rows"]
    if "best_step" in run.summary:
        best, last = (run.plan.epoch(run.summary[k]) for k in ("best_step", "steps"))
        said += [f"best after {best:.3g} of {last:.3g} epochs", f"trained in {run.summary['seconds']:,.0f} s"]
    return ", ".join(said)


def _recipe_text(run: Run) -> str:
    path = run.folder / "recipe.yaml" if run.folder else None
    return path.read_text(encoding="utf-8") if path and path.exists() else to_yaml(run.recipe)


def recipe_lines(recipe: Recipe, text: str) -> list[RecipeLine]:
    """The keys that differ from the plain recipe, with the reasons that stand above them in its YAML.

    Example:
        >>> recipe_lines(Recipe(lr=0.1), "# because\\nlearning_rate: 0.1\\n")
        [RecipeLine(key='learning_rate', value='0.1', why='because')]
    """
    reasons, above = {}, ""
    for line in text.splitlines():
        if line[:1].isalpha() and above:
            reasons[line.split(":")[0]] = above
        above = line[2:] if line.startswith("# ") else ""
    chosen = {key: value for key, (_, value) in Recipe().diff(recipe).items()}
    return [RecipeLine(key, _value(value), _reason(key, reasons)) for key, value in chosen.items()]


def _reason(key: str, reasons: Mapping[str, str]) -> str:
    """Why a key was chosen; of a part, the reason stands beside its name."""
    head, *rest = key.split(".")
    return reasons.get(head, "") if rest in ([], ["name"]) else ""


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_value(v) for v in value) or "none"
    if isinstance(value, dict):
        return " ".join([str(value.get("name", "")), *(f"{k}={_value(v)}" for k, v in value.items() if k != "name")]).strip()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _environment(run: Run) -> dict[str, str]:
    packages = ("trainwell", "torch", "numpy", "polars", "scikit-learn")
    machine = run.plan.machine
    return {
        "versions": ", ".join(f"{name} {version(name)}" for name in packages),
        "Python": f"{platform.python_version()} on {platform.platform(terse=True)}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores; {machine.device}, {machine.precision}",
        "way of running": machine.why,
        "seed": str(run.plan.seed),
        "data fingerprint": run.plan.data,
    }


def _commands(run: Run, data: Data) -> list[str]:
    if run.folder is None:
        return []
    folder = shlex.quote(str(run.folder))
    return [
        f"trainwell fit {given(data.origin)} --config {folder}/recipe.yaml --seed {run.plan.seed} --out again",
        f"trainwell evaluate {folder}",
        _use(run, folder),
    ]


def _use(run: Run, folder: str) -> str:
    """The command that puts the network to use."""
    if run.preparation.target.task == "segmentation":
        return f"trainwell segment {folder} PICTURES"
    if run.recipe.task != "generation":
        return f"trainwell predict {folder} new_rows"
    return f"trainwell translate {folder} PICTURES" if isinstance(run.network, Translator) else f"trainwell sample {folder}"


def given(origin: Mapping[str, str | None] | None) -> str:
    """What data were loaded from, as arguments of `fit`; DATA where they came from memory.

    Example:
        >>> given({"source": "adult", "test": "later rows.csv", "valid": None})
        "adult --test 'later rows.csv'"
    """
    if origin is None:
        return "DATA"
    parts = [f"--{part} {shlex.quote(place)}" for part in ("test", "valid") if (place := origin[part])]
    return " ".join([shlex.quote(str(origin["source"])), *parts])


def _pictures(data: Data, evaluation: Evaluation) -> dict[int, str]:
    """The pictures of the worst rows as data URIs."""
    picture = data.shape.of_kind("picture")
    if picture is None:
        return {}
    stored = data.arrays[picture.name]
    return {x.row: data_uri(np.asarray(stored[x.row])) for x in evaluation.worst[:MOST_PICTURES]}


def _picture_side(data: Data) -> tuple[int, ...]:
    picture = data.shape.of_kind("picture")
    return picture.shape[1:] if picture else (0,)


def data_uri(pixels: np.ndarray) -> str:
    """A picture `(C, H, W)` uint8 as text for an `img`: PNG when small, else a JPEG of at most 96 pixels a side."""
    image = Image.fromarray(pixels[0] if pixels.shape[0] == 1 else pixels[:3].transpose(1, 2, 0))
    small = max(image.size) <= TINY
    if not small:
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True) if small else image.save(buffer, "JPEG", quality=82)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
