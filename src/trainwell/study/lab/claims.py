"""The claims of the lab. Recipes differ in one thing; the second scene of a claim is where it fails."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from trainwell.core.recipe import Recipe
from trainwell.study.lab.claim import Claim, Numbers, Scene

#: A plain dense network without any of the tricks, so that one at a time can be looked at.
PLAIN = Recipe(
    model={"name": "mlp", "width": 32, "depth": 2, "dropout": 0.0},
    optimizer={"name": "sgd", "momentum": 0.0, "nesterov": False},
    lr=0.1,
    schedule="constant",
    batch_size=32,
    epochs=4,
    weight_decay=0.0,
    augment=[],
    early_stopping=0,
    metrics=["accuracy"],
    threads=1,
    doctor="off",
)
ADAM = PLAIN.but(optimizer="adam", lr=2e-3)
DEEP = PLAIN.but(model__depth=8)
#: A tenth of the rows: what is learnt by heart shows.
FEW = ADAM.but(split__sample=0.1, epochs=60, model__width=64)


def one_update(seed: int, rate: float) -> Numbers:
    """The weight with the largest gradient in a small network: its update by hand, and what became of the loss."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(32, 3, generator=draw, dtype=torch.float64)
    y = (x[:, 0] * x[:, 1] > 0).long()
    first, second = (torch.randn(n, generator=draw, dtype=torch.float64) / 2 for n in ((3, 4), (4, 2)))
    first.requires_grad_()

    def loss() -> torch.Tensor:
        return nn.functional.cross_entropy(torch.tanh(x @ first) @ second, y)

    before = loss()
    (gradients,) = torch.autograd.grad(before, first)
    place = divmod(int(gradients.abs().argmax()), 4)
    gradient, weight = float(gradients[place]), float(first.detach()[place])
    with torch.no_grad():
        moved = first.detach().clone()
        moved[place] += 1e-6
        first.data, kept = moved, first.data
        difference = (float(loss()) - float(before)) / 1e-6
        first.data = kept
        first[place] -= rate * gradient
        after = float(loss())
    lines = {
        "weight": weight,
        "gradient": gradient,
        "gradient_by_difference": difference,
        "rate": rate,
        "change": -rate * gradient,
        "new_weight": float(first.detach()[place]),
        "loss_before": float(before.detach()),
        "loss_after": after,
    }
    return Numbers(lines, foretold=rate * gradient**2, happened=float(before.detach()) - after)


CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        Claim(
            "one-update",
            numbers=(partial(one_update, rate=1e-3), partial(one_update, rate=100.0)),
            origin="Cauchy 1847; Rumelhart, Hinton and Williams 1986",
        ),
        Claim(
            "deep-sigmoid-vanishes",
            (
                Scene("here", DEEP.but(model__activation="sigmoid"), DEEP, "gradient_depth", "lower"),
                Scene(
                    "limit", DEEP.but(model__activation="sigmoid", model__norm="batch_norm"), DEEP, "gradient_depth", "lower"
                ),
            ),
            origin="Hochreiter 1991; Glorot and Bengio 2010",
        ),
        Claim(
            "rate-too-high-diverges",
            (
                Scene("here", PLAIN.but(lr=2.0), PLAIN, "finished", "lower"),
                Scene("limit", PLAIN.but(lr=2.0, model__norm="batch_norm"), PLAIN, "finished", "lower"),
            ),
            origin="LeCun et al., Efficient BackProp, 1998",
        ),
        Claim(
            "initialisation-matters",
            (
                Scene("here", DEEP.but(initializer="normal"), DEEP.but(initializer="he_normal"), "accuracy", "lower"),
                Scene(
                    "limit",
                    ADAM.but(initializer="normal", model__depth=1),
                    ADAM.but(initializer="he_normal", model__depth=1),
                    "accuracy",
                    "lower",
                ),
            ),
            origin="He et al. 2015",
        ),
        Claim(
            "batch-norm-speeds",
            (
                Scene("here", DEEP.but(model__norm="batch_norm"), DEEP, "first_accuracy", "higher"),
                Scene("limit", PLAIN.but(model__norm="batch_norm", batch_size=2, epochs=1), PLAIN.but(batch_size=2, epochs=1)),
            ),
            origin="Ioffe and Szegedy 2015",
        ),
        Claim(
            "dropout-slows",
            (
                Scene("here", ADAM.but(model__dropout=0.7), ADAM, "first_accuracy", "lower"),
                Scene("limit", FEW.but(model__dropout=0.3), FEW, "accuracy", "lower"),
            ),
            origin="Srivastava et al. 2014",
        ),
        Claim(
            "large-batches-generalise-worse",
            (
                Scene("here", PLAIN.but(batch_size=512), PLAIN, "accuracy", "lower"),
                Scene("limit", PLAIN.but(batch_size=512, epochs=0.1, steps=300), PLAIN.but(steps=300), "accuracy", "lower"),
            ),
            origin="Keskar et al. 2017; Goyal et al. 2017 and Shallue et al. 2019 for the limit",
        ),
        Claim(
            "adam-beats-sgd",
            (
                Scene("here", ADAM.but(lr=1e-3), PLAIN.but(lr=1e-3), "accuracy", "higher"),
                Scene("limit", ADAM.but(lr=1e-3), PLAIN.but(optimizer__momentum=0.9), "accuracy", "higher"),
            ),
            origin="Kingma and Ba 2015; Wilson et al. 2017 for the limit",
        ),
        Claim(
            "small-data-overfits",
            (
                Scene("here", FEW, FEW.but(split__sample=1.0, epochs=6), "gap", "higher"),
                Scene("limit", FEW.but(model__width=2), FEW.but(model__width=2, split__sample=1.0, epochs=6), "gap", "higher"),
            ),
            origin="Geman, Bienenstock and Doursat 1992",
        ),
        Claim(
            "training-longer-overfits",
            (
                Scene("here", FEW.but(lr=0.01, epochs=150), FEW.but(lr=0.01, epochs=10), "rise", "higher"),
                Scene("limit", FEW.but(lr=0.01, epochs=150), FEW.but(lr=0.01, epochs=10), "accuracy", "lower"),
            ),
            origin="Prechelt, Early stopping - but when?, 1998",
        ),
        Claim(
            "deeper-is-better",
            (
                Scene("here", ADAM, ADAM.but(model__depth=0), "accuracy", "higher"),
                Scene("limit", ADAM.but(model__depth=16), ADAM, "accuracy", "higher"),
            ),
            origin="Montufar et al. 2014; He et al. 2016 for the limit",
        ),
        Claim(
            "weight-decay-shrinks",
            (
                Scene(
                    "here", ADAM.but(optimizer="adamw", weight_decay=1.0), ADAM.but(optimizer="adamw"), "weight_size", "lower"
                ),
                Scene(
                    "limit", ADAM.but(optimizer="adamw", weight_decay=1e-4), ADAM.but(optimizer="adamw"), "accuracy", "higher"
                ),
            ),
            origin="Krogh and Hertz 1991; Loshchilov and Hutter 2019",
        ),
        Claim(
            "smoothing-lowers-confidence",
            (
                Scene("here", ADAM.but(label_smoothing=0.1, epochs=20), ADAM.but(epochs=20), "confidence", "lower"),
                Scene("limit", ADAM.but(label_smoothing=0.1, epochs=20), ADAM.but(epochs=20), "accuracy", "higher"),
            ),
            origin="Szegedy et al. 2016; Mueller, Kornblith and Hinton 2019",
        ),
    )
}
