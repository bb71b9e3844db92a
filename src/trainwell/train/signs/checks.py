"""Losses and scores of a network on fixed rows, in evaluation mode, without leaving a trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.train.signs.quiet import undisturbed

Arrays = tuple[tuple[Tensor, ...], Tensor]

#: Rows that are judged at most: enough for a standard error of 2% of accuracy, and about the cost of a step.
CHECK_ROWS = 512
#: Rows that are answered at once.
SLICE = 128
#: Contradicting rows that are named.
NAMED = 20


class Judge:
    """Judges a network on fixed training and validation rows.

    Args:
        network: what is judged.
        loss: `(output, target) -> ()`; may be None, then there are scores only.
        train: inputs and target of training rows; the first of them serve as the probe set.
        valid: inputs and target of rows that are not trained on.
        rows: most rows of either that are judged.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[..., Tensor] | None,
        train: Arrays,
        valid: Arrays | None = None,
        *,
        rows: int = CHECK_ROWS,
    ) -> None:
        self.network, self.loss = network, loss
        self.train = _taken(train, sample(len(train[1]), rows))
        self._places = sample(len(valid[1]), rows) if valid is not None else torch.empty(0, dtype=torch.long)
        self.valid = _taken(valid, self._places) if valid is not None else None

    def some(self, rows: int) -> tuple[Tensor, ...]:
        """Inputs of the first rows of the probe set."""
        return tuple(x[:rows] for x in self.train[0])

    def loss_of(self, inputs: tuple[Tensor, ...], target: Tensor) -> float | None:
        """The loss of a batch as training sees it, without dropout."""
        if self.loss is None:
            return None
        with undisturbed(self.network, "batch"):
            return float(self.loss(self.network(*inputs), target))

    def _answers(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The outputs of many rows, a slice at a time: what is held in memory is bounded."""
        starts = range(0, len(inputs[0]), SLICE)
        return torch.cat([self.network(*(x[i : i + SLICE] for x in inputs)) for i in starts])

    def check(self) -> dict[str, Any]:
        """A `check` row: losses, scores, the worst class's recall, how varied the answers are."""
        with undisturbed(self.network, "judge"):
            row: dict[str, Any] = {}
            for name, arrays in (("train", self.train), ("valid", self.valid)):
                if arrays is not None and len(arrays[1]):
                    row |= self._judged(name, *arrays)
            return row

    def _judged(self, name: str, inputs: tuple[Tensor, ...], target: Tensor) -> dict[str, Any]:
        output, found = self._answers(inputs), dict[str, Any]()
        if self.loss is not None:
            found[f"{name}_loss"] = float(self.loss(output, target))
            parts = [float(self.loss(output[i::8], target[i::8])) for i in range(8)] if len(target) >= 16 else []
            found[f"{name}_se"] = float(torch.tensor(parts).std()) / 8**0.5 if parts else None
        running = tells_tokens(output, target)
        output, target = as_rows(averaged(output, target), target)
        found[f"{name}_score"] = score_of(output, target)
        found |= {f"{name}_low": float(output.min()), f"{name}_high": float(output.max())} if output.is_floating_point() else {}
        if running:
            return found  # rare letters that are never told, and names nobody can foresee, are no fault
        classes, truth = decided(output, target), true_classes(output, target)
        if name == "valid" and classes is not None and truth is not None:
            found["recall_least"] = least_recall(classes, truth)
            found["entropy"] = entropy_of(classes)
            found |= contradicted(output, classes, truth)
            if "sure_rows" in found:
                found["sure_rows"] = self._places[torch.tensor(found["sure_rows"], dtype=torch.long)].tolist()
        return found


def sample(n: int, most: int = CHECK_ROWS) -> Tensor:
    """At most `most` evenly spaced places of `n`, in an order that mixes sorted data.

    Example:
        >>> sorted(sample(5).tolist())
        [0, 1, 2, 3, 4]
    """
    places = torch.linspace(0, n - 1, most).long() if n > most else torch.arange(n)
    # A fixed shuffle by a stride: a probe set's first rows must not be all of one class.
    return places[(torch.arange(len(places)) * 197) % len(places)] if len(places) % 197 else places


def _taken(arrays: Arrays, places: Tensor) -> Arrays:
    inputs, target = arrays
    return tuple(x[places.to(x.device)] for x in inputs), target[places.to(target.device)]


def averaged(output: Tensor, target: Tensor) -> Tensor:
    """The mean over the members of a many-in-one network, `(N, K, n)` to `(N, n)`; any other output as it is."""
    members = output.ndim == 3 and (target.ndim == 1 or (target.is_floating_point() and output.shape[2:] == target.shape[1:]))
    return output.mean(1) if members else output


def tells_tokens(output: Tensor, target: Tensor) -> bool:
    """Whether an output `(N, L, n)` answers each of several codes `(N, L)` of a row."""
    return output.ndim == 3 and target.ndim == 2 and not target.is_floating_point() and output.shape[:2] == target.shape


def as_rows(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Every token of a row as a row of its own, `(N * L, n)` and `(N * L,)`; anything else as it is."""
    return (output.flatten(0, 1), target.flatten().long()) if tells_tokens(output, target) else (output, target)


def decided(output: Tensor, target: Tensor) -> Tensor | None:
    """The class each row is taken for, `(N,)`; None for values."""
    if output.ndim == 2 and output.shape[1] > 1 and true_classes(output, target) is not None:
        return output.argmax(1)
    if output.ndim <= 2 and output.numel() == len(output) and _is_binary(target):
        low, high = float(output.min()), float(output.max())
        return (output.flatten() > (0.5 if low >= 0 and high <= 1 else 0.0)).long()
    return None


def true_classes(output: Tensor, target: Tensor) -> Tensor | None:
    """The true classes `(N,)` of codes, one-hot rows or probabilities; None for values."""
    if not target.is_floating_point():
        return target.long() if target.ndim == 1 else target.flatten().long() if target.numel() == len(target) else None
    if _is_binary(target) and output.numel() == len(output):
        return target.flatten().long()
    return target.argmax(1) if are_shares(target) else None


def are_shares(target: Tensor) -> bool:
    """Whether every row holds shares of classes: not negative, and 1 in sum."""
    wide = target.ndim == 2 and target.shape[1] > 1
    return wide and bool((target >= 0).all() and ((target.sum(1) - 1).abs() < 1e-4).all())


def _is_binary(target: Tensor) -> bool:
    return target.numel() == len(target) and bool(((target == 0) | (target == 1)).all())


def score_of(output: Tensor, target: Tensor) -> float | None:
    """Accuracy of classes, R² of values; None where the shapes do not tell.

    Example:
        >>> score_of(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
        0.5
    """
    classes, truth = decided(output, target), true_classes(output, target)
    if classes is not None and truth is not None:
        return float((classes == truth).float().mean())
    if not target.is_floating_point() or output.numel() != target.numel() or _many_labels(target):
        return None
    y, guess = target.reshape(len(target), -1).float(), output.reshape(len(target), -1).float()
    spread = ((y - y.mean(0)) ** 2).sum()
    return float(1 - ((y - guess) ** 2).sum() / spread) if spread > 0 else None


def _many_labels(target: Tensor) -> bool:
    """Whether several yes-or-no labels may hold together: neither accuracy nor R² of logits says anything there."""
    return target.ndim == 2 and target.shape[1] > 1 and bool(((target == 0) | (target == 1)).all())


def least_recall(classes: Tensor, truth: Tensor) -> float | None:
    """The smallest share of a class's rows that were taken for it, over classes with at least three rows."""
    shares = [float((classes[truth == k] == k).float().mean()) for k in truth.unique() if int((truth == k).sum()) >= 3]
    return min(shares) if shares else None


def contradicted(output: Tensor, classes: Tensor, truth: Tensor) -> dict[str, Any]:
    """Of the quarter of the rows whose class the network is surest of, the share that is labelled otherwise, and which.

    A task may be as hard as it likes: where the network is surest it is right, unless the labels are wrong.

    Args:
        output: logits or probabilities `(N, K)`.
        classes: the class each row is taken for `(N,)`.
        truth: the labels `(N,)`.
    """
    if len(output) < 80:
        return {}
    surest = sureness(output).argsort(descending=True)[: len(output) // 4]
    wrong = surest[(classes != truth)[surest]]
    found = {"sure_wrong": len(wrong) / len(surest), "sure_seen": len(surest), "sure_rows": wrong[:NAMED].tolist()}
    if not len(wrong) or output.ndim != 2 or output.shape[1] < 4:
        return found | {"sure_mixture": 0.0}
    return found | {
        "sure_mixture": mixture(classes[wrong], truth[wrong], output.shape[-1]),
        "sure_rank": rank_of(output[wrong], truth[wrong]),
    }


def rank_of(output: Tensor, truth: Tensor) -> float:
    """Where the labels stand among the classes that were not chosen, by the network's own order: 0 next best, 1 last, mean.

    Labels that are wrong at random stand anywhere, 0.5 in the mean; hard classes are labelled as the next best.

    Example:
        >>> rank_of(torch.tensor([[4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0]]), torch.tensor([1, 3]))
        0.5
    """
    before = (output > output.gather(1, truth[:, None])).sum(1) - 1
    return float(before.float().mean()) / (output.shape[1] - 2)


def mixture(answer: Tensor, truth: Tensor, n_classes: int) -> float:
    """How evenly the labels of contradicted rows spread over the other classes, given the answer: 1 is evenly.

    Labels that are wrong at random may be any; classes that are hard to tell apart are taken for each other.

    Example:
        >>> mixture(torch.zeros(8).long(), torch.tensor([1, 1, 1, 1, 1, 1, 1, 1]), 4)
        0.0
    """
    if n_classes < 4:
        return 0.0
    weighed, rows = 0.0, 0
    for k in answer.unique():
        counts = truth[answer == k].bincount().float()
        counts = counts[counts > 0]
        n = int(counts.sum())
        if n >= 4:
            # Few rows look less even than they are: Miller and Madow's correction.
            entropy = float(torch.special.entr(counts / n).sum()) + (len(counts) - 1) / (2 * n)
            weighed, rows = weighed + n * min(1.0, entropy / math.log(n_classes - 1)), rows + n
    return weighed / rows if rows else 0.0


def sureness(output: Tensor) -> Tensor:
    """How far the best answer is ahead of the next, `(N,)`: the same order for logits, log-probabilities and probabilities.

    Example:
        >>> sureness(torch.tensor([[2.0, 0.0], [0.0, 3.0]])).tolist()
        [2.0, 3.0]
    """
    if output.ndim == 2 and output.shape[1] > 1:
        best = output.float().topk(2, dim=1).values
        return best[:, 0] - best[:, 1]
    flat = output.float().flatten()
    return (flat - 0.5).abs() if float(flat.min()) >= 0 and float(flat.max()) <= 1 else flat.abs()


def entropy_of(classes: Tensor) -> float:
    """Entropy in nats of how often each class was chosen; 0 when always the same."""
    shares = classes.bincount().float() / len(classes)
    return float(torch.special.entr(shares).sum())
