"""Planted faults of data, of the pairing of output and loss, and of the loop."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD

from trainwell.ward.pieces import Cut, Listed, cancer, cnn, diabetes, digits, mlp, pictures, wine
from trainwell.ward.program import Program
from trainwell.ward.register import adam, fault, on_digits, sgd


@fault("D1 40% label noise", "TW009")
def _d1(sick: bool) -> Program:
    x, y, xv, yv = digits()
    if sick:
        wrong = torch.rand(len(y)) < 0.4
        y = torch.where(wrong, torch.randint(0, 10, y.shape), y)
    return on_digits(data=(x, y, xv, yv), epochs=15)


@fault("D2 labels permuted", "TW010")
def _d2(sick: bool) -> Program:
    x, y, xv, yv = digits()
    if sick:
        y, yv = y[torch.randperm(len(y))], yv[torch.randperm(len(yv))]
    return on_digits(data=(x, y, xv, yv))


@fault("D3 test in train", "TW005")
def _d3(sick: bool) -> Program:
    x, y, xv, yv = digits()
    if sick:
        half = len(xv) // 2
        x, y = torch.cat([x, xv[:half]]), torch.cat([y, yv[:half]])
    return on_digits(data=(x, y, xv, yv))


@fault("D4 leaking column", "TW006", "TW004")
def _d4(sick: bool) -> Program:
    x, y, xv, yv = cancer()
    if sick:
        noise = 0.05 * torch.randn(len(y) + len(yv), 1)
        x = torch.cat([x, 2.0 * y[:, None] - 1 + noise[: len(y)]], 1)
        xv = torch.cat([xv, 2.0 * torch.randint(0, 2, (len(yv), 1)) - 1 + noise[len(y) :]], 1)
    model = mlp(x.shape[1], 2)
    return Program((x, y, xv, yv), model, adam(model), epochs=20)


@fault("D5 imbalance 1:75", "TW008")
def _d5(sick: bool) -> Program:
    x, y, xv, yv = digits()
    y, yv = (y == 8).long(), (yv == 8).long()
    keep = (y == 0) | (torch.cumsum(y, 0) <= 16)
    x, y = x[keep], y[keep]
    model = mlp(64, 2, width=16, depth=1)
    loss = nn.CrossEntropyLoss(weight=None if sick else torch.tensor([1.0, 75.0]))
    return Program((x, y, xv, yv), model, sgd(model, 0.02 if sick else 0.05), loss, epochs=8 if sick else 25)


@fault("D6 wine raw", "TW002")
def _d6(sick: bool) -> Program:
    model = mlp(13, 3)
    return Program(wine(scale="none" if sick else "standard"), model, sgd(model, 0.05), epochs=40)


@fault("D7 cancer raw, sigmoid", "TW002", "TW103")
def _d7(sick: bool) -> Program:
    model = mlp(30, 2, act=nn.Sigmoid)
    return Program(cancer(scale="none" if sick else "standard"), model, adam(model, 5e-3), epochs=30)


@fault("D8 target x100", "TW003")
def _d8(sick: bool) -> Program:
    model = mlp(10, 1)
    return Program(diabetes(factor=100.0 if sick else 0.0), model, sgd(model, 0.01), nn.MSELoss(), epochs=30)


@fault("D9 one NaN", "TW001")
def _d9(sick: bool) -> Program:
    x, y, xv, yv = cancer()
    if sick:
        x[5, 3] = float("nan")
    model = mlp(30, 2)
    return Program((x, y, xv, yv), model, adam(model), epochs=15)


@fault("D10 /255 twice", "TW002")
def _d10(sick: bool) -> Program:
    return on_digits(data=digits(scale=16.0 * 255 if sick else 16.0))


@fault("D11 sorted", "TW012")
def _d11(sick: bool) -> Program:
    x, y, xv, yv = digits()
    order = y.argsort()
    return on_digits(data=(x[order], y[order], xv, yv), shuffle=not sick)


@fault("D12 test x16", "TW004")
def _d12(sick: bool) -> Program:
    x, y, xv, yv = digits()
    return on_digits(data=(x, y, xv * (16 if sick else 1), yv))


@fault("D13 wild augmentation", "TW013")
def _d13(sick: bool) -> Program:
    strength = 3.0 if sick else 0.05
    return on_digits(augment=lambda x: x + strength * torch.randn_like(x))


@fault("E1 softmax + CE", "TW201")
def _e1(sick: bool) -> Program:
    return on_digits(mlp(64, 10, last=nn.Softmax(1) if sick else None))


@fault("E2 sigmoid + BCEWithLogits", "TW202")
def _e2(sick: bool) -> Program:
    model = mlp(30, 1, last=nn.Sigmoid() if sick else None)
    return Program(cancer(yes_no=True), model, adam(model), nn.BCEWithLogitsLoss(), epochs=20)


class ClampedBCE(nn.Module):
    """Cross-entropy of probabilities, written by hand."""

    def forward(self, p: Tensor, y: Tensor) -> Tensor:
        p = p.clamp(1e-6, 1 - 1e-6)
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


@fault("E3 BCE on logits", "TW203")
def _e3(sick: bool) -> Program:
    model = mlp(30, 1)
    return Program(cancer(yes_no=True), model, adam(model), ClampedBCE() if sick else nn.BCEWithLogitsLoss(), epochs=20)


@fault("E4 ReLU logits", "TW207")
def _e4(sick: bool) -> Program:
    return on_digits(mlp(64, 10, last=nn.ReLU() if sick else None))


@fault("E5 softmax of one unit", "TW205")
def _e5(sick: bool) -> Program:
    model = mlp(30, 1, last=nn.Softmax(1) if sick else nn.Sigmoid())
    return Program(cancer(yes_no=True), model, adam(model), nn.BCELoss(), epochs=20)


class OneHotMSE(nn.Module):
    """Squares of probabilities against one-hot rows."""

    def forward(self, out: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(out.softmax(1), F.one_hot(y, out.shape[1]).float())


@fault("E6 MSE on softmax", "TW208")
def _e6(sick: bool) -> Program:
    return on_digits(loss=OneHotMSE() if sick else nn.CrossEntropyLoss())


@fault("E7 nll without log", "TW204")
def _e7(sick: bool) -> Program:
    return on_digits(mlp(64, 10, last=nn.Softmax(1) if sick else nn.LogSoftmax(1)), loss=nn.NLLLoss())


@fault("E8 sigmoid head", "TW209")
def _e8(sick: bool) -> Program:
    model = mlp(10, 1, last=nn.Sigmoid() if sick else None)
    return Program(diabetes(), model, adam(model), nn.MSELoss(), epochs=12)


@fault("E9 ReLU head", "TW209")
def _e9(sick: bool) -> Program:
    model = mlp(10, 1, last=nn.ReLU() if sick else None)
    return Program(diabetes(), model, adam(model), nn.MSELoss(), epochs=12)


@fault("E10 reduction=sum", "TW211")
def _e10(sick: bool) -> Program:
    return on_digits(loss=nn.CrossEntropyLoss(reduction="sum" if sick else "mean"))


@fault("E11 softmax dim 0", "TW206")
def _e11(sick: bool) -> Program:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x).softmax(dim=0 if sick else 1).clamp(min=1e-9).log()

    return on_digits(Net(), loss=nn.NLLLoss())


class OwnMSE(nn.Module):
    """Squares that stretch shapes which do not match."""

    def forward(self, out: Tensor, y: Tensor) -> Tensor:
        return ((out - y) ** 2).mean()


@fault("E12 (N,1) against (N,)", "TW210")
def _e12(sick: bool) -> Program:
    model = mlp(10, 1)
    return Program(diabetes(flat=sick), model, adam(model), OwnMSE(), epochs=15)


@fault("F1 zero_grad missing", "TW501")
def _f1(sick: bool) -> Program:
    return on_digits(zero_grad=not sick)


@fault("F2 eval() left on", "TW502")
def _f2(sick: bool) -> Program:
    model = cnn()
    if sick:
        model.eval()
    return Program(pictures(), model, adam(model), epochs=5, train_mode=not sick)


@fault("F3 no eval()", "TW503")
def _f3(sick: bool) -> Program:
    return on_digits(mlp(64, 10, dropout=0.6), eval_mode=not sick, epochs=20)


@fault("F4 optimizer holds the head", "TW109")
def _f4(sick: bool) -> Program:
    model = mlp(64, 10, width=12)
    return on_digits(model, optimizer=SGD(model[-1].parameters() if sick else model.parameters(), lr=0.1), epochs=20)


@fault("F5 layers in a list", "TW108")
def _f5(sick: bool) -> Program:
    return on_digits(Listed(not sick))


@fault("F6 detach", "TW109")
def _f6(sick: bool) -> Program:
    return on_digits(Cut(sick), epochs=30)


@fault("F7 BN, batch 2", "TW506")
def _f7(sick: bool) -> Program:
    model = cnn()
    return Program(pictures(), model, adam(model), batch=2 if sick else 32, epochs=1 if sick else 6)


@fault("F8 full batch, 15 updates", "TW310")
def _f8(sick: bool) -> Program:
    return on_digits(batch=4096 if sick else 32, epochs=15)


@fault("F9 slow loader", "TW507")
def _f9(sick: bool) -> Program:
    return on_digits(delay=0.004 if sick else 0.0, steps=500, epochs=20)
