"""Networks and what turns their outputs into answers, as one torch module: what every export is made of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.core.shape import Input
from trainwell.data.preparation import Preparation
from trainwell.data.target import Target
from trainwell.score.decision import Decision
from trainwell.ship.bundle import Bundle, Team
from trainwell.train.combined import Combined
from trainwell.train.raw_rows import refuse_answers
from trainwell.train.run import Run
from trainwell.train.steps import as_floats


@dataclass(frozen=True)
class View:
    """One way in which rows are seen, and the places of its inputs among all inputs of the module.

    Args:
        preparation: makes the inputs.
        prefix: what stands before the names of its inputs; empty where all members see rows in one way.
        places: of its inputs.
    """

    preparation: Preparation
    prefix: str
    places: tuple[int, ...]

    @property
    def inputs(self) -> tuple[tuple[str, Input], ...]:
        """The inputs with their names."""
        return tuple((self.prefix + described.name, described) for described in self.preparation.shape.inputs)


class Answering(nn.Module):
    """Encoded inputs to probabilities, or to values in the target's own unit, float64.

    **Shape:** the inputs of every view, in order → `(B, n_out)`; of masks `(B, n_out, H, W)`.

    Args:
        networks: the members.
        places: of each member's inputs.
        says: of each member: the unit of what it says, and how its probabilities are corrected.
        weights: what each counts.
        outer: the target of all together.
        start: for sums, what they begin with.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        places: Sequence[tuple[int, ...]],
        says: Sequence[tuple[Target, Decision]],
        weights: Sequence[float],
        *,
        outer: Target,
        start: np.ndarray | None,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.places, self.says, self.counts, self.outer = list(places), list(says), list(weights), outer
        self.start = None if start is None else start.tolist()

    def forward(self, *inputs: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for network, places, said, weight in zip(self.networks, self.places, self.says, self.counts, strict=True):
            output = network(*as_floats(tuple(inputs[place] for place in places)))
            total = total + weight * _said(output.double(), *said)
        if self.start is None:
            return total
        scores = total + torch.tensor(self.start, dtype=torch.float64)
        return scores.softmax(-1) if self.outer.classes else _own_unit(scores, self.outer)


def _said(output: Tensor, target: Target, decision: Decision) -> Tensor:
    """What a network says, as `Run.predict_arrays` has it."""
    if target.task == "segmentation":
        return output.softmax(1)
    if target.task == "multilabel":
        output = output.sigmoid()
    elif target.task == "classification":
        output = output.softmax(-1)
    output = output.mean(1) if output.ndim == 3 else output
    return _corrected(output, decision, several=not target.classes) if _is_chance(target) else _own_unit(output, target)


def _is_chance(target: Target) -> bool:
    """Whether probabilities are said."""
    return target.task in ("classification", "multilabel")


def _corrected(output: Tensor, decision: Decision, *, several: bool) -> Tensor:
    """Probabilities as `Decision.probabilities` corrects them."""
    if several and decision.corrects:
        return _sharpened(torch.stack([1 - output, output], -1), decision.temperature)[..., 1]
    if decision.temperature != 1:
        output = _sharpened(output, decision.temperature)
    if not decision.steps:
        return output
    x, y = torch.tensor(decision.steps, dtype=torch.float64).T
    slope = torch.where(x.diff() > 0, y.diff() / x.diff().clamp(min=1e-300), 0.0)
    second = output[:, 1].clamp(x[0], x[-1])
    place = ((second.unsqueeze(-1) >= x).sum(-1) - 1).clamp(0, len(x) - 2)
    second = y[place] + slope[place] * (second - x[place])
    return torch.stack([1 - second, second], 1)


def _sharpened(probabilities: Tensor, temperature: float) -> Tensor:
    return (probabilities.log() / temperature).softmax(-1)


def _own_unit(values: Tensor, target: Target) -> Tensor:
    spread, centre = (torch.tensor(part, dtype=torch.float64) for part in (target.spread, target.centre))
    return values * spread + centre


def answering_of(trained: Run | Team | Bundle | Combined) -> tuple[Answering, list[View]]:
    """The module of a run, an ensemble or a bundle, and how its inputs come from rows."""
    inner = trained.answering if isinstance(trained, Bundle) else trained
    refuse_answers(inner.preparation)
    members = (inner,) if isinstance(inner, Run) else tuple(inner.members)
    weights = (1.0,) if isinstance(inner, Run) else tuple(inner.weights)
    start = None if isinstance(inner, Run) else inner.start
    seen: dict[str, View] = {}
    digests = [_inputs_digest(member.preparation) for member in members]
    several = len(set(digests)) > 1
    for digest, member in zip(digests, members, strict=True):
        if digest not in seen:
            first = sum(len(view.places) for view in seen.values())
            places = tuple(range(first, first + len(member.preparation.shape.inputs)))
            seen[digest] = View(member.preparation, f"{len(seen)}/" if several else "", places)
    module = Answering(
        [member.network for member in members],
        [seen[digest].places for digest in digests],
        [(member.preparation.target, member.decision) for member in members],
        weights,
        outer=inner.preparation.target,
        start=start,
    )
    return module.eval().cpu(), list(seen.values())


def _inputs_digest(preparation: Preparation) -> str:
    """Equal for preparations that make the same inputs, whatever they make of the target."""
    return replace(preparation, target=Target((), "regression"), base="").digest()


def encoded(views: Sequence[View], rows: object) -> list[np.ndarray]:
    """The module's inputs for raw rows."""
    found: list[np.ndarray] = []
    for view in views:
        arrays = view.preparation.encode(rows).arrays  # type: ignore[arg-type]
        found += [np.ascontiguousarray(arrays[name]) for name in view.preparation.shape.names]
    return found


def example(views: Sequence[View], n: int) -> tuple[Tensor, ...]:
    """Some inputs of the right shapes and types, from which a graph is traced: the first code or level of everything."""
    found = []
    for view in views:
        for described in view.preparation.shape.inputs:
            found.append(torch.zeros((n, *described.shape), dtype=dtype_of(described)))
    return tuple(found)


def dtype_of(described: Input) -> torch.dtype:
    """The type in which an encoded input comes."""
    whole = {"category": torch.int32, "text": torch.int32, "picture": torch.uint8}
    if described.kind == "tensor":
        return torch.from_numpy(np.zeros(1, described.dtype)).dtype
    return whole.get(described.kind, torch.float32)


@contextmanager
def traced_quietly() -> Iterator[None]:
    """Torch's remarks on its own ways of tracing are not for users of this package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def graph_of(module: Answering, views: Sequence[View], batch: int | None) -> torch.export.ExportedProgram:
    """The module as a graph that torch exports, for any number of rows or for `batch`."""
    inputs = example(views, batch or 3)
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    shapes = None if batch else (tuple({0: rows} for _ in inputs),)
    with traced_quietly(), torch.no_grad():
        return torch.export.export(module, inputs, dynamic_shapes=shapes)
