"""Tasks of odd but healthy programs: arrays of every kind of target, and networks for them, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.ward import pieces
from trainwell.ward.pieces import Data, Recurrent, Residual, Words, cnn, draw, mlp

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Task:
    """Data, a network and a loss that fit together.

    Args:
        kind: what the odd thing about it is.
        data: arrays for training and validation.
        model: a network of the size that an experienced author would take.
        loss: what is made small.
        updates: with batches of 32 at usual rates; noisy tasks are stopped before they are learnt by heart.
        norm: whether the network has batch norms, which small batches starve.
        slow: whether plain descent is too slow for it.
    """

    kind: str
    data: Data
    model: nn.Module
    loss: Loss
    updates: int = 700
    norm: bool = False
    slow: bool = False


def dense(draws: Random, n_in: int, n_out: int, last: nn.Module | None = None) -> tuple[nn.Module, bool]:
    """A network for tables, and whether it has batch norms."""
    act: Any = draws.choice([nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.SELU])
    norm, width, depth = draws.random() < 0.25, draws.choice([32, 48, 64, 96, 128]), draws.choice([1, 2, 2, 3, 4])
    if last is None and draws.random() < 0.15:
        return Residual(n_in, n_out, width=48, depth=draws.choice([2, 3, 4])), False
    dropout = draws.choice([0.0, 0.0, 0.1, 0.3, 0.6]) if width >= 64 and depth <= 2 else 0.0
    return mlp(n_in, n_out, width=width, depth=depth, act=act, norm=norm, dropout=dropout, last=last), norm


def classes(draws: Random) -> Task:
    """Classes of a table; labels may be smoothed, weighed, or told by a focal loss."""
    name, n_in, n_out, updates = draws.choice(
        [("digits", 64, 10, 900), ("cancer", 30, 2, 250), ("wine", 13, 3, 250), ("iris", 4, 3, 500), ("moons", 2, 2, 800),
         ("blobs", 2, 3, 400), ("circles", 2, 2, 800)]
    )  # fmt: skip
    p = pieces
    makers: dict[str, Callable[[], Data]] = {
        "digits": p.digits,
        "cancer": p.cancer,
        "wine": p.wine,
        "iris": p.iris,
        "moons": p.moons,
        "blobs": p.blobs,
    }
    makers |= {"circles": p.circles}
    data = makers[name]()
    model, norm = dense(draws, n_in, n_out)
    smooth = nn.CrossEntropyLoss(label_smoothing=draws.choice([0.0, 0.0, 0.05, 0.1]))
    weighed = nn.CrossEntropyLoss(weight=torch.linspace(0.7, 1.4, n_out))
    loss = draws.choice([smooth, smooth, weighed, nn.MultiMarginLoss()])
    return Task(f"classes of {name}", data, model, loss, updates, norm)


def few_rows(draws: Random) -> Task:
    """Three hundred rows, dropout, and few updates."""
    model = mlp(64, 10, width=draws.choice([32, 48, 64]), dropout=0.3)
    return Task("few rows", pieces.digits(n=draws.choice([250, 300, 400])), model, nn.CrossEntropyLoss(), 300)


def perfect(draws: Random) -> Task:
    """A task without any error: validation is perfect from early on."""
    x = torch.randn(900, 5)
    y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    x[:, :2] += 0.5 * x[:, :2].sign()
    model, norm = dense(draws, 5, 4)
    return Task("perfect", (x[:700], y[:700], x[700:], y[700:]), model, nn.CrossEntropyLoss(), 600, norm)


def numbers(draws: Random) -> Task:
    """Regression: one number, or three, under one of four losses."""
    targets = draws.choice([1, 1, 3])
    loss = draws.choice([nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss()])
    model, norm = dense(draws, 6, targets)
    return Task(f"{targets} numbers", pieces.waves(targets=targets), model, loss, 900, norm, slow=True)


def noisy_numbers(draws: Random) -> Task:
    """Diabetes: half of the spread is noise, so that an author stops early."""
    model = mlp(10, 1, width=draws.choice([16, 24, 32]), dropout=draws.choice([0.0, 0.1]))
    return Task("noisy numbers", pieces.diabetes(), model, nn.MSELoss(), 120)


def latent(n: int = 1200, noise: float = 0.4) -> tuple[Tensor, Tensor]:
    """Rows `(N, 6)` and a hidden number of each with noise, of unit spread."""
    x = torch.randn(n, 6)
    z = x[:, 0] + 0.7 * x[:, 1] - 0.5 * x[:, 2] + 0.4 * x[:, 3] * x[:, 4] + noise * torch.randn(n)
    return x, (z - z.mean()) / z.std()


def ranks(draws: Random) -> Task:
    """Ranks: noise moves a row to the next ones, told by cross-entropy, by thresholds or by the expected rank."""
    k, how = draws.choice([4, 5, 6]), draws.choice(["classes", "thresholds", "expected"])
    x, z = latent(noise=draws.choice([0.3, 0.5, 0.8]))
    y = torch.bucketize(z, torch.linspace(-1.3, 1.3, k - 1))
    above = (y[:, None] > torch.arange(k - 1)).float()
    model, norm = dense(draws, 6, k - 1 if how == "thresholds" else k)
    target = above if how == "thresholds" else y
    losses: dict[str, Loss] = {"classes": nn.CrossEntropyLoss(), "thresholds": nn.BCEWithLogitsLoss(), "expected": ranked(k)}
    return Task(f"ranks by {how}", (x[:900], target[:900], x[900:], target[900:]), model, losses[how], 250, norm)


def ranked(k: int) -> Loss:
    """Squared distance of the cumulated probabilities of ranks from the truth."""

    def loss(output: Tensor, target: Tensor) -> Tensor:
        truth = (target[:, None] <= torch.arange(k)).float()
        return ((output.softmax(1).cumsum(1) - truth) ** 2).sum(1).mean()

    return loss


def several_labels(draws: Random) -> Task:
    """Labels that hold together, rare ones among them."""
    x, y, xv, yv = pieces.digits()
    questions = [lambda t: t % 2 == 0, lambda t: t > 4, lambda t: t % 3 == 0, lambda t: t == 8]
    chosen = draws.sample(questions, draws.choice([2, 3, 4]))
    hot = lambda t: torch.stack([q(t) for q in chosen], 1).float()  # noqa: E731
    model, norm = dense(draws, 64, len(chosen))
    return Task("several labels", (x, hot(y), xv, hot(yv)), model, nn.BCEWithLogitsLoss(), 800, norm)


def yes_no(draws: Random) -> Task:
    """One unit for two classes, by probability or logit."""
    last = draws.choice([None, nn.Sigmoid()])
    model, norm = dense(draws, 30, 1, last)
    return Task("yes or no", pieces.cancer(yes_no=True), model, nn.BCELoss() if last else nn.BCEWithLogitsLoss(), 250, norm)


def shares(draws: Random) -> Task:
    """Probabilities as targets, as a teacher gives them."""
    x, y, xv, yv = pieces.digits()
    soft = lambda t: 0.8 * F.one_hot(t, 10).float() + 0.02  # noqa: E731
    model, norm = dense(draws, 64, 10)
    return Task("shares of classes", (x, soft(y), xv, soft(yv)), model, nn.CrossEntropyLoss(), 800, norm)


def counts(draws: Random) -> Task:
    """Counts under a Poisson loss: the output is the logarithm of a rate."""
    x, z = latent(noise=0.0)
    y = torch.poisson((0.5 + 0.7 * z).exp())[:, None]
    model, norm = dense(draws, 6, 1)
    return Task("counts", (x[:900], y[:900], x[900:], y[900:]), model, nn.PoissonNLLLoss(log_input=True), 300, norm)


def texts(draws: Random) -> Task:
    """Token codes through an embedding, with a mean, attention or a recurrent network behind it."""
    how = draws.choice(["mean", "attention", "gru"])
    model: nn.Module = Words(attention=how == "attention") if how != "gru" else Read()
    return Task(f"texts by {how}", pieces.words(), model, nn.CrossEntropyLoss(), 500, slow=True)


class Read(nn.Module):
    """An embedding and a recurrent network."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.body, self.head = nn.Embedding(60, 24), nn.GRU(24, 24, batch_first=True), nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        """The last state answers."""
        return self.head(self.body(self.table(x))[0].mean(1))


class Tag(nn.Module):
    """An answer for each token of a row."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.body = nn.Embedding(30, 16), nn.GRU(16, 24, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits `(N, 3, L)`, as cross-entropy wants them."""
        return self.head(self.body(self.table(x))[0]).transpose(1, 2)


def tags(draws: Random) -> Task:
    """A class for each token: whether it is above, below or equal to the one before it, by threes."""
    del draws
    x = torch.randint(0, 30, (900, 10))
    before = torch.cat([x[:, :1], x[:, :-1]], 1)
    y = ((x // 10) - (before // 10)).sign() + 1
    return Task("tags of tokens", (x[:700], y[:700], x[700:], y[700:]), Tag(), nn.CrossEntropyLoss(), 600, slow=True)


def sequences(draws: Random) -> Task:
    """Series through a recurrent network."""
    kind = draws.choice(["RNN", "GRU", "LSTM"])
    return Task(f"series by {kind}", pieces.sums(), Recurrent(kind, 1, 2), nn.CrossEntropyLoss(), 500, slow=True)


def forecasts(draws: Random) -> Task:
    """The next steps of a noisy wave from its past, split in time."""
    t = torch.arange(2200).float()
    wave = torch.sin(t * 6.283 / 24) + 0.4 * torch.sin(t * 6.283 / 168) + draws.choice([0.1, 0.3, 0.6]) * torch.randn(2200)
    past, ahead = 48, draws.choice([1, 6, 12])
    rows = wave.unfold(0, past + ahead, 2)
    x, y = rows[:, :past], rows[:, past:]
    k, gap = int(0.75 * len(x)), (past + ahead) // 2
    model, norm = dense(draws, past, ahead)
    loss = draws.choice([nn.MSELoss(), nn.L1Loss()])
    return Task(f"forecast of {ahead}", (x[:k], y[:k], x[k + gap :], y[k + gap :]), model, loss, 350, norm)


def small_pictures(draws: Random) -> Task:
    """Convolutions with group norm, batch norm or none."""
    how = draws.choice(["group", "batch", "none"])
    model = cnn(norm=how == "batch", group=how == "group", dropout=draws.choice([0.0, 0.2]))
    return Task(
        f"pictures, {how} norm", pieces.pictures(), model, nn.CrossEntropyLoss(), 450, how == "batch", slow=how != "batch"
    )


def deep_without_norm(draws: Random) -> Task:
    """Six or eight layers that only their first weights hold."""
    model = draw(mlp(64, 10, depth=draws.choice([5, 6, 8]), width=64), he=True, bias=0)
    return Task("deep without norm", pieces.digits(), model, nn.CrossEntropyLoss(), 900)


def frozen(draws: Random) -> Task:
    """A first layer of random features that is declared frozen."""
    model = mlp(64, 10, width=draws.choice([128, 256]))
    model[0].requires_grad_(False)
    return Task("frozen first layer", pieces.digits(), model, nn.CrossEntropyLoss(), 700)


def bottleneck(draws: Random) -> Task:
    """An autoencoder: the inputs are the targets."""
    x, _, xv, _ = pieces.digits()
    model = mlp(64, 64, width=draws.choice([24, 32, 48]), depth=1, last=draws.choice([None, nn.Sigmoid()]))
    return Task("autoencoder", (x, x.clone(), xv, xv.clone()), model, nn.MSELoss(), 900, slow=True)


def rare_class(draws: Random) -> Task:
    """One class in thirty that is told well."""
    x, y, xv, yv = pieces.digits()
    y, yv = (y == 0).long(), (yv == 0).long()
    keep = (y == 0) | (torch.cumsum(y, 0) <= 45)
    model, norm = dense(draws, 64, 2)
    return Task("rare class", (x[keep], y[keep], xv, yv), model, nn.CrossEntropyLoss(), 800, norm)


def hard(draws: Random) -> Task:
    """Classes that overlap: no network tells them apart."""
    data, n_in, n_out = draws.choice([(pieces.moons(noise=0.6), 2, 2), (pieces.blobs(1200, classes=5, spread=3.5), 2, 5)])
    return Task("overlapping classes", data, mlp(n_in, n_out, width=32), nn.CrossEntropyLoss(), 400)


TASKS: tuple[Callable[[Random], Task], ...] = (
    classes, few_rows, perfect, numbers, noisy_numbers, ranks, several_labels, yes_no, shares, counts, texts, tags,
    sequences, forecasts, small_pictures, deep_without_norm, frozen, bottleneck, rare_class, hard,
)  # fmt: skip
