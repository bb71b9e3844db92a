"""The planted faults, each with its twin: the same program without the fault, which must be silent."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import ExponentialLR

from doctor.ward.pieces import (
    Cut,
    Exp,
    Listed,
    Recurrent,
    blobs,
    cancer,
    circles,
    cnn,
    diabetes,
    digits,
    draw,
    mlp,
    pictures,
    sums,
    wine,
)  # fmt: skip
from doctor.ward.program import Case, Program

Build = Callable[[bool], Program]
FAULTS: list[tuple[str, tuple[str, ...], Build]] = []


def fault(name: str, *codes: str) -> Callable[[Build], Build]:
    def keep(build: Build) -> Build:
        FAULTS.append((name, codes, build))
        return build

    return keep


def sick_cases() -> list[Case]:
    return [Case(name, lambda b=build: b(True), codes) for name, codes, build in FAULTS]


def twin_cases() -> list[Case]:
    return [Case(f"{name} twin", lambda b=build: b(False)) for name, codes, build in FAULTS]


def sgd(model: nn.Module, lr: float = 0.1, **more: float) -> SGD:
    return SGD(model.parameters(), lr=lr, **more)


def adam(model: nn.Module, lr: float = 2e-3, **more: float) -> Adam:
    return Adam(model.parameters(), lr=lr, **more)


def on_digits(model: nn.Module | None = None, lr: float = 0.1, **more) -> Program:
    model = model or mlp(64, 10)
    data = more.pop("data", None) or digits()
    more.setdefault("epochs", 30)
    return Program(data, model, more.pop("optimizer", None) or sgd(model, lr), **more)


@fault("A1 deep sigmoid", "TW101")
def a1(sick):
    model = mlp(2, 2, width=16, depth=8, act=nn.Sigmoid) if sick else draw(mlp(2, 2, width=16, depth=8, norm=True), he=True)
    return Program(circles(), model, adam(model), epochs=20)


@fault("A2 tiny init", "TW101")
def a2(sick):
    model = mlp(64, 10, width=32, depth=9, act=nn.Tanh)
    return on_digits(draw(model, 0.02, bias=0) if sick else draw(model, xavier=True, bias=0), lr=0.05)


@fault("A3 huge init", "TW106", "TW102")
def a3(sick):
    model = mlp(64, 10, width=64, depth=6)
    return on_digits(draw(model, 1.0) if sick else draw(model, he=True, bias=0), lr=0.05)


@fault("A4 exponential activation", "TW102", "TW106", "TW311")
def a4(sick):
    model = mlp(2, 3, width=5, depth=8, act=Exp if sick else nn.SELU)
    return Program(blobs(), model, adam(model, 5e-3), epochs=20)


@fault("A5 recurrent gain", "TW102", "TW106", "TW311", "TW301")
def a5(sick):
    model = Recurrent("RNN", 1, 2, gain=4.0 if sick else 0.0, nonlinearity="relu" if sick else "tanh")
    return Program(sums(), model, adam(model, 5e-3), epochs=25, clip=0.0 if sick else 1.0)


@fault("A6 bias -4", "TW104")
def a6(sick):
    return on_digits(draw(mlp(64, 10), bias=-4.0) if sick else draw(mlp(64, 10), bias=0))


@fault("A7 narrow deep", "TW104", "TW101")
def a7(sick):
    model = mlp(2, 3, width=3, depth=20) if sick else draw(mlp(2, 3, width=3, depth=20, act=nn.SELU), 3**-0.5, bias=0)
    return Program(blobs(), model, adam(model, 5e-3), epochs=20)


@fault("A8 saturated tanh", "TW103", "TW106")
def a8(sick):
    model = mlp(64, 10, depth=3, act=nn.Tanh)
    return on_digits(draw(model, 2.0) if sick else draw(model, xavier=True))


@fault("A9 constant init", "TW105")
def a9(sick):
    return on_digits(draw(mlp(64, 10), constant=0.05, bias=0) if sick else mlp(64, 10))


@fault("B1 lr 5", "TW301")
def b1(sick):
    return on_digits(lr=5.0 if sick else 0.1)


@fault("B2 Adam lr 0.5", "TW301")
def b2(sick):
    model = cnn()
    return Program(pictures(), model, adam(model, 0.5 if sick else 2e-3), epochs=6)


@fault("B3 SGD lr 1e-5", "TW302")
def b3(sick):
    return on_digits(lr=1e-5 if sick else 0.1)


@fault("B4 Adam lr 1e-7", "TW302")
def b4(sick):
    model = mlp(30, 2)
    return Program(cancer(), model, adam(model, 1e-7 if sick else 2e-3), epochs=20)


@fault("B5 batch 1", "TW301", "TW307")
def b5(sick):
    model = mlp(2, 3, width=50)
    optimizer = sgd(model, 0.05, momentum=0.9) if sick else adam(model)
    return Program(blobs(450), model, optimizer, batch=1 if sick else 32, epochs=4 if sick else 25)


@fault("B6 sign flipped", "TW303")
def b6(sick):
    return on_digits(sign=-1.0 if sick else 1.0)


@fault("B7 momentum .995", "TW306", "TW301", "TW307")
def b7(sick):
    model = mlp(64, 10)
    return on_digits(model, optimizer=sgd(model, 0.1, momentum=0.995 if sick else 0.9))


@fault("B8 decay per batch", "TW304")
def b8(sick):
    model = mlp(64, 10)
    optimizer = sgd(model, 0.1)
    return on_digits(model, optimizer=optimizer, scheduler=ExponentialLR(optimizer, 0.9), schedule_each_batch=sick, epochs=15)


@fault("B9 two epochs", "TW309")
def b9(sick):
    return on_digits(lr=0.02, epochs=2 if sick else 60)


@fault("B10 clip 1e-4", "TW305")
def b10(sick):
    return on_digits(clip=1e-4 if sick else 5.0)


@fault("C1 few noisy rows", "TW401", "TW009")
def c1(sick):
    data = digits(n=150 if sick else 0)
    if sick:
        wrong = torch.rand(150) < 0.15
        data[1][wrong] = torch.randint(0, 10, (150,))[wrong]
    model = mlp(64, 10, width=256, depth=3, dropout=0.0 if sick else 0.2)
    optimizer = AdamW(model.parameters(), 1e-3, weight_decay=0 if sick else 1e-2)
    return Program(data, model, optimizer, epochs=120 if sick else 15)


@fault("C2 logistic on circles", "TW110")
def c2(sick):
    model = mlp(2, 2, width=32, depth=0 if sick else 2)
    return Program(circles(), model, adam(model, 1e-2), epochs=20)


@fault("C3 no activation", "TW107")
def c3(sick):
    model = mlp(2, 2, width=32, act=None if sick else nn.ReLU)
    return Program(circles(), model, adam(model, 1e-2), epochs=20)


@fault("C4 weight decay .3", "TW402")
def c4(sick):
    model = mlp(64, 10)
    return on_digits(model, optimizer=sgd(model, 0.1, weight_decay=0.3 if sick else 1e-4))


@fault("C5 dropout .9", "TW403")
def c5(sick):
    return on_digits(mlp(64, 10, dropout=0.9 if sick else 0.2), epochs=20)


@fault("C6 two units", "TW110")
def c6(sick):
    return on_digits(mlp(64, 10, width=2 if sick else 64), epochs=20)


@fault("D1 40% label noise", "TW009")
def d1(sick):
    x, y, xv, yv = digits()
    if sick:
        wrong = torch.rand(len(y)) < 0.4
        y = torch.where(wrong, torch.randint(0, 10, y.shape), y)
    return on_digits(data=(x, y, xv, yv), epochs=15)


@fault("D2 labels permuted", "TW010")
def d2(sick):
    x, y, xv, yv = digits()
    if sick:
        y, yv = y[torch.randperm(len(y))], yv[torch.randperm(len(yv))]
    return on_digits(data=(x, y, xv, yv))


@fault("D3 test in train", "TW005")
def d3(sick):
    x, y, xv, yv = digits()
    if sick:
        half = len(xv) // 2
        x, y = torch.cat([x, xv[:half]]), torch.cat([y, yv[:half]])
    return on_digits(data=(x, y, xv, yv))


@fault("D4 leaking column", "TW006", "TW004")
def d4(sick):
    x, y, xv, yv = cancer()
    if sick:
        noise = 0.05 * torch.randn(len(y) + len(yv), 1)
        x = torch.cat([x, 2.0 * y[:, None] - 1 + noise[: len(y)]], 1)
        xv = torch.cat([xv, 2.0 * torch.randint(0, 2, (len(yv), 1)) - 1 + noise[len(y) :]], 1)
    model = mlp(x.shape[1], 2)
    return Program((x, y, xv, yv), model, adam(model), epochs=20)


@fault("D5 imbalance 1:75", "TW008")
def d5(sick):
    x, y, xv, yv = digits()
    y, yv = (y == 8).long(), (yv == 8).long()
    keep = (y == 0) | (torch.cumsum(y, 0) <= 16)
    x, y = x[keep], y[keep]
    model = mlp(64, 2, width=16, depth=1)
    loss = nn.CrossEntropyLoss(weight=None if sick else torch.tensor([1.0, 75.0]))
    return Program((x, y, xv, yv), model, sgd(model, 0.02 if sick else 0.05), loss, epochs=8 if sick else 25)


@fault("D6 wine raw", "TW002")
def d6(sick):
    model = mlp(13, 3)
    return Program(wine(scale="none" if sick else "standard"), model, sgd(model, 0.05), epochs=40)


@fault("D7 cancer raw, sigmoid", "TW002", "TW103")
def d7(sick):
    model = mlp(30, 2, act=nn.Sigmoid)
    return Program(cancer(scale="none" if sick else "standard"), model, adam(model, 5e-3), epochs=30)


@fault("D8 target x100", "TW003")
def d8(sick):
    model = mlp(10, 1)
    return Program(diabetes(factor=100.0 if sick else 0.0), model, sgd(model, 0.01), nn.MSELoss(), epochs=30)


@fault("D9 one NaN", "TW001")
def d9(sick):
    x, y, xv, yv = cancer()
    if sick:
        x[5, 3] = float("nan")
    model = mlp(30, 2)
    return Program((x, y, xv, yv), model, adam(model), epochs=15)


@fault("D10 /255 twice", "TW002")
def d10(sick):
    return on_digits(data=digits(scale=16.0 * 255 if sick else 16.0))


@fault("D11 sorted", "TW012")
def d11(sick):
    x, y, xv, yv = digits()
    order = y.argsort()
    return on_digits(data=(x[order], y[order], xv, yv), shuffle=not sick)


@fault("D12 test x16", "TW004")
def d12(sick):
    x, y, xv, yv = digits()
    return on_digits(data=(x, y, xv * (16 if sick else 1), yv))


@fault("D13 wild augmentation", "TW013")
def d13(sick):
    strength = 3.0 if sick else 0.05
    return on_digits(augment=lambda x: x + strength * torch.randn_like(x))


@fault("E1 softmax + CE", "TW201")
def e1(sick):
    return on_digits(mlp(64, 10, last=nn.Softmax(1) if sick else None))


@fault("E2 sigmoid + BCEWithLogits", "TW202")
def e2(sick):
    model = mlp(30, 1, last=nn.Sigmoid() if sick else None)
    return Program(cancer(yes_no=True), model, adam(model), nn.BCEWithLogitsLoss(), epochs=20)


class ClampedBCE(nn.Module):
    def forward(self, p: Tensor, y: Tensor) -> Tensor:
        p = p.clamp(1e-6, 1 - 1e-6)
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


@fault("E3 BCE on logits", "TW203")
def e3(sick):
    model = mlp(30, 1)
    return Program(cancer(yes_no=True), model, adam(model), ClampedBCE() if sick else nn.BCEWithLogitsLoss(), epochs=20)


@fault("E4 ReLU logits", "TW207")
def e4(sick):
    return on_digits(mlp(64, 10, last=nn.ReLU() if sick else None))


@fault("E5 softmax of one unit", "TW205")
def e5(sick):
    model = mlp(30, 1, last=nn.Softmax(1) if sick else nn.Sigmoid())
    return Program(cancer(yes_no=True), model, adam(model), nn.BCELoss(), epochs=20)


class OneHotMSE(nn.Module):
    def forward(self, out: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(out.softmax(1), F.one_hot(y, out.shape[1]).float())


@fault("E6 MSE on softmax", "TW208")
def e6(sick):
    return on_digits(loss=OneHotMSE() if sick else nn.CrossEntropyLoss())


@fault("E7 nll without log", "TW204")
def e7(sick):
    return on_digits(mlp(64, 10, last=nn.Softmax(1) if sick else nn.LogSoftmax(1)), loss=nn.NLLLoss())


@fault("E8 sigmoid head", "TW209")
def e8(sick):
    model = mlp(10, 1, last=nn.Sigmoid() if sick else None)
    return Program(diabetes(), model, adam(model), nn.MSELoss(), epochs=12)


@fault("E9 ReLU head", "TW209")
def e9(sick):
    model = mlp(10, 1, last=nn.ReLU() if sick else None)
    return Program(diabetes(), model, adam(model), nn.MSELoss(), epochs=12)


@fault("E10 reduction=sum", "TW211")
def e10(sick):
    return on_digits(loss=nn.CrossEntropyLoss(reduction="sum" if sick else "mean"))


@fault("E11 softmax dim 0", "TW206")
def e11(sick):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x).softmax(dim=0 if sick else 1).clamp(min=1e-9).log()

    return on_digits(Net(), loss=nn.NLLLoss())


class OwnMSE(nn.Module):
    def forward(self, out: Tensor, y: Tensor) -> Tensor:
        return ((out - y) ** 2).mean()


@fault("E12 (N,1) against (N,)", "TW210")
def e12(sick):
    model = mlp(10, 1)
    return Program(diabetes(flat=sick), model, adam(model), OwnMSE(), epochs=15)


@fault("F1 zero_grad missing", "TW501")
def f1(sick):
    return on_digits(zero_grad=not sick)


@fault("F2 eval() left on", "TW502")
def f2(sick):
    model = cnn()
    if sick:
        model.eval()
    return Program(pictures(), model, adam(model), epochs=5, train_mode=not sick)


@fault("F3 no eval()", "TW503")
def f3(sick):
    return on_digits(mlp(64, 10, dropout=0.6), eval_mode=not sick, epochs=20)


@fault("F4 optimizer holds the head", "TW109")
def f4(sick):
    model = mlp(64, 10, width=12)
    return on_digits(model, optimizer=SGD(model[-1].parameters() if sick else model.parameters(), lr=0.1), epochs=20)


@fault("F5 layers in a list", "TW108")
def f5(sick):
    return on_digits(Listed(not sick))


@fault("F6 detach", "TW109")
def f6(sick):
    return on_digits(Cut(sick), epochs=30)


@fault("F7 BN, batch 2", "TW506")
def f7(sick):
    model = cnn()
    return Program(pictures(), model, adam(model), batch=2 if sick else 32, epochs=1 if sick else 6)


@fault("F8 full batch, 15 updates", "TW310")
def f8(sick):
    return on_digits(batch=4096 if sick else 32, epochs=15)


@fault("F9 slow loader", "TW507")
def f9(sick):
    return on_digits(delay=0.004 if sick else 0.0, steps=500, epochs=20)
