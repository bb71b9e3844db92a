"""Healthy programs, many of them odd but legal: each must be left in peace."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, NAdam, RAdam, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, StepLR

from doctor.ward.pieces import (
    Recurrent,
    Residual,
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
)  # fmt: skip
from doctor.ward.program import Case, Program

ODD: list[Case] = []


def odd(build: Callable[[], Program]) -> Callable[[], Program]:
    ODD.append(Case(build.__name__, build))
    return build


def healthy_cases() -> list[Case]:
    return [*ODD, *grid()]


def grid() -> list[Case]:
    """Networks × data × optimizers at rates one would choose."""
    optimizers = {
        "sgd": lambda m: SGD(m.parameters(), 0.05),
        "momentum": lambda m: SGD(m.parameters(), 0.03, momentum=0.9, nesterov=True, weight_decay=1e-4),
        "adamw": lambda m: AdamW(m.parameters(), 2e-3),
        "rmsprop": lambda m: RMSprop(m.parameters(), 1e-3),
        "adagrad": lambda m: Adagrad(m.parameters(), 2e-2),
        "nadam": lambda m: NAdam(m.parameters(), 2e-3),
    }
    data = {
        "digits": (digits, 64, 10),
        "cancer": (cancer, 30, 2),
        "wine": (wine, 13, 3),
        "moons": (moons, 2, 2),
        "blobs": (blobs, 2, 3),
    }
    networks = {
        "relu": lambda i, o: mlp(i, o),
        "tanh": lambda i, o: mlp(i, o, act=nn.Tanh, width=32),
        "gelu norm": lambda i, o: mlp(i, o, act=nn.GELU, norm=True, width=48),
        "deep selu": lambda i, o: mlp(i, o, act=nn.SELU, depth=5, width=32),
        "dropout": lambda i, o: mlp(i, o, dropout=0.3, width=96, depth=1),
        "residual": lambda i, o: Residual(i, o, depth=3),
    }
    cases = []
    for k, ((d, (make, i, o)), (n, net), (t, opt)) in enumerate(product(data.items(), networks.items(), optimizers.items())):
        if k % 3 == 0:  # every third of 180 still pairs each with each
            cases.append(Case(f"grid {d} {n} {t}", lambda make=make, net=net, opt=opt, i=i, o=o: _grid(make, net, opt, i, o)))
    return cases


def _grid(make, net, opt, i, o) -> Program:
    data, model = make(), net(i, o)
    epochs = max(20, min(120, 24000 // len(data[0])))
    epochs *= 3 if isinstance(opt(model), SGD) else 1
    return Program(data, model, opt(model), epochs=epochs)


@odd
def dropout_of_sixty_percent() -> Program:
    model = mlp(64, 10, width=128, dropout=0.6)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), epochs=25)


@odd
def slow_sgd() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, SGD(model.parameters(), 0.03), epochs=40)


@odd
def no_norm_deep() -> Program:
    model = draw(mlp(64, 10, depth=6, width=48), he=True, bias=0)
    return Program(digits(), model, AdamW(model.parameters(), 1e-3), epochs=20)


@odd
def small_data() -> Program:
    model = mlp(64, 10, width=48, dropout=0.3)
    return Program(digits(n=300), model, AdamW(model.parameters(), 1e-3), epochs=30)


@odd
def group_norm_batch_four() -> Program:
    model = cnn(group=True)
    return Program(pictures(), model, AdamW(model.parameters(), 1e-3), batch=4, epochs=3)


@odd
def frozen_layers_declared() -> Program:
    model = mlp(64, 10, width=128)
    model[0].requires_grad_(False)
    return Program(digits(), model, AdamW([p for p in model.parameters() if p.requires_grad], 3e-3), epochs=15)


@odd
def frozen_but_given_to_the_optimizer() -> Program:
    model = mlp(64, 10, width=128)
    model[0].requires_grad_(False)
    return Program(digits(), model, AdamW(model.parameters(), 3e-3), epochs=15)


@odd
def accumulation() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), batch=8, accumulate=4, epochs=15)


@odd
def perfect_validation() -> Program:
    model = mlp(13, 3, width=32)
    return Program(wine(), model, AdamW(model.parameters(), 3e-3), epochs=60)


@odd
def regression() -> Program:
    model = mlp(10, 1, width=24, dropout=0.1)
    return Program(diabetes(), model, AdamW(model.parameters(), 2e-3), nn.MSELoss(), epochs=15)


@odd
def regression_of_waves() -> Program:
    model = mlp(6, 1, act=nn.SiLU)
    return Program(waves(), model, AdamW(model.parameters(), 3e-3), nn.HuberLoss(), epochs=30)


@odd
def many_outputs() -> Program:
    model = mlp(6, 3)
    return Program(waves(targets=3), model, AdamW(model.parameters(), 3e-3), nn.MSELoss(), epochs=30)


@odd
def absolute_error() -> Program:
    model = mlp(6, 1)
    return Program(waves(), model, AdamW(model.parameters(), 3e-3), nn.L1Loss(), epochs=30)


@odd
def yes_or_no() -> Program:
    model = mlp(30, 1)
    return Program(cancer(yes_no=True), model, AdamW(model.parameters(), 1e-3), nn.BCEWithLogitsLoss(), epochs=20)


@odd
def yes_or_no_with_sigmoid() -> Program:
    model = mlp(30, 1, last=nn.Sigmoid())
    return Program(cancer(yes_no=True), model, AdamW(model.parameters(), 1e-3), nn.BCELoss(), epochs=20)


@odd
def log_softmax_and_nll() -> Program:
    model = mlp(64, 10, last=nn.LogSoftmax(1))
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), nn.NLLLoss(), epochs=15)


@odd
def multi_label() -> Program:
    x, y, xv, yv = digits()
    model = mlp(64, 3)
    hot = lambda t: torch.stack([t % 2 == 0, t > 4, t % 3 == 0], 1).float()  # noqa: E731
    return Program((x, hot(y), xv, hot(yv)), model, AdamW(model.parameters(), 2e-3), nn.BCEWithLogitsLoss(), epochs=20)


@odd
def label_smoothing() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), nn.CrossEntropyLoss(label_smoothing=0.1), epochs=20)


@odd
def class_weights() -> Program:
    model = mlp(64, 10)
    return Program(
        digits(), model, AdamW(model.parameters(), 2e-3), nn.CrossEntropyLoss(weight=torch.linspace(0.5, 2, 10)), epochs=15
    )


class Focal(nn.Module):
    def forward(self, out: Tensor, y: Tensor) -> Tensor:
        each = F.cross_entropy(out, y, reduction="none")
        return ((1 - torch.exp(-each)) ** 2 * each).mean()


@odd
def focal_loss_of_ones_own() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), Focal(), epochs=20)


@odd
def plain_function_as_loss() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), F.cross_entropy, epochs=15)


@odd
def rnn() -> Program:
    model = Recurrent("RNN", 1, 2)
    return Program(sums(), model, AdamW(model.parameters(), 3e-3), epochs=15, clip=1.0)


@odd
def gru() -> Program:
    model = Recurrent("GRU", 1, 2)
    return Program(sums(), model, AdamW(model.parameters(), 3e-3), epochs=15)


@odd
def lstm() -> Program:
    model = Recurrent("LSTM", 1, 2)
    return Program(sums(), model, AdamW(model.parameters(), 5e-3), epochs=15)


@odd
def words_mean() -> Program:
    model = Words()
    return Program(words(), model, AdamW(model.parameters(), 3e-3), epochs=12)


@odd
def words_attention() -> Program:
    model = Words(attention=True)
    return Program(words(), model, AdamW(model.parameters(), 2e-3), epochs=10)


@odd
def words_sgd() -> Program:
    model = Words()
    return Program(words(), model, SGD(model.parameters(), 0.1, momentum=0.9), epochs=15)


@odd
def convolution_with_norm() -> Program:
    model = cnn()
    return Program(pictures(), model, AdamW(model.parameters(), 2e-3), epochs=6)


@odd
def convolution_without_norm() -> Program:
    model = cnn(norm=False)
    return Program(pictures(), model, SGD(model.parameters(), 0.05, momentum=0.9), epochs=10)


@odd
def flipped_and_noisy_pictures() -> Program:
    model = cnn()
    augment = lambda x: torch.roll(x, int(torch.randint(-1, 2, ())), 3) + 0.1 * torch.randn_like(x)  # noqa: E731
    return Program(pictures(), model, AdamW(model.parameters(), 2e-3), epochs=10, augment=augment)


@odd
def batch_one() -> Program:
    model = mlp(2, 3, width=24)
    return Program(blobs(500), model, SGD(model.parameters(), 0.005), batch=1, epochs=6)


@odd
def full_batch_many_epochs() -> Program:
    model = mlp(13, 3)
    return Program(wine(), model, AdamW(model.parameters(), 1e-2), batch=1000, epochs=200)


@odd
def logistic_regression() -> Program:
    model = nn.Linear(30, 2)
    return Program(cancer(), model, SGD(model.parameters(), 0.1), epochs=30)


@odd
def linear_regression() -> Program:
    model = nn.Linear(10, 1)
    return Program(diabetes(), model, SGD(model.parameters(), 0.03), nn.MSELoss(), epochs=40)


@odd
def warm_up_and_cosine() -> Program:
    model = mlp(64, 10, norm=True)
    optimizer = AdamW(model.parameters(), 3e-3)
    schedule = LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 100) * max(0.0, 1 - s / 900))
    return Program(digits(), model, optimizer, epochs=20, scheduler=schedule, schedule_each_batch=True)


@odd
def one_cycle() -> Program:
    model = mlp(64, 10)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    return Program(
        digits(),
        model,
        optimizer,
        epochs=12,
        scheduler=OneCycleLR(optimizer, 0.3, total_steps=43 * 12),
        schedule_each_batch=True,
    )


@odd
def cosine_each_epoch() -> Program:
    model = mlp(64, 10)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    return Program(digits(), model, optimizer, epochs=15, scheduler=CosineAnnealingLR(optimizer, 15))


@odd
def steps_down() -> Program:
    model = mlp(64, 10)
    optimizer = SGD(model.parameters(), 0.2)
    return Program(digits(), model, optimizer, epochs=18, scheduler=StepLR(optimizer, 6, 0.1))


@odd
def always_clipped() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, SGD(model.parameters(), 0.3), epochs=15, clip=0.3)


@odd
def adam_clipped_hard() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, Adam(model.parameters(), 2e-3), epochs=15, clip=0.01)


@odd
def high_rate_that_works() -> Program:
    model = mlp(64, 10, norm=True)
    return Program(digits(), model, SGD(model.parameters(), 0.2), epochs=20)


@odd
def adam_at_a_hundredth() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, Adam(model.parameters(), 1e-2), epochs=12)


@odd
def zero_last_layer() -> Program:
    model = mlp(64, 10)
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), epochs=15)


@odd
def orthogonal_init() -> Program:
    model = mlp(64, 10, act=nn.Tanh, depth=4)
    for m in model.modules():
        if isinstance(m, nn.Linear):
            nn.init.orthogonal_(m.weight)
    return Program(digits(), model, AdamW(model.parameters(), 1e-3), epochs=15)


@odd
def hard_task() -> Program:
    model = mlp(2, 2, width=24)
    return Program(moons(noise=0.6), model, AdamW(model.parameters(), 3e-3), epochs=20)


@odd
def overlapping_classes() -> Program:
    model = mlp(2, 5, width=24)
    return Program(blobs(1200, classes=5, spread=3.5), model, AdamW(model.parameters(), 3e-3), epochs=20)


@odd
def mild_imbalance() -> Program:
    x, y, xv, yv = digits()
    model = mlp(64, 2)
    return Program((x, (y == 8).long(), xv, (yv == 8).long()), model, AdamW(model.parameters(), 2e-3), epochs=20)


@odd
def strong_imbalance_that_is_learnt() -> Program:
    x, y, xv, yv = digits()
    y, yv = (y == 0).long(), (yv == 0).long()
    keep = (y == 0) | (torch.cumsum(y, 0) <= 40)
    model = mlp(64, 2)
    return Program((x[keep], y[keep], xv, yv), model, AdamW(model.parameters(), 2e-3), epochs=25)


@odd
def pixels_up_to_one() -> Program:
    model = mlp(64, 10)
    return Program(digits(scale=16.0), model, AdamW(model.parameters(), 2e-3), epochs=12)


@odd
def rows_that_repeat() -> Program:
    data = iris()
    model = mlp(4, 3, width=16)
    return Program(data, model, AdamW(model.parameters(), 5e-3), epochs=60)


@odd
def coarse_table() -> Program:
    x, y, xv, yv = moons(1200)
    x, xv = (x * 2).round() / 2, (xv * 2).round() / 2
    model = mlp(2, 2, width=24)
    return Program((x, y, xv, yv), model, AdamW(model.parameters(), 3e-3), epochs=15)


@odd
def raw_inputs_behind_a_norm() -> Program:
    model = nn.Sequential(nn.BatchNorm1d(13), mlp(13, 3))
    return Program(wine(scale="none"), model, AdamW(model.parameters(), 3e-3), epochs=60)


@odd
def no_validation_rows() -> Program:
    model = mlp(64, 10)
    return Program(digits(), model, AdamW(model.parameters(), 2e-3), epochs=12, show_valid=False)


@odd
def radam_and_weight_decay() -> Program:
    model = mlp(64, 10, norm=True)
    return Program(digits(), model, RAdam(model.parameters(), 3e-3, weight_decay=1e-2), epochs=15)


@odd
def leaky_and_wide() -> Program:
    model = mlp(64, 10, width=512, depth=1, act=lambda: nn.LeakyReLU(0.1))
    return Program(digits(), model, SGD(model.parameters(), 0.05, momentum=0.9), epochs=10)


@odd
def shared_weights() -> Program:
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


@odd
def two_rates() -> Program:
    model = mlp(64, 10)
    groups = [{"params": model[:2].parameters(), "lr": 5e-4}, {"params": model[2:].parameters(), "lr": 3e-3}]
    return Program(digits(), model, AdamW(groups), epochs=15)


@odd
def bottleneck() -> Program:
    """An autoencoder: inputs are the targets."""
    x, _, xv, _ = digits()
    model = nn.Sequential(
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 12), nn.ReLU(), nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 64)
    )
    return Program((x, x.clone(), xv, xv.clone()), model, AdamW(model.parameters(), 3e-3), nn.MSELoss(), epochs=20)


@odd
def bottleneck_with_sigmoid() -> Program:
    x, _, xv, _ = digits()
    model = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 64), nn.Sigmoid())
    return Program((x, x.clone(), xv, xv.clone()), model, AdamW(model.parameters(), 5e-3), nn.MSELoss(), epochs=20)


@odd
def circles_with_sigmoid_units() -> Program:
    model = mlp(2, 2, width=32, depth=1, act=nn.Sigmoid)
    return Program(circles(), model, Adam(model.parameters(), 3e-2), epochs=40)
