"""Cases that no threshold was chosen on: other data, other networks, other forms of the faults, other healthy habits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from sklearn import datasets
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, StepLR

from trainwell.ward.faults_of_programs import ClampedBCE, OneHotMSE, OwnMSE
from trainwell.ward.pieces import Data, Residual, cancer, draw, iris, mlp, parts, wine
from trainwell.ward.program import Case, Program

Build = Callable[[bool], Program]
SICK: list[Case] = []
TWINS: list[Case] = []
HEALTHY: list[Case] = []


def fault(*codes: str, twin: bool = True) -> Callable[[Build], Build]:
    def keep(build: Build) -> Build:
        SICK.append(Case(build.__name__, lambda: build(True), codes))
        if twin:
            TWINS.append(Case(f"{build.__name__} twin", lambda: build(False)))
        return build

    return keep


def healthy(build: Callable[[], Program]) -> Callable[[], Program]:
    HEALTHY.append(Case(build.__name__, build))
    return build


def seed() -> int:
    return int(torch.randint(9999, ()))


def table(n: int = 1400, classes: int = 4, noise: float = 0.0) -> Data:
    x, y = datasets.make_classification(n, 20, n_informative=10, n_redundant=4, n_classes=classes, class_sep=1.6, flip_y=noise,
                                        random_state=seed())  # fmt: skip
    return parts(x, y)


def rings(n: int = 1200) -> Data:
    return parts(*datasets.make_gaussian_quantiles(n_samples=n, n_features=4, n_classes=2, random_state=seed()))


def friedman(n: int = 900, *, factor: float = 0.0) -> Data:
    x, y = datasets.make_friedman1(n, 8, noise=0.5, random_state=seed())
    y = factor * y if factor else (y - y.mean()) / y.std()
    x, y, xv, yv = parts(x, y.astype(np.float32))
    return x, y[:, None], xv, yv[:, None]


def bars(n: int = 1000, side: int = 12) -> Data:
    """Colour pictures of a bar: level, upright, or one of two diagonals."""
    y = torch.arange(n) % 4
    at = torch.arange(side).float()
    rows, columns = at[:, None].expand(side, side), at[None].expand(side, side)
    shift = torch.randint(-2, 3, (n, 1, 1)) + (side - 1) / 2
    lines = torch.stack([rows - shift, columns - shift, rows - columns + 0 * shift, rows + columns - 2 * shift], 1)
    chosen = lines[torch.arange(n), y]
    x = (-(chosen**2) / 2).exp()[:, None] * (0.5 + 0.5 * torch.rand(n, 3, 1, 1)) + 0.15 * torch.randn(n, 3, side, side)
    order = torch.randperm(n)
    x, y, k = x[order].clamp(0, 1), y[order], int(0.75 * n)
    return x[:k], y[:k], x[k:], y[k:]


def waves(n: int = 900, t: int = 24) -> Data:
    """Series `(N, T, 1)` of one of three frequencies, at any phase, in noise."""
    y = torch.randint(0, 3, (n,))
    phase, at = 6.28 * torch.rand(n, 1), torch.arange(t).float()[None]
    x = torch.sin(phase + at * (0.3 + 0.35 * y[:, None])) + 0.3 * torch.randn(n, t)
    k = int(0.75 * n)
    return x[:k, :, None], y[:k], x[k:, :, None], y[k:]


class Net3(nn.Sequential):
    """A network for the colour pictures."""

    def __init__(self, *, norm: bool = True, act: type[nn.Module] = nn.ReLU, n_out: int = 4, dropout: float = 0.0) -> None:
        first = [nn.Conv2d(3, 12, 3, padding=1), *([nn.BatchNorm2d(12)] if norm else []), act(), nn.MaxPool2d(2)]
        second = [nn.Conv2d(12, 24, 3, padding=1), *([nn.BatchNorm2d(24)] if norm else []), act(), nn.AdaptiveAvgPool2d(3)]
        super().__init__(*first, *second, nn.Flatten(), nn.Dropout(dropout), nn.Linear(216, n_out))


class Series(nn.Module):
    def __init__(self, kind: str = "GRU", width: int = 24, *, detach: bool = False, **more) -> None:
        super().__init__()
        self.body = getattr(nn, kind)(1, width, batch_first=True, **more)
        self.head, self.detach = nn.Linear(width, 3), detach

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)[0][:, -1]
        return self.head(h.detach() if self.detach else h)


class Attention(nn.Module):
    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.up, self.place = nn.Linear(1, width), nn.Parameter(0.02 * torch.randn(24, width))
        self.layer = nn.TransformerEncoderLayer(width, 4, 48, dropout=0.1, batch_first=True, norm_first=True)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.up(x) + self.place).mean(1))


class Convolution1(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Conv1d(1, 16, 5), nn.Conv1d(16, 16, 5), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.b(F.relu(self.a(x.mT)))).amax(2))


def adam(model: nn.Module, lr: float = 2e-3, **more) -> Adam:
    return Adam(model.parameters(), lr=lr, **more)


def on_table(model: nn.Module | None = None, *, data: Data | None = None, lr: float = 0.05, **more) -> Program:
    model = model or mlp(20, 4, width=48)
    more.setdefault("optimizer", SGD(model.parameters(), lr, momentum=0.9))
    return Program(data or table(), model, epochs=more.pop("epochs", 20), **more)


@fault("TW101")
def deep_tanh_with_tiny_weights(sick):
    model = mlp(20, 4, width=24, depth=12, act=nn.Tanh)
    return on_table(draw(model, 0.01, bias=0) if sick else draw(model, xavier=True), lr=0.01)


@fault("TW101")
def deep_sigmoid_on_rings(sick):
    model = mlp(4, 2, width=32, depth=9, act=nn.Sigmoid) if sick else mlp(4, 2, width=32, depth=9, norm=True)
    return Program(rings(), model, adam(model), epochs=20)


@fault("TW106", "TW102")
def wide_weights_for_numbers(sick):
    model = mlp(8, 1, width=40, depth=4)
    return Program(friedman(), draw(model, 1.5) if sick else draw(model, he=True), adam(model), nn.MSELoss(), epochs=30)


@fault("TW102", "TW106", "TW311", "TW301")
def recurrent_relu_that_grows(sick):
    model = Series("RNN", nonlinearity="relu" if sick else "tanh")
    nn.init.orthogonal_(model.body.weight_hh_l0, 2.5 if sick else 1.0)
    return Program(waves(), model, adam(model, 3e-3), epochs=35, clip=0 if sick else 1.0)


@fault("TW104")
def convolutions_with_bias_of_minus_five(sick):
    model = Net3(norm=False)
    return Program(bars(), draw(model, bias=-5.0) if sick else model, adam(model), epochs=20)


@fault("TW103", "TW106")
def sigmoids_at_their_ends(sick):
    model = mlp(20, 4, width=64, act=nn.Sigmoid)
    return on_table(draw(model, 4.0) if sick else draw(model, xavier=True), optimizer=adam(model, 5e-3), epochs=25)


@fault("TW105")
def convolution_of_equal_filters(sick):
    model = Net3()
    if sick:
        nn.init.constant_(model[0].weight, 0.1)
    return Program(bars(), model, adam(model), epochs=12)


@fault("TW301")
def momentum_at_rate_three(sick):
    return on_table(lr=3.0 if sick else 0.05)


@fault("TW301")
def attention_at_rate_one(sick):
    model = Attention()
    return Program(waves(), model, AdamW(model.parameters(), 1.0 if sick else 5e-3), epochs=30 if sick else 60)


@fault("TW301")
def numbers_at_rate_ten(sick):
    model = mlp(8, 1, width=40)
    return Program(friedman(), model, SGD(model.parameters(), 3.0 if sick else 0.05), nn.MSELoss(), epochs=30)


@fault("TW302")
def pictures_at_a_millionth(sick):
    model = Net3()
    return Program(bars(), model, SGD(model.parameters(), 1e-6 if sick else 0.05), epochs=10)


@fault("TW302")
def numbers_at_adam_1e_8(sick):
    model = mlp(8, 1, width=40)
    return Program(friedman(), model, adam(model, 1e-8 if sick else 3e-3), nn.MSELoss(), epochs=25)


@fault("TW303")
def maximized(sick):
    model = mlp(20, 4, width=48)
    return on_table(model, optimizer=adam(model, maximize=sick))


@fault("TW306", "TW301")
def momentum_of_998(sick):
    model = Net3()
    return Program(bars(), model, SGD(model.parameters(), 0.05, momentum=0.998 if sick else 0.9), epochs=10)


@fault("TW304")
def halved_each_batch(sick):
    model = mlp(8, 1, width=40)
    optimizer = SGD(model.parameters(), 0.05, momentum=0.9)
    schedule = StepLR(optimizer, 1, 0.6 if sick else 0.95)
    return Program(friedman(), model, optimizer, nn.MSELoss(), epochs=25, scheduler=schedule, schedule_each_batch=sick)


@fault("TW309")
def three_slow_epochs(sick):
    model = mlp(20, 4, width=48)
    return on_table(model, optimizer=SGD(model.parameters(), 0.01 if sick else 0.1), epochs=3 if sick else 30)


@fault("TW305")
def numbers_clipped_to_nothing(sick):
    model = mlp(8, 1, width=40)
    return Program(friedman(), model, SGD(model.parameters(), 0.05), nn.MSELoss(), epochs=40, clip=1e-5 if sick else 5.0)


@fault("TW401", "TW009")
def by_heart(sick):
    x, y, xv, yv = table(1400 if not sick else 500)
    if sick:
        x, y = x[:100], y[:100].clone()
        wrong = torch.rand(100) < 0.25
        y[wrong] = torch.randint(0, 4, (100,))[wrong]
    model = mlp(20, 4, width=256, depth=3, dropout=0 if sick else 0.3)
    return Program((x, y, xv, yv), model, AdamW(model.parameters(), 1e-3), epochs=150 if sick else 10)


@fault("TW110")
def a_line_through_rings(sick):
    model = mlp(4, 2, width=32, depth=0 if sick else 2)
    return Program(rings(), model, adam(model, 1e-2), epochs=20)


@fault("TW110")
def one_unit_wide(sick):
    return on_table(mlp(20, 4, width=1 if sick else 48))


@fault("TW107")
def straight_layers(sick):
    model = mlp(8, 1, width=40, act=None if sick else nn.ReLU)
    return Program(friedman(), model, adam(model), nn.MSELoss(), epochs=30)


@fault("TW402")
def decay_of_one(sick):
    model = Net3(norm=False)
    return Program(bars(), model, SGD(model.parameters(), 0.05, weight_decay=0.5 if sick else 1e-4), epochs=30)


@fault("TW403")
def nearly_all_dropped(sick):
    return on_table(mlp(20, 4, width=48, depth=3, dropout=0.93 if sick else 0.1), epochs=30)


@fault("TW009")
def a_third_of_the_labels(sick):
    x, y, xv, yv = bars(1600)
    if sick:
        wrong = torch.rand(len(y)) < 0.45
        y = torch.where(wrong, torch.randint(0, 4, y.shape), y)
    model = Net3()
    return Program((x, y, xv, yv), model, adam(model), epochs=10)


@fault("TW010")
def table_and_labels_apart(sick):
    x, y, xv, yv = table()
    return on_table(data=(x, y[torch.randperm(len(y))], xv, yv[torch.randperm(len(yv))]) if sick else (x, y, xv, yv))


@fault("TW010")
def numbers_apart(sick):
    x, y, xv, yv = friedman()
    if sick:
        y, yv = y[torch.randperm(len(y))], yv[torch.randperm(len(yv))]
    model = mlp(8, 1, width=24, dropout=0.2)
    return Program((x, y, xv, yv), model, AdamW(model.parameters(), 2e-3), nn.MSELoss(), epochs=15)


@fault("TW005")
def judged_on_known_pictures(sick):
    x, y, xv, yv = bars()
    model = Net3()
    return Program((torch.cat([x, xv]), torch.cat([y, yv]), xv, yv) if sick else (x, y, xv, yv), model, adam(model), epochs=10)


@fault("TW006")
def a_column_made_of_the_number(sick):
    x, y, xv, yv = friedman()
    if sick:
        x, xv = torch.cat([x, y + 0.01 * torch.randn_like(y)], 1), torch.cat([xv, yv + 0.01 * torch.randn_like(yv)], 1)
    model = mlp(x.shape[1], 1, width=40)
    return Program((x, y, xv, yv), model, adam(model), nn.MSELoss(), epochs=30)


@fault("TW008")
def one_in_a_hundred(sick):
    x, y, xv, yv = table(4000, classes=2)
    keep = (y == 0) | (torch.cumsum(y, 0) <= (15 if sick else 2000))
    x, y = x[keep], y[keep]
    model = mlp(20, 2, width=8, depth=1)
    return Program((x, y, xv, yv), model, SGD(model.parameters(), 0.02), epochs=4 if sick else 20)


@fault("TW002")
def bytes_as_they_are(sick):
    x, y, xv, yv = bars()
    model = Net3(norm=False)
    factor = 255.0 if sick else 1.0
    return Program((factor * x, y, factor * xv, yv), model, SGD(model.parameters(), 0.05), epochs=20)


@fault("TW002")
def one_column_in_thousands(sick):
    x, y, xv, yv = table()
    if sick:
        x, xv = x.clone(), xv.clone()
        x[:, 3], xv[:, 3] = 5000 + 2000 * x[:, 3], 5000 + 2000 * xv[:, 3]
    return on_table(data=(x, y, xv, yv))


@fault("TW003")
def prices(sick):
    model = mlp(8, 1, width=40)
    return Program(friedman(factor=20000.0 if sick else 0), model, adam(model), nn.MSELoss(), epochs=30)


@fault("TW001")
def an_infinite_cell(sick):
    x, y, xv, yv = table()
    if sick:
        x[77, 5] = float("inf")
    return on_table(data=(x, y, xv, yv))


@fault("TW001")
def a_target_that_is_missing(sick):
    x, y, xv, yv = friedman()
    if sick:
        y[9] = float("nan")
    model = mlp(8, 1)
    return Program((x, y, xv, yv), model, adam(model), nn.MSELoss(), epochs=25)


@fault("TW012")
def pictures_in_order(sick):
    x, y, xv, yv = bars()
    order = y.argsort() if sick else torch.arange(len(y))
    model = Net3()
    return Program((x[order], y[order], xv, yv), model, adam(model), epochs=8, shuffle=not sick)


@fault("TW012")
def numbers_in_order(sick):
    x, y, xv, yv = friedman()
    order = y[:, 0].argsort()
    model = mlp(8, 1)
    return Program((x[order], y[order], xv, yv), model, adam(model), nn.MSELoss(), epochs=25, shuffle=not sick)


@fault("TW004")
def judged_on_raw_rows(sick):
    x, y, xv, yv = table()
    return on_table(data=(x, y, 8 * xv + 3 if sick else xv, yv))


@fault("TW013")
def drowned_pictures(sick):
    model = Net3()
    strength = 2.0 if sick else 0.05
    return Program(bars(), model, adam(model), epochs=15, augment=lambda x: x + strength * torch.randn_like(x))


class Softened(nn.Module):
    def __init__(self, inner: nn.Module, last: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.last = inner, last

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x))


@fault("TW201")
def softmax_in_the_forward(sick):
    model = Softened(Net3(), (lambda x: F.softmax(x, 1)) if sick else (lambda x: x))
    return Program(bars(), model, adam(model), epochs=10)


@fault("TW202")
def labels_with_two_sigmoids(sick):
    x, y, xv, yv = table()
    hot = lambda t: torch.stack([t % 2 == 0, t > 1, t == 3], 1).float()  # noqa: E731
    model = Softened(mlp(20, 3), torch.sigmoid if sick else (lambda z: z))
    return Program((x, hot(y), xv, hot(yv)), model, adam(model), nn.BCEWithLogitsLoss(), epochs=20)


@fault("TW203")
def own_cross_entropy_of_logits(sick):
    model = mlp(30, 1, act=nn.Tanh)
    loss = ClampedBCE() if sick else nn.BCEWithLogitsLoss()
    return Program(cancer(yes_no=True), model, adam(model), loss, epochs=20)


@fault("TW207")
def bounded_logits(sick):
    return on_table(mlp(20, 4, width=48, last=nn.Tanh() if sick else None))


class CodeMSE(nn.Module):
    def forward(self, out: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(out.squeeze(1), y.float())


@fault("TW208", twin=False)
def codes_as_numbers(sick):
    model = mlp(20, 1)
    return Program(table(), model, adam(model), CodeMSE(), epochs=20)


@fault("TW208")
def squared_probabilities(sick):
    model = Net3()
    return Program(bars(), model, adam(model), OneHotMSE() if sick else nn.CrossEntropyLoss(), epochs=10)


@fault("TW204")
def likelihood_of_logits(sick):
    model = mlp(20, 4, last=None if sick else nn.LogSoftmax(1))
    return on_table(model, loss=nn.NLLLoss(), optimizer=adam(model))


@fault("TW209")
def numbers_through_tanh(sick):
    model = mlp(8, 1, width=40, last=nn.Tanh() if sick else None)
    return Program(friedman(), model, adam(model), nn.MSELoss(), epochs=30)


@fault("TW211")
def added_squares(sick):
    model = mlp(8, 1, width=40)
    return Program(friedman(), model, SGD(model.parameters(), 0.02), nn.MSELoss(reduction="sum" if sick else "mean"), epochs=40)


class Centred(nn.Module):
    def __init__(self, over_batch: bool) -> None:
        super().__init__()
        self.body, self.axis = mlp(20, 4, width=48), 0 if over_batch else 1

    def forward(self, x: Tensor) -> Tensor:
        h = self.body[:-1](x)
        return self.body[-1](h - h.mean(self.axis, keepdim=True))


@fault("TW206")
def centred_over_the_batch(sick):
    return on_table(Centred(sick))


@fault("TW210")
def flat_output(sick):
    x, y, xv, yv = friedman()
    model = mlp(8, 1, width=40, last=nn.Flatten(0) if sick else None)
    return Program((x, y, xv, yv), model, adam(model), OwnMSE(), epochs=30)


@fault("TW501")
def adam_that_adds(sick):
    model = Net3()
    return Program(bars(), model, adam(model), epochs=10, zero_grad=not sick)


@fault("TW502")
def dropout_never_on(sick):
    model = mlp(20, 4, width=96, dropout=0.4)
    model.train(not sick)
    return on_table(model, train_mode=not sick, optimizer=adam(model))


@fault("TW503")
def norm_learns_from_valid_rows(sick):
    model = Net3()
    return Program(bars(), model, adam(model), epochs=10, eval_mode=not sick)


@fault("TW109")
def half_is_forgotten(sick):
    model = mlp(20, 4, width=64, depth=3)
    held = [p for m in list(model)[-3:] for p in m.parameters()] if sick else list(model.parameters())
    return on_table(model, optimizer=Adam(held, 2e-3))


class InADict(nn.Module):
    def __init__(self, plain: bool) -> None:
        super().__init__()
        layers = {"a": nn.Linear(20, 48), "b": nn.Linear(48, 48)}
        self.layers = layers if plain else nn.ModuleDict(layers)
        self.head = nn.Linear(48, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.layers["b"](F.relu(self.layers["a"](x)))))


@fault("TW108")
def layers_in_a_dict(sick):
    return on_table(InADict(sick))


@fault("TW109")
def states_detached(sick):
    model = Series(detach=sick)
    return Program(waves(), model, adam(model, 5e-3), epochs=25)


@fault("TW506")
def norm_of_pairs(sick):
    model = mlp(20, 4, width=48, norm=True)
    return on_table(model, optimizer=adam(model), batch=2 if sick else 32, epochs=3 if sick else 15)


@fault("TW310")
def ten_updates(sick):
    return on_table(batch=4000 if sick else 32, epochs=10 if sick else 20)


@fault("TW507")
def a_slow_disk(sick):
    model = Net3()
    return Program(bars(), model, adam(model), epochs=6, delay=0.02 if sick else 0.0)


@fault("TW205")
def softmax_over_one_answer(sick):
    model = Softened(mlp(30, 1), (lambda z: F.softmax(z, -1)) if sick else torch.sigmoid)
    return Program(cancer(yes_no=True), model, adam(model), nn.BCELoss(), epochs=20)


# Healthy.


@healthy
def attention_with_warm_up() -> Program:
    model = Attention()
    optimizer = AdamW(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / 50))
    return Program(waves(), model, optimizer, epochs=60, scheduler=schedule, schedule_each_batch=True, clip=1.0)


@healthy
def convolution_over_time() -> Program:
    model = Convolution1()
    return Program(waves(), model, adam(model), epochs=20)


@healthy
def gru_over_time() -> Program:
    model = Series()
    return Program(waves(), model, adam(model, 5e-3), epochs=25)


@healthy
def lstm_of_two_layers() -> Program:
    model = Series("LSTM", num_layers=2, dropout=0.2)
    return Program(waves(), model, adam(model, 5e-3), epochs=30)


@healthy
def dropout_of_seventy_percent_on_pictures() -> Program:
    model = Net3(dropout=0.7)
    return Program(bars(), model, adam(model), epochs=15)


@healthy
def plain_convolutions() -> Program:
    model = Net3(norm=False)
    return Program(bars(), model, SGD(model.parameters(), 0.05, momentum=0.9), epochs=20)


@healthy
def silu_convolutions_at_batch_eight() -> Program:
    model = Net3(act=nn.SiLU)
    return Program(bars(), model, adam(model, 1e-3), batch=8, epochs=5)


@healthy
def flips_and_cutouts() -> Program:
    model = Net3()

    def augment(x: Tensor) -> Tensor:
        x = x.flip(-1).flip(-2) if torch.rand(()) < 0.5 else x.clone()
        x[:, :, :3, :3] = 0
        return x

    return Program(bars(), model, adam(model), epochs=12, augment=augment)


@healthy
def a_body_that_is_frozen() -> Program:
    model = Net3()
    for p in model[0].parameters():
        p.requires_grad_(False)
    return Program(bars(), model, adam(model, 3e-3), epochs=15)


@healthy
def a_table_with_wrong_labels_in_few_rows() -> Program:
    return on_table(data=table(noise=0.03))


@healthy
def a_hard_table() -> Program:
    x, y = datasets.make_classification(1500, 20, n_informative=4, n_classes=3, class_sep=0.5, flip_y=0.1, random_state=seed())
    model = mlp(20, 3, width=32, dropout=0.3)
    return Program(parts(x, y), model, AdamW(model.parameters(), 1e-3), epochs=12)


@healthy
def numbers_with_much_noise() -> Program:
    x = torch.randn(900, 6)
    y = x[:, :1] + 2.0 * torch.randn(900, 1)
    model = mlp(6, 1, width=16, dropout=0.2)
    return Program((x[:700], y[:700], x[700:], y[700:]), model, AdamW(model.parameters(), 1e-3), nn.MSELoss(), epochs=12)


@healthy
def numbers_in_tens() -> Program:
    model = mlp(8, 1, width=40)
    return Program(friedman(factor=1.0), model, adam(model, 5e-3), nn.MSELoss(), epochs=60)


@healthy
def numbers_by_absolute_error_and_rmsprop() -> Program:
    model = mlp(8, 1, width=40, act=nn.ELU)
    return Program(friedman(), model, RMSprop(model.parameters(), 2e-3), nn.L1Loss(), epochs=30)


@healthy
def two_numbers_at_once() -> Program:
    x, y, xv, yv = friedman()
    two = lambda a, b: torch.cat([b, a[:, :1] * a[:, 1:2]], 1)  # noqa: E731
    model = mlp(8, 2, width=48)
    return Program((x, two(x, y), xv, two(xv, yv)), model, adam(model, 3e-3), nn.MSELoss(), epochs=30)


@healthy
def a_share_between_nought_and_one() -> Program:
    x, y, xv, yv = friedman()
    model = mlp(8, 1, width=40, last=nn.Sigmoid())
    return Program((x, y.sigmoid(), xv, yv.sigmoid()), model, adam(model, 3e-3), nn.MSELoss(), epochs=30)


@healthy
def counts() -> Program:
    x = torch.randn(1000, 5)
    y = torch.poisson((0.5 * x[:, :1] + 0.3 * x[:, 1:2] + 0.5).exp())
    model = mlp(5, 1, width=24)
    return Program((x[:750], y[:750], x[750:], y[750:]), model, adam(model), nn.PoissonNLLLoss(), epochs=20)


@healthy
def pinball_loss() -> Program:
    x, y, xv, yv = friedman()
    model = mlp(8, 1, width=40)
    loss = lambda out, t: torch.maximum(0.8 * (t - out), -0.2 * (t - out)).mean()  # noqa: E731
    return Program((x, y, xv, yv), model, adam(model), loss, epochs=25)


@healthy
def soft_targets() -> Program:
    x, y, xv, yv = table()
    soft = lambda t: 0.9 * F.one_hot(t, 4).float() + 0.025  # noqa: E731
    model = mlp(20, 4, width=48)
    return Program((x, soft(y), xv, soft(yv)), model, adam(model), nn.CrossEntropyLoss(), epochs=20)


@healthy
def sixty_four_bit() -> Program:
    x, y, xv, yv = table()
    model = mlp(20, 4, width=48).double()
    return Program((x.double(), y, xv.double(), yv), model, adam(model), epochs=20)


@healthy
def batch_of_two_with_layer_norm() -> Program:
    model = Residual(20, 4, width=32, depth=2)
    return Program(table(700), model, adam(model, 5e-4), batch=2, epochs=6)


@healthy
def steps_of_eight_batches() -> Program:
    return on_table(batch=8, accumulate=8, epochs=30, lr=0.1)


@healthy
def cosine_to_zero() -> Program:
    model = mlp(20, 4, width=48)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    return on_table(model, optimizer=optimizer, scheduler=CosineAnnealingLR(optimizer, 20), epochs=20)


@healthy
def slow_decay() -> Program:
    model = mlp(20, 4, width=48)
    optimizer = adam(model, 5e-3)
    return on_table(model, optimizer=optimizer, scheduler=ExponentialLR(optimizer, 0.9), epochs=25)


@healthy
def weight_decay_of_a_tenth_in_adamw() -> Program:
    model = mlp(20, 4, width=96)
    return on_table(model, optimizer=AdamW(model.parameters(), 2e-3, weight_decay=0.1))


@healthy
def two_rows_of_a_kind() -> Program:
    x, y, xv, yv = table(800)
    return on_table(data=(torch.cat([x, x]), torch.cat([y, y]), xv, yv))


@healthy
def iris_by_sgd() -> Program:
    model = mlp(4, 3, width=16, depth=1)
    return Program(iris(), model, SGD(model.parameters(), 0.05, momentum=0.9), batch=16, epochs=80)


@healthy
def wine_in_one_batch() -> Program:
    model = mlp(13, 3, width=24)
    return Program(wine(), model, adam(model, 5e-3), batch=200, epochs=150)


@healthy
def cancer_with_a_class_weight() -> Program:
    model = mlp(30, 1, width=24)
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([0.6]))
    return Program(cancer(yes_no=True), model, adam(model, 1e-3), loss, epochs=15)


@healthy
def a_class_of_a_tenth() -> Program:
    x, y, xv, yv = table(2500, classes=2)
    keep = (y == 0) | (torch.cumsum(y, 0) <= 110)
    return on_table(mlp(20, 2, width=32), data=(x[keep], y[keep], xv, yv), epochs=30)


@healthy
def squares_of_rectified_units() -> Program:
    class Squared(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(x) ** 2

    return on_table(mlp(20, 4, width=48, act=Squared), lr=0.003)


@healthy
def gates() -> Program:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.head = nn.Linear(20, 96), nn.Linear(48, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.glu(self.a(x), 1))

    model = Gated()
    return on_table(model, optimizer=adam(model, 3e-3))


@healthy
def pairs_of_rows() -> Program:
    """A Siamese network: are two halves of the row of one kind?"""
    x, y, xv, yv = table(2400, classes=2)

    def paired(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        half = len(a) // 2
        return torch.cat([a[:half], a[half : 2 * half]], 1), (b[:half] == b[half : 2 * half]).long()

    class Twin(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = mlp(20, 16, width=48), nn.Linear(16, 2)

        def forward(self, z: Tensor) -> Tensor:
            return self.head((self.body(z[:, :20]) - self.body(z[:, 20:])) ** 2)

    model = Twin()
    return Program((*paired(x, y), *paired(xv, yv)), model, adam(model), epochs=25)


@healthy
def denoiser() -> Program:
    x, _, xv, _ = bars()
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(),
                          nn.Conv2d(16, 3, 3, padding=1))  # fmt: skip
    augment = lambda z: z + 0.1 * torch.randn_like(z)  # noqa: E731
    return Program((x, x.clone(), xv, xv.clone()), model, adam(model), nn.MSELoss(), epochs=8, augment=augment)


@healthy
def very_deep_with_shortcuts() -> Program:
    model = Residual(20, 4, width=32, depth=12)
    return on_table(model, optimizer=adam(model, 1e-3))


@healthy
def one_epoch_of_many_rows() -> Program:
    return on_table(data=table(9000), epochs=1, lr=0.1)


@healthy
def scaled_loss() -> Program:
    class Scaled(nn.CrossEntropyLoss):
        def forward(self, out: Tensor, y: Tensor) -> Tensor:
            return 0.1 * super().forward(out, y)

    model = mlp(20, 4, width=48)
    return on_table(model, loss=Scaled(), optimizer=adam(model))


OPTIMIZERS = {
    "sgd": lambda m: SGD(m.parameters(), 0.05),
    "nesterov": lambda m: SGD(m.parameters(), 0.02, momentum=0.9, nesterov=True),
    "adamw": lambda m: AdamW(m.parameters(), 2e-3, weight_decay=0.05),
    "rmsprop": lambda m: RMSprop(m.parameters(), 1e-3),
}
NETWORKS = {
    "leaky": lambda i, o: mlp(i, o, act=nn.LeakyReLU, width=40),
    "tanh orthogonal": lambda i, o: mlp(i, o, act=nn.Tanh, depth=3, width=40),
    "mish norm": lambda i, o: mlp(i, o, act=nn.Mish, norm=True, width=32),
    "residual": lambda i, o: Residual(i, o, depth=4, width=40),
    "dropout": lambda i, o: mlp(i, o, dropout=0.4, width=128, depth=2),
    "wide": lambda i, o: mlp(i, o, width=300, depth=1),
}
TASKS = {"table": (table, 20, 4), "rings": (rings, 4, 2), "friedman": (friedman, 8, 1)}


def grid() -> list[Case]:
    """Networks × tasks × optimizers at rates one would choose; two of three."""
    cells = list(product(TASKS.items(), NETWORKS.items(), OPTIMIZERS.items()))
    return [Case(f"grid {t} {n} {o}", partial(cell, task, net, opt)) for k, ((t, task), (n, net), (o, opt)) in enumerate(cells)
            if k % 3]  # fmt: skip


def cell(task, net, opt) -> Program:
    make, n_in, n_out = task
    model = net(n_in, n_out)
    optimizer = opt(model)
    loss = nn.MSELoss() if make is friedman else nn.CrossEntropyLoss()
    return Program(make(), model, optimizer, loss, epochs=60 if isinstance(optimizer, SGD) else 30)


def sick_cases() -> list[Case]:
    return SICK


def twin_cases() -> list[Case]:
    return TWINS


def healthy_cases() -> list[Case]:
    return [*HEALTHY, *grid()]
