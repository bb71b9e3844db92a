"""A trained network in one file: preparation, weights, labels, schema, scores and card. Data only.

What was trained is what is shipped: a bundle takes raw rows and gives the bits that the run gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from safetensors import SafetensorError

from trainwell import __version__
from trainwell.core.errors import CheckpointError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Task
from trainwell.data.data import Data
from trainwell.data.preparation import Preparation
from trainwell.score.predictions import Predictions
from trainwell.ship import container
from trainwell.ship.container import Container
from trainwell.ship.examples import Examples, examples_of
from trainwell.ship.read_bundle import DAMAGED, Maker, preparation_from, run_from, without_base
from trainwell.ship.schema import schema_of
from trainwell.train.combined import Combined
from trainwell.train.plan import Plan
from trainwell.train.run import Run, weights_of

#: Version of what the blocks mean; that of the file around them is `container.VERSION`.
FORMAT = 1


class Team(Protocol):
    """Several runs that answer together, as an ensemble does."""

    members: tuple[Run, ...]
    weights: tuple[float, ...]
    preparation: Preparation
    start: np.ndarray | None
    folder: Path | None

    @property
    def recipe(self) -> Recipe:
        """The recipe of the members, before what makes them differ."""

    @property
    def name(self) -> str:
        """What it is called."""


class Bundle:
    """A trained network, or several that answer together, read from one file.

    Args:
        answering: what answers.
        about: what the file says about itself.
        evaluation: scores with intervals, as `evaluation.json` has them; None where nobody evaluated.
        card: the data card; None for data from memory.
        schema: the columns that are read, and the target.
        path: the file.
        examples: rows of the training, where it was asked to hold some.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"))
        >>> opened = tw.open_bundle(tw.bundle(run, Path(tempfile.mkdtemp(), "iris.tw")))
        >>> row = {"sepal length (cm)": 5.1, "petal length (cm)": 1.4}
        >>> bool((opened.predict_row(row) == run.predict_row(row)).all())
        True
    """

    #: A bundle is a file; there is no folder beside it.
    folder: Path | None = None

    def __init__(
        self,
        answering: Run | Combined,
        about: Mapping[str, Any],
        *,
        schema: dict[str, Any],
        evaluation: dict[str, Any] | None = None,
        card: dict[str, Any] | None = None,
        path: Path,
        examples: Examples | None = None,
    ) -> None:
        self.answering, self.about, self.path = answering, dict(about), path
        self.schema, self.evaluation, self.card = schema, evaluation, card
        self.preparation, self.examples = answering.preparation, examples

    @property
    def task(self) -> Task:
        return self.preparation.target.task

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self.preparation.target.classes

    @property
    def name(self) -> str:
        """What the run was called."""
        return str(self.about["name"])

    @property
    def members(self) -> tuple[Run, ...]:
        """The networks inside; one for a run."""
        return self.answering.members if isinstance(self.answering, Combined) else (self.answering,)

    @property
    def plan(self) -> Plan:
        """The plan of the first network."""
        return self.members[0].plan

    @property
    def recipe(self) -> Recipe:
        """The recipe of the first network."""
        return self.members[0].recipe

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, in hex: the version of what is served."""
        return sha256(self.path.read_bytes()).hexdigest()

    def predict(self, rows: Any) -> pl.DataFrame:
        """Answers for raw rows in any form that `Run.predict` takes: the same columns, the same bits."""
        return self.answering.predict(rows)

    def predict_row(self, row: Mapping[str, Any]) -> np.ndarray:
        """Probabilities or values for one raw row `(n_out,)`: the shortest way from a dict to an answer."""
        return self.answering.predict_row(row)

    def predict_arrays(self, x: Any) -> np.ndarray:
        """Probabilities `(N, n_out)` or values `(N, T)` for inputs as `preparation` encodes them."""
        return self.answering.predict_arrays(x)

    def predictions(self, data: Data, rows: np.ndarray) -> Predictions:
        """Answers for rows of `data`, which `preparation` has encoded, beside what is true."""
        return self.answering.predictions(data, rows)

    def __repr__(self) -> str:
        kinds = sorted({member.recipe.model.name.rpartition(":")[2] for member in self.members})
        scores = (self.evaluation or {}).get("scores", {})
        told = ", ".join(f"{name} {score['value']:.4g}" for name, score in list(scores.items())[:3])
        return f"Bundle({self.path.name!r}, {' + '.join(kinds)}, {len(self.members)} in it, {told or 'not evaluated'})"


def bundle(trained: Run | Team | Bundle, to: str | Path, *, examples: int = 0) -> Path:
    """Write a trained network, or several that answer together, as one file.

    A language model and a network that makes pictures are bundled, too: `tw.generate`, `tw.sample` and `tw.translate` take
    the opened file. No row of the training data is in it unless `examples` asks for some: they are taken out of the card and
    the evaluation. What stays are the labels of categories, the words of texts, and ranges of numbers. The same run gives the
    same bytes.

    Args:
        trained: a finished run, an ensemble, or an opened bundle.
        to: the file, by custom `NAME.tw`.
        examples: training rows, drawn at random, that the page of the server shows as the nearest to a new one; whoever has the
            file can read them. 4 MB of them at most.

    Returns:
        The path of the file.

    Raises:
        CheckpointError: the training has not ended.
        UsageError: `to` is a folder, or examples of these rows cannot be shown.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"))
        >>> bundle(run, Path(tempfile.mkdtemp(), "iris.tw")).name
        'iris.tw'
    """
    to = Path(to)
    if to.is_dir():
        raise UsageError(f"{to} is a folder", remedy="Give the name of a file, such as income.tw.")
    to.parent.mkdir(parents=True, exist_ok=True)
    known = _examples(trained, examples) if examples else None
    container.write(to, _blocks(trained) | (known.to_blocks() if known is not None else {}))
    return to


def _examples(trained: Run | Team | Bundle, n: int) -> Examples:
    if isinstance(trained, Bundle):
        raise UsageError("a bundle has no training rows beside it", remedy="Bundle the run folder again.")
    return examples_of(trained if isinstance(trained, Run) else trained.members[0], trained.folder, n)


def _blocks(trained: Run | Team | Bundle) -> dict[str, bytes]:
    """Every block of a bundle; `about.json` says what belongs together."""
    inner = trained.answering if isinstance(trained, Bundle) else trained
    alone = isinstance(inner, Run)
    members: Sequence[Run] = (inner,) if isinstance(inner, Run) else inner.members
    blocks: dict[str, bytes] = {}
    outer = _put_preparation(blocks, inner.preparation)
    entries = [_put_run(blocks, run, place) for place, run in enumerate(members)]
    about = {
        "format": FORMAT,
        "trainwell": __version__,
        "kind": "run" if alone else "ensemble",
        "name": trained.name,
        "preparation": outer,
        "members": entries,
        "weights": [1.0] if isinstance(inner, Run) else list(inner.weights),
        "start": None if isinstance(inner, Run) or inner.start is None else inner.start.tolist(),
    }
    evaluation, card = _papers(trained)
    papers = {"schema": schema_of(inner.preparation, card), "evaluation": evaluation, "card": card}
    return {"about.json": _json(about)} | {f"{k}.json": _json(v) for k, v in papers.items() if v is not None} | blocks


def _put_preparation(blocks: dict[str, bytes], preparation: Preparation) -> str:
    """The name of a preparation among the blocks; equal ones are kept once."""
    plain, tensors = without_base(preparation).to_bytes()
    stem = f"preparation-{sha256(plain + tensors).hexdigest()[:16]}"
    blocks |= {f"{stem}.json": plain, f"{stem}.safetensors": tensors}
    return stem


def _put_run(blocks: dict[str, bytes], run: Run, place: int) -> dict[str, str]:
    entry = {
        "recipe": f"{place}/recipe.json",
        "plan": f"{place}/plan.json",
        "summary": f"{place}/summary.json",
        "weights": f"{place}/weights.safetensors",
    }
    summary = {key: value for key, value in run.summary.items() if key != "findings"}
    blocks |= {entry["recipe"]: _json(run.recipe.model_dump(mode="json")), entry["plan"]: _json(asdict(run.plan))}
    blocks |= {entry["summary"]: _json(summary), entry["weights"]: weights_of(run.network)}
    return entry | {"preparation": _put_preparation(blocks, run.preparation)}


def _papers(trained: Run | Team | Bundle) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Evaluation and card without any row of the data."""
    if isinstance(trained, Bundle):
        return trained.evaluation, trained.card
    evaluation, card = (_paper(trained.folder, name) for name in ("evaluation.json", "card.json"))
    if evaluation is not None:
        evaluation["worst"] = []
        if writing := evaluation.get("writing"):
            writing["samples"] = [sample for sample in writing["samples"] if not sample["prompt"]]
        if future := evaluation.get("future"):
            future["examples"] = []
    if card is not None:
        card["origin"] = Path(card["origin"]).name
        card["checks"] = [check | {"examples": []} for check in card["checks"]]
        card["columns"] = [{k: v for k, v in column.items() if k != "example"} for column in card["columns"]]
    return evaluation, card


def _paper(folder: Path | None, name: str) -> dict[str, Any] | None:
    if folder is None or not (folder / name).exists():
        return None
    found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return found


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def open_bundle(path: str | Path, *, model: Maker | None = None) -> Bundle:
    """Open a bundle: nothing in it is executed, and it takes no more memory than twice the file and a little.

    Args:
        path: the file.
        model: the class, or function, of a network of your own; a bundle holds its weights and its name, not its code.

    Raises:
        CheckpointError: it is no bundle, of another version, damaged, or its parts do not fit together.
        UsageError: it holds a network of your own and `model` is not given.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"))
        >>> opened = open_bundle(tw.bundle(run, Path(tempfile.mkdtemp(), "iris.tw")))
        >>> opened.task, opened.classes
        ('classification', ('setosa', 'versicolor', 'virginica'))
    """
    path = Path(path)
    with Container(path) as box:
        about = box.read_json("about.json")
        try:
            if about["format"] != FORMAT:
                what = f"what it holds is of version {about['format']!r:.20}, this trainwell reads {FORMAT}"
                raise CheckpointError(what, where=str(path), remedy="Install the trainwell that wrote it.")
            answering = _answering(box, about, model)
        except DAMAGED as error:
            raise box.refusal(f"it does not say what it holds ({type(error).__name__}: {str(error)[:200]})") from None
        found = [name for name in ("schema", "evaluation", "card") if f"{name}.json" in box.names]
        papers = {name: box.read_json(f"{name}.json") for name in found}
        if not all(isinstance(paper, dict) for paper in papers.values()) or "schema" not in papers:
            raise box.refusal("its schema, scores or card are no mappings")
        return Bundle(answering, about, path=path, examples=_examples_in(box), **papers)


def _examples_in(box: Container) -> Examples | None:
    if "examples.json" not in box.names:
        return None
    try:
        return Examples.from_blocks(box.read_json("examples.json"), box.read("examples.safetensors"))
    except (*DAMAGED, SafetensorError) as error:
        raise box.refusal(f"its examples cannot be read ({type(error).__name__}: {str(error)[:200]})") from None


def _answering(box: Container, about: Mapping[str, Any], make: Maker | None) -> Run | Combined:
    stems = {str(about["preparation"]), *(str(entry["preparation"]) for entry in about["members"])}
    known = {stem: preparation_from(box, stem) for stem in sorted(stems)}
    runs = tuple(run_from(box, entry, known[entry["preparation"]], make) for entry in about["members"])
    weights = tuple(float(weight) for weight in about["weights"])
    if not runs or len(weights) != len(runs) or (about["kind"] == "run" and len(runs) > 1):
        raise ValueError(f"{len(runs)} networks with {len(weights)} weights")
    if about["kind"] == "run":
        return runs[0]
    outer = known[about["preparation"]]
    start = None if about["start"] is None else np.array(about["start"], np.float64)
    if start is not None and start.shape != (outer.target.n_out,):
        raise ValueError(f"a start of shape {start.shape}")
    return Combined(runs, weights, outer, start)
