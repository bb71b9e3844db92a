"""A member of a stack is the network it would have been alone: for every network, rule, loss and limit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from train.small import FIXED, numbers, pictures, recipe, reviews
from train.stack.alone import furthest, programs, train_alone, train_together
from trainwell.core.recipe import Recipe
from trainwell.core.suggest_generation import PICTURE_MAKERS
from trainwell.data.load import load, wrap
from trainwell.models.registry import models
from trainwell.optim.registry import optimizers
from trainwell.testing import running_text
from trainwell.train.stack.group import groups
from trainwell.train.stack.known_rules import ALONE, RULES
from trainwell.train.stack.trace import NotStackable

#: Dropout, clipping, a schedule, decay, averaging and label smoothing, each with numbers of its own per member.
EVERYTHING = [
    {"learning_rate": 1e-3, "weight_decay": 0.0, "clip_norm": 0.0, "ema": 0.0, "label_smoothing": 0.0, "max_norm": 0.0},
    {"learning_rate": 2e-3, "weight_decay": 0.1, "clip_norm": 1.0, "ema": 0.9, "label_smoothing": 0.1, "max_norm": 1.0},
    {"learning_rate": 3e-4, "weight_decay": 0.01, "clip_norm": 0.1, "ema": 0.99, "label_smoothing": 0.2, "max_norm": 0.4},
]
#: Small forms of the registered networks, so that a hundred steps of each fit into a test.
SMALL = {
    "cnn": {"width": 4, "stages": 2},
    "mlp": {"width": 8},
    "residual_mlp": {"width": 8, "depth": 2},
    "tabm": {"width": 8, "k": 3, "bins": 6, "number_width": 4},
    "resnet": {"width": 4, "blocks": [1, 1], "stochastic_depth": 0.3},
    "vgg": {"width": 4},
    "convnext": {"width": 4, "blocks": [1, 1], "stochastic_depth": 0.3},
    "vit": {"width": 8, "depth": 2, "heads": 2, "stochastic_depth": 0.3},
    "ft_transformer": {"width": 8, "heads": 2},
    "sequential": {"blocks": ["flatten", {"name": "linear", "width": 6}, "relu", {"name": "dropout", "rate": 0.2}]},
    "bag_of_ngrams": {"buckets": 256},
    "textcnn": {"width": 4, "maps": 3, "token_dropout": 0.5},
    "text_team": {"width": 4, "maps": 3, "buckets": 256, "token_dropout": 0.5},
    "rnn": {"width": 4, "cell": "lstm", "depth": 2, "dropout": 0.3},
    "text_transformer": {"width": 8, "depth": 1, "heads": 2, "token_dropout": 0.5, "dropout": 0.5},
    "mixture": {"width": 4, "hidden": 8, "k": 2},
    "gpt": {"width": 8, "depth": 1, "heads": 2, "dropout": 0.3},
    "parallel": {"branches": [["flatten", {"name": "linear", "width": 4}], ["flatten", {"name": "linear", "width": 3}]]},
}
#: Networks for texts.
OF_TEXTS = {"bag_of_ngrams", "textcnn", "text_team", "rnn", "text_transformer"}
SERIES = {
    "fcn": {"width": 4},
    "resnet1d": {"width": 4},
    "inception_time": {"width": 4},
    "gru": {"width": 8},
}
FORECASTS = {
    "nlinear": {},
    "dlinear": {},
    "patchtst": {"width": 8, "hidden": 16, "patch": 4, "stride": 2},
    "tsmixer": {"width": 8},
}
#: Tables of the sizes of named networks: the same code as `resnet`, far too large for a test.
NAMED_SIZES = {"resnet18", "resnet34", "resnet50", "resnet101", "resnet152"}
#: Networks that play against each other have two update rules, and are never stacked.
PAIRS = set(PICTURE_MAKERS)


def table():
    """Numbers and categories, with a target of two classes."""
    draw = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 120, generator=draw).tolist()
    colour = [("red", "green", "blue")[i % 3] for i in range(120)]
    answer = ["yes" if x > 0 or c == "red" else "no" for x, c in zip(a, colour, strict=True)]
    return load(pl.DataFrame({"a": a, "b": b, "colour": colour, "answer": answer}), target="answer")


def waves():
    """Slow and fast waves of two channels."""
    draw = np.random.default_rng(0)
    fast = np.arange(60) % 2
    x = np.sin(np.arange(24) * (0.4 + 0.6 * fast[:, None, None])) + draw.normal(0, 0.3, (60, 2, 24))
    return wrap((x.astype(np.float32), fast), recipe=Recipe(columns={"input": "series"}))


def days():
    """What two shops sold day by day."""
    draw = np.random.default_rng(0)
    sold = np.sin(np.arange(120) / 3) + draw.normal(0, 0.2, (2, 120))
    shops = [pl.DataFrame({"shop": f"s{i}", "day": np.arange(120), "sold": own}) for i, own in enumerate(sold)]
    rules = {"id": "shop", "time": "day", "horizon": 3, "lookback": 12}
    return load(pl.concat(shops), target="sold", recipe=Recipe(series=rules))


#: What the networks that do not take pictures are trained on.
DATA = dict.fromkeys(OF_TEXTS, reviews) | dict.fromkeys(("mlp", "residual_mlp", "tabm", "ft_transformer", "mixture"), table)
DATA |= {"gpt": running_text}


def agree(recipes, data, *, steps, weights=1e-6, loss=1e-6):
    assert groups(programs(recipes, data)) == [list(range(len(recipes)))]
    alone, own = train_alone(programs(recipes, data), steps)
    together, theirs = train_together(programs(recipes, data), steps)
    assert furthest(alone, together) < loss
    assert furthest(own, theirs) < weights


def test_every_registered_network_is_covered():
    one_by_one = {"unet"}  # masks do not stack
    assert set(models.names()) - NAMED_SIZES - PAIRS - one_by_one == {*SMALL, *SERIES, *FORECASTS}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_network_after_a_hundred_steps(name):
    data = DATA.get(name, lambda: pictures(48))()
    told = ["perplexity"] if data.task == "language" else ["accuracy"]
    own = {"model": {"name": name, **SMALL[name]}, "optimizer": "adamw", "schedule": "cosine", "augment": [], "batch_size": 16}
    base = data.recipe.but(**{**FIXED, **own, "metrics": told, "monitor": "loss"})
    # Weights that a norm makes irrelevant (a bias before it) drift freely under Adam: their loss is what must agree.
    # Of running text, members with a label smoothing of their own train alone.
    changes = [change | ({"label_smoothing": 0.0} if data.task == "language" else {}) for change in EVERYTHING]
    agree([base.but(**change) for change in changes], data, steps=100, weights=1e-3, loss=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "option", "values"),
    [
        ("sgd", "momentum", (0.9, 0.5, 0.1)),
        ({"name": "sgd", "nesterov": False}, "dampening", (0.1, 0.1, 0.1)),
        ({"name": "sgd", "momentum": 0.0}, "momentum", (0.0, 0.0, 0.0)),
        ("adam", "betas", ((0.9, 0.999), (0.8, 0.99), (0.9, 0.9))),
        ("adamw", "eps", (1e-8, 1e-8, 1e-8)),
        ("rmsprop", "alpha", (0.99, 0.9, 0.8)),
        ({"name": "rmsprop", "momentum": 0.5, "centered": True}, "eps", (1e-8, 1e-6, 1e-4)),
        ("adagrad", "start", (0.0, 0.1, 1.0)),
        ("nadam", "betas", ((0.9, 0.999), (0.8, 0.99), (0.9, 0.9))),
        ({"name": "radam", "decoupled": False}, "betas", ((0.9, 0.999), (0.8, 0.99), (0.9, 0.9))),
        ("lion", "betas", ((0.9, 0.99), (0.8, 0.9), (0.5, 0.5))),
        ("schedule_free", "betas", ((0.9, 0.999), (0.8, 0.99), (0.5, 0.9))),
    ],
)
def test_every_rule_with_numbers_of_each_members_own(optimizer, option, values):
    base = recipe(model={"name": "mlp", "width": 8, "dropout": 0.0}, optimizer=optimizer, learning_rate=1e-3)
    recipes = [base.but(**{f"optimizer__{option}": v, "weight_decay": 0.01 * i}) for i, v in enumerate(values)]
    agree(recipes, numbers(), steps=50, weights=1e-7 if optimizer == "nadam" else 1e-9)  # torch rounds its product of means


def test_every_registered_rule_stacks_or_says_why_not():
    assert {*RULES, *ALONE} == set(optimizers.names())
    assert not set(RULES) & set(ALONE)
    base = recipe(model={"name": "mlp", "width": 8})
    for name in ALONE:
        assert groups(programs([base.but(optimizer=name)] * 2, numbers())) == [[0], [1]]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("model__dropout", (0.0, 0.1, 0.7)),
        ("clip_value", (0.0, 0.01, 1e-4)),
        ("l1", (0.0, 1e-3, 1e-2)),
        ("l2", (0.0, 1e-3, 1e-2)),
        ("split__seed", (0, 1, 2)),
        ("loss__label_smoothing", (0.3, 0.2, 0.0)),
        ("class_weight", ("balanced", "balanced", "balanced")),
        ("sampling", ("balanced", "shuffle", "balanced")),
        ("schedule__warmup", (0.0, 0.3, 0.5)),
        ("swa", (0.0, 0.3, 0.9)),
    ],
)
def test_every_number_of_the_recipe(key, values):
    base = recipe(model={"name": "mlp", "width": 8}, optimizer="adamw", loss="cross_entropy", schedule="cosine")
    agree([base.but(**{key: v}) for v in values], numbers(), steps=30)


@pytest.mark.parametrize("loss", ["focal", "mean_squared_error"])
def test_other_losses(loss):
    base = recipe(model={"name": "mlp", "width": 8}, optimizer="adamw", loss=loss, metrics="auto")
    agree([base, base, base], numbers(regression=loss != "focal"), steps=20)


def test_augmentation_of_each_members_own_strength():
    changes = [["flip", {"name": "mixup", "alpha": alpha}] for alpha in (0.1, 0.3, 0.9)]
    base = recipe(model={"name": "cnn", "width": 4, "stages": 2}, optimizer="sgd")
    agree([base.but(augment=change) for change in changes], pictures(), steps=20, weights=1e-6)


@pytest.mark.parametrize("name", SERIES | FORECASTS)
def test_every_network_for_series(name):
    data = waves() if name in SERIES else days()
    base = recipe(model={"name": name, **(SERIES | FORECASTS)[name]}, optimizer="adamw", schedule="cosine", augment=[])
    loss = "cross_entropy" if name in SERIES else "mean_squared_error"
    base = base.but(series=data.recipe.series, metrics="auto", columns=data.recipe.columns, loss=loss)
    changes = [{key: v for key, v in change.items() if key != "label_smoothing"} for change in EVERYTHING]
    agree([base.but(**change) for change in changes], data, steps=60, weights=1e-3, loss=1e-5)


class Homemade(nn.Module):
    """A user's own: functional dropout, a tied weight, a frozen one, a buffer that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 5), nn.Linear(5, 5)
        self.second.weight = self.first.weight
        self.frozen = nn.Linear(5, 2)
        self.frozen.weight.requires_grad_(False)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += len(x)
        x = nn.functional.dropout(self.first(x).relu(), 0.3, self.training)
        return self.frozen(x + self.second(x))


class Filling(nn.Module):
    """Writes into tensors that it makes anew at each step, from a constant and from nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sums = torch.zeros_like(x)
        sums[:, 1:] += x[:, 1:]
        scale = torch.tensor([1.0, 2.0])
        scale += 0.5
        return self.head(sums + 2.0) * scale


class Recurrent(nn.Module):
    """Numbers as a sequence, through each of torch's recurrent layers."""

    def __init__(self, kind: str, **how: object) -> None:
        super().__init__()
        self.layer = getattr(nn, kind)(1, 3, **how)
        self.head = nn.Linear((how.get("proj_size") or 3) * (1 + bool(how.get("bidirectional"))), 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.layer.batch_first
        out, state = self.layer(x[..., None] if first else x.T[..., None])
        last = state[0] if isinstance(state, tuple) else state
        return self.head(out.mean(1 if first else 0)) + last.sum((0, 2))[:, None]


@pytest.mark.parametrize(
    "how",
    [
        {"kind": "GRU", "batch_first": True},
        {"kind": "GRU", "num_layers": 2, "bidirectional": True},
        {"kind": "LSTM", "batch_first": True, "bidirectional": True},
        {"kind": "LSTM", "bias": False},
        {"kind": "RNN"},
        {"kind": "RNN", "nonlinearity": "relu", "num_layers": 2},
    ],
    ids=lambda how: " ".join(map(str, how.values())),
)
def test_recurrent_layers(how):
    base = recipe(model=Recurrent, optimizer="adamw").but(**{f"model__{key}": value for key, value in how.items()})
    agree([base.but(learning_rate=lr) for lr in (1e-3, 1e-2)], numbers(), steps=20)


@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch says which kernel it takes
@pytest.mark.parametrize("how", [{"dropout": 0.2, "num_layers": 2}, {"proj_size": 2}])
def test_what_recurrent_layers_draw_or_project_themselves_is_trained_alone(how):
    base = recipe(model=Recurrent).but(model__kind="LSTM", **{f"model__{key}": value for key, value in how.items()})
    with pytest.raises(NotStackable):
        train_together(programs([base, base], numbers()), 1)


@pytest.mark.parametrize("model", [Homemade, Filling])
def test_a_module_of_the_users_own(model):
    agree([recipe(model=model, optimizer="adamw", learning_rate=lr) for lr in (1e-3, 1e-2)], numbers(), steps=30)


@settings(max_examples=10, deadline=None)
@given(
    rates=st.lists(st.floats(1e-4, 1e-1), min_size=2, max_size=4),
    width=st.integers(1, 9),
    batch=st.integers(2, 33),
    norm=st.sampled_from(["none", "layer_norm", "rms_norm"]),
)
def test_any_size_of_stack_network_and_batch(rates, width, batch, norm):
    base = recipe(model={"name": "mlp", "width": width, "norm": norm}, optimizer="sgd", batch_size=batch)
    agree([base.but(learning_rate=rate) for rate in rates], numbers(), steps=5)


def test_different_structures_are_different_groups():
    base = recipe(model={"name": "mlp", "width": 8}, optimizer="adamw")
    wider, relu = base.but(model__width=9), base.but(model__activation="gelu")
    limited, halved = base.but(time_limit=60.0), base.but(batch_size=8)
    made = programs([base, wider, base.but(learning_rate=1.0), relu, limited, limited, halved], numbers())
    assert groups(made) == [[0, 2], [1], [3], [4], [5], [6]]


def test_recipes_of_a_stack_may_leave_numbers_to_the_suggestion():
    recipes = [Recipe(model={"name": "mlp", "width": 8}, learning_rate=rate, threads=1) for rate in (1e-3, 1e-2)]
    assert groups(programs(recipes, numbers())) == [[0, 1]]
