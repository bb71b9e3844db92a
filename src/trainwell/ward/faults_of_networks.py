"""Planted faults of networks, updates and capacity."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import ExponentialLR

from trainwell.ward.pieces import Exp, Recurrent, blobs, cancer, circles, cnn, digits, draw, mlp, pictures, sums
from trainwell.ward.program import Program
from trainwell.ward.register import adam, fault, on_digits, sgd


@fault("A1 deep sigmoid", "TW101")
def _a1(sick: bool) -> Program:
    model = mlp(2, 2, width=16, depth=8, act=nn.Sigmoid) if sick else draw(mlp(2, 2, width=16, depth=8, norm=True), he=True)
    return Program(circles(), model, adam(model), epochs=20)


@fault("A2 tiny init", "TW101")
def _a2(sick: bool) -> Program:
    model = mlp(64, 10, width=32, depth=9, act=nn.Tanh)
    return on_digits(draw(model, 0.02, bias=0) if sick else draw(model, xavier=True, bias=0), lr=0.05)


@fault("A3 huge init", "TW106", "TW102")
def _a3(sick: bool) -> Program:
    model = mlp(64, 10, width=64, depth=6)
    return on_digits(draw(model, 1.0) if sick else draw(model, he=True, bias=0), lr=0.05)


@fault("A4 exponential activation", "TW102", "TW106", "TW311")
def _a4(sick: bool) -> Program:
    model = mlp(2, 3, width=5, depth=8, act=Exp if sick else nn.SELU)
    return Program(blobs(), model, adam(model, 5e-3), epochs=20)


@fault("A5 recurrent gain", "TW102", "TW106", "TW311", "TW301")
def _a5(sick: bool) -> Program:
    model = Recurrent("RNN", 1, 2, gain=4.0 if sick else 0.0, nonlinearity="relu" if sick else "tanh")
    return Program(sums(), model, adam(model, 5e-3), epochs=25, clip=0.0 if sick else 1.0)


@fault("A6 bias -4", "TW104")
def _a6(sick: bool) -> Program:
    return on_digits(draw(mlp(64, 10), bias=-4.0) if sick else draw(mlp(64, 10), bias=0))


@fault("A7 narrow deep", "TW104", "TW101")
def _a7(sick: bool) -> Program:
    model = mlp(2, 3, width=3, depth=20) if sick else draw(mlp(2, 3, width=3, depth=20, act=nn.SELU), 3**-0.5, bias=0)
    return Program(blobs(), model, adam(model, 5e-3), epochs=20)


@fault("A8 saturated tanh", "TW103", "TW106")
def _a8(sick: bool) -> Program:
    model = mlp(64, 10, depth=3, act=nn.Tanh)
    return on_digits(draw(model, 2.0) if sick else draw(model, xavier=True))


@fault("A9 constant init", "TW105")
def _a9(sick: bool) -> Program:
    return on_digits(draw(mlp(64, 10), constant=0.05, bias=0) if sick else mlp(64, 10))


@fault("B1 lr 5", "TW301")
def _b1(sick: bool) -> Program:
    return on_digits(lr=5.0 if sick else 0.1)


@fault("B2 Adam lr 0.5", "TW301")
def _b2(sick: bool) -> Program:
    model = cnn()
    return Program(pictures(), model, adam(model, 0.5 if sick else 2e-3), epochs=6)


@fault("B3 SGD lr 1e-5", "TW302")
def _b3(sick: bool) -> Program:
    return on_digits(lr=1e-5 if sick else 0.1)


@fault("B4 Adam lr 1e-7", "TW302")
def _b4(sick: bool) -> Program:
    model = mlp(30, 2)
    return Program(cancer(), model, adam(model, 1e-7 if sick else 2e-3), epochs=20)


@fault("B5 batch 1", "TW301", "TW307")
def _b5(sick: bool) -> Program:
    model = mlp(2, 3, width=50)
    optimizer = sgd(model, 0.05, momentum=0.9) if sick else adam(model)
    return Program(blobs(450), model, optimizer, batch=1 if sick else 32, epochs=4 if sick else 25)


@fault("B6 sign flipped", "TW303")
def _b6(sick: bool) -> Program:
    return on_digits(sign=-1.0 if sick else 1.0)


@fault("B7 momentum .995", "TW306", "TW301", "TW307")
def _b7(sick: bool) -> Program:
    model = mlp(64, 10)
    return on_digits(model, optimizer=sgd(model, 0.1, momentum=0.995 if sick else 0.9))


@fault("B8 decay per batch", "TW304")
def _b8(sick: bool) -> Program:
    model = mlp(64, 10)
    optimizer = sgd(model, 0.1)
    return on_digits(model, optimizer=optimizer, scheduler=ExponentialLR(optimizer, 0.9), schedule_each_batch=sick, epochs=15)


@fault("B9 two epochs", "TW309")
def _b9(sick: bool) -> Program:
    return on_digits(lr=0.02, epochs=2 if sick else 60)


@fault("B10 clip 1e-4", "TW305")
def _b10(sick: bool) -> Program:
    return on_digits(clip=1e-4 if sick else 5.0)


@fault("C1 few noisy rows", "TW401", "TW009")
def _c1(sick: bool) -> Program:
    data = digits(n=150 if sick else 0)
    if sick:
        wrong = torch.rand(150) < 0.15
        data[1][wrong] = torch.randint(0, 10, (150,))[wrong]
    model = mlp(64, 10, width=256, depth=3, dropout=0.0 if sick else 0.2)
    optimizer = AdamW(model.parameters(), 1e-3, weight_decay=0 if sick else 1e-2)
    return Program(data, model, optimizer, epochs=120 if sick else 15)


@fault("C2 logistic on circles", "TW110")
def _c2(sick: bool) -> Program:
    model = mlp(2, 2, width=32, depth=0 if sick else 2)
    return Program(circles(), model, adam(model, 1e-2), epochs=20)


@fault("C3 no activation", "TW107")
def _c3(sick: bool) -> Program:
    model = mlp(2, 2, width=32, act=None if sick else nn.ReLU)
    return Program(circles(), model, adam(model, 1e-2), epochs=20)


@fault("C4 weight decay .3", "TW402")
def _c4(sick: bool) -> Program:
    model = mlp(64, 10)
    return on_digits(model, optimizer=sgd(model, 0.1, weight_decay=0.3 if sick else 1e-4))


@fault("C5 dropout .9", "TW403")
def _c5(sick: bool) -> Program:
    return on_digits(mlp(64, 10, dropout=0.9 if sick else 0.2), epochs=20)


@fault("C6 two units", "TW110")
def _c6(sick: bool) -> Program:
    return on_digits(mlp(64, 10, width=2 if sick else 64), epochs=20)
