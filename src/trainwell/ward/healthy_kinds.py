"""Healthy programs of many kinds, many of them odd but legal."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, RAdam

from trainwell.ward.pieces import (
    Recurrent,
    Words,
    blobs,
    cancer,
    circles,
    cnn,
    diabetes,
    digits,
    draw,
    iris,
    mlp,
    moons,
    pictures,
    sums,
    waves,
    wine,
    words,
)
from trainwell.ward.program import Program
from trainwell.ward.register import healthy


@healthy
def _dropout_of_sixty_percent() -> Program:
    model = mlp(64, 10, width=128, dropout=0.6)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), epochs=25)


@healthy
def _slow_sgd() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, SGD(model.parameters(), 0.03), epochs=40)


@healthy
def _no_norm_deep() -> Program:
    model = draw(mlp(64, 10, depth=6, width=48), he=True, bias=0)
    return Program(digits(), model, AdamW(model.parameters(), 1e-3), epochs=20)


@healthy
def _small_data() -> Program:
    model = mlp(64, 10, width=48, dropout=0.3)
    return Program(digits(n=300), model, AdamW(model.parameters(), 1e-3), epochs=30)


@healthy
def _group_norm_batch_four() -> Program:
    model = cnn(group=True)
    return Program(pictures(), model, AdamW(model.parameters(), 1e-3), batch=4, epochs=3)


@healthy
def _frozen_layers_declared() -> Program:
    model = mlp(64, 10, width=128)
    model[0].requires_grad_(False)
    return Program(digits(), model, AdamW([p for p in model.parameters() if p.requires_grad], 3e-3), epochs=15)


@healthy
def _frozen_but_given_to_the_optimizer() -> Program:
    model = mlp(64, 10, width=128)
    model[0].requires_grad_(False)
    return Program(digits(), model, AdamW(model.parameters(), 3e-3), epochs=15)


@healthy
def _accumulation() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), batch=8, accumulate=4, epochs=15)


@healthy
def _perfect_validation() -> Program:
    model = mlp(13, 3, width=32)
    return Program(wine(), model, AdamW(model.parameters(), 3e-3), epochs=60)


@healthy
def _regression() -> Program:
    model = mlp(10, 1, width=24, dropout=0.1)
    return Program(diabetes(), model, AdamW(model.parameters(), 2e-3), nn.MSELoss(), epochs=15)


@healthy
def _regression_of_waves() -> Program:
    model = mlp(6, 1, act=nn.SiLU)
    return Program(waves(), model, AdamW(model.parameters(), 3e-3), nn.HuberLoss(), epochs=30)


@healthy
def _many_outputs() -> Program:
    model = mlp(6, 3)
    return Program(waves(targets=3), model, AdamW(model.parameters(), 3e-3), nn.MSELoss(), epochs=30)


@healthy
def _absolute_error() -> Program:
    model = mlp(6, 1)
    return Program(waves(), model, AdamW(model.parameters(), 3e-3), nn.L1Loss(), epochs=30)


@healthy
def _yes_or_no() -> Program:
    model = mlp(30, 1)
    return Program(cancer(yes_no=True), model, AdamW(model.parameters(), 1e-3), nn.BCEWithLogitsLoss(), epochs=20)


@healthy
def _yes_or_no_with_sigmoid() -> Program:
    model = mlp(30, 1, last=nn.Sigmoid())
    return Program(cancer(yes_no=True), model, AdamW(model.parameters(), 1e-3), nn.BCELoss(), epochs=20)


@healthy
def _log_softmax_and_nll() -> Program:
    model = mlp(64, 10, last=nn.LogSoftmax(1))
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), nn.NLLLoss(), epochs=15)


@healthy
def _multi_label() -> Program:
    x, y, xv, yv = digits()
    model = mlp(64, 3)
    hot = lambda t: torch.stack([t % 2 == 0, t > 4, t % 3 == 0], 1).float()  # noqa: E731
    return Program((x, hot(y), xv, hot(yv)), model, AdamW(model.parameters(), 2e-3), nn.BCEWithLogitsLoss(), epochs=20)


@healthy
def _label_smoothing() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), nn.CrossEntropyLoss(label_smoothing=0.1), epochs=20)


@healthy
def _class_weights() -> Program:
    model = mlp(64, 10)
    return Program(
        digits(), model, AdamW(model.parameters(), 2e-3), nn.CrossEntropyLoss(weight=torch.linspace(0.5, 2, 10)), epochs=15
    )


class Focal(nn.Module):
    """Cross-entropy that looks away from what is right already."""

    def forward(self, out: Tensor, y: Tensor) -> Tensor:
        each = F.cross_entropy(out, y, reduction="none")
        return ((1 - torch.exp(-each)) ** 2 * each).mean()


@healthy
def _focal_loss_of_ones_own() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), Focal(), epochs=20)


@healthy
def _plain_function_as_loss() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), F.cross_entropy, epochs=15)


@healthy
def _rnn() -> Program:
    model = Recurrent("RNN", 1, 2)
    return Program(sums(), model, AdamW(model.parameters(), 3e-3), epochs=15, clip=1.0)


@healthy
def _gru() -> Program:
    model = Recurrent("GRU", 1, 2)
    return Program(sums(), model, AdamW(model.parameters(), 3e-3), epochs=15)


@healthy
def _lstm() -> Program:
    model = Recurrent("LSTM", 1, 2)
    return Program(sums(), model, AdamW(model.parameters(), 5e-3), epochs=15)


@healthy
def _words_mean() -> Program:
    model = Words()
    return Program(words(), model, AdamW(model.parameters(), 3e-3), epochs=12)


@healthy
def _words_attention() -> Program:
    model = Words(attention=True)
    return Program(words(), model, AdamW(model.parameters(), 2e-3), epochs=10)


@healthy
def _words_sgd() -> Program:
    model = Words()
    return Program(words(), model, SGD(model.parameters(), 0.1, momentum=0.9), epochs=15)


@healthy
def _convolution_with_norm() -> Program:
    model = cnn()
    return Program(pictures(), model, AdamW(model.parameters(), 2e-3), epochs=6)


@healthy
def _convolution_without_norm() -> Program:
    model = cnn(norm=False)
    return Program(pictures(), model, SGD(model.parameters(), 0.05, momentum=0.9), epochs=10)


@healthy
def _flipped_and_noisy_pictures() -> Program:
    model = cnn()
    augment = lambda x: torch.roll(x, int(torch.randint(-1, 2, ())), 3) + 0.1 * torch.randn_like(x)  # noqa: E731
    return Program(pictures(), model, AdamW(model.parameters(), 2e-3), epochs=10, augment=augment)


@healthy
def _batch_one() -> Program:
    model = mlp(2, 3, width=24)
    return Program(blobs(500), model, SGD(model.parameters(), 0.005), batch=1, epochs=6)


@healthy
def _full_batch_many_epochs() -> Program:
    model = mlp(13, 3)
    return Program(wine(), model, AdamW(model.parameters(), 1e-2), batch=1000, epochs=200)


@healthy
def _logistic_regression() -> Program:
    model = nn.Linear(30, 2)
    return Program(cancer(), model, SGD(model.parameters(), 0.1), epochs=30)


@healthy
def _linear_regression() -> Program:
    model = nn.Linear(10, 1)
    return Program(diabetes(), model, SGD(model.parameters(), 0.03), nn.MSELoss(), epochs=40)


@healthy
def _hard_task() -> Program:
    model = mlp(2, 2, width=24)
    return Program(moons(noise=0.6), model, AdamW(model.parameters(), 3e-3), epochs=20)


@healthy
def _overlapping_classes() -> Program:
    model = mlp(2, 5, width=24)
    return Program(blobs(1200, classes=5, spread=3.5), model, AdamW(model.parameters(), 3e-3), epochs=20)


@healthy
def _mild_imbalance() -> Program:
    x, y, xv, yv = digits()
    model = mlp(64, 2)
    return Program((x, (y == 8).long(), xv, (yv == 8).long()), model, AdamW(model.parameters(), 2e-3), epochs=20)


@healthy
def _strong_imbalance_that_is_learnt() -> Program:
    x, y, xv, yv = digits()
    y, yv = (y == 0).long(), (yv == 0).long()
    keep = (y == 0) | (torch.cumsum(y, 0) <= 40)
    model = mlp(64, 2)
    return Program((x[keep], y[keep], xv, yv), model, AdamW(model.parameters(), 2e-3), epochs=25)


@healthy
def _pixels_up_to_one() -> Program:
    model = mlp(64, 10)
    return Program(digits(scale=16.0), model, AdamW(model.parameters(), 2e-3), epochs=12)


@healthy
def _rows_that_repeat() -> Program:
    data = iris()
    model = mlp(4, 3, width=16)
    return Program(data, model, AdamW(model.parameters(), 5e-3), epochs=60)


@healthy
def _coarse_table() -> Program:
    x, y, xv, yv = moons(1200)
    x, xv = (x * 2).round() / 2, (xv * 2).round() / 2
    model = mlp(2, 2, width=24)
    return Program((x, y, xv, yv), model, AdamW(model.parameters(), 3e-3), epochs=15)


@healthy
def _raw_inputs_behind_a_norm() -> Program:
    model = nn.Sequential(nn.BatchNorm1d(13), mlp(13, 3))
    return Program(wine(scale="none"), model, AdamW(model.parameters(), 3e-3), epochs=60)


@healthy
def _no_validation_rows() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), epochs=12, show_valid=False)


@healthy
def _radam_and_weight_decay() -> Program:
    model = mlp(64, 10, norm=True)
    return Program(digits(), model, RAdam(model.parameters(), 3e-3, weight_decay=1e-2), epochs=15)


@healthy
def _leaky_and_wide() -> Program:
    model = mlp(64, 10, width=512, depth=1, act=lambda: nn.LeakyReLU(0.1))
    return Program(digits(), model, SGD(model.parameters(), 0.05, momentum=0.9), epochs=10)


@healthy
def _shared_weights() -> Program:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.again, self.head = nn.Linear(64, 48), nn.Linear(48, 48), nn.Linear(48, 10)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.first(x))
            for _ in range(3):
                h = h + torch.relu(self.again(h))
            return self.head(h)

    model = Tied()
    return Program(digits(), model, AdamW(model.parameters(), 1e-3), epochs=15)


@healthy
def _two_rates() -> Program:
    model = mlp(64, 10)
    groups = [{"params": model[:2].parameters(), "lr": 5e-4}, {"params": model[2:].parameters(), "lr": 3e-3}]
    return Program(digits(), model, AdamW(groups), epochs=15)


@healthy
def _bottleneck() -> Program:
    """An autoencoder: inputs are the targets."""
    x, _, xv, _ = digits()
    model = nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 12), nn.ReLU(), nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 64)
    )
    return Program((x, x.clone(), xv, xv.clone()), model, AdamW(model.parameters(), 3e-3), nn.MSELoss(), epochs=20)


@healthy
def _bottleneck_with_sigmoid() -> Program:
    x, _, xv, _ = digits()
    model = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 64), nn.Sigmoid())
    return Program((x, x.clone(), xv, xv.clone()), model, AdamW(model.parameters(), 5e-3), nn.MSELoss(), epochs=20)


@healthy
def _circles_with_sigmoid_units() -> Program:
    model = mlp(2, 2, width=32, depth=1, act=nn.Sigmoid)
    return Program(circles(), model, Adam(model.parameters(), 3e-2), epochs=40)
