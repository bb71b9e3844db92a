"""Properties that hold for every registered network."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.core.registry import options_of
from trainwell.core.shape import Input, Shape
from trainwell.core.suggest_generation import PICTURE_MAKERS
from trainwell.models.adaptive import adapt
from trainwell.models.build import build
from trainwell.models.registry import models

NUMBERS = Input("number", "number", (5,))
CATEGORIES = Input("category", "category", (2,), (5, 5))
SHAPES = {
    "numbers": Shape((NUMBERS,)),
    "categories": Shape((CATEGORIES,)),
    "table": Shape((NUMBERS, CATEGORIES)),
    "grey": Shape((Input("picture", "picture", (1, 8, 8)),)),
    "colour": Shape((Input("picture", "picture", (3, 20, 13)),)),
    "mixed": Shape((NUMBERS, CATEGORIES, Input("picture", "picture", (3, 16, 16)))),
    "tensor": Shape((Input("signal", "tensor", (3, 7)),)),
    "text": Shape((Input("text", "text", (12,), (30,), ("review",), "int32", tokens="words"),)),
    "review": Shape(
        (
            NUMBERS,
            Input("text", "text", (12,), (30,), ("review",), "int32", tokens="words"),
            Input("text.characters", "text", (25,), (30,), ("review",), "int32", tokens="characters"),
        )
    ),
    "series": Shape((Input("series", "series", (2, 20)),)),
    "windows": Shape((Input("series", "series", (3, 20), horizon=1),)),
    "covariates": Shape(
        (
            Input("series", "series", (3, 20), horizon=1),
            Input("past", "series", (2, 20), horizon=1),
            Input("ahead", "series", (2, 21), horizon=1),
        )
    ),
}
RUNNING = {"running text": Shape((Input("text", "tokens", (12,), (3,), ("text",), "int32", tokens="characters"),))}
PICTURES = ("grey", "colour")
OF_PICTURES = dict.fromkeys(
    ("cnn", "resnet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vgg", "convnext", "vit"), PICTURES
)
OF_SERIES = dict.fromkeys(("fcn", "resnet1d", "inception_time"), ("series",))
FORECASTS = dict.fromkeys(("nlinear", "dlinear", "patchtst", "tsmixer"), ("windows", "covariates"))
OF_TEXTS = dict.fromkeys(("bag_of_ngrams", "textcnn", "text_team", "rnn", "text_transformer"), ("text", "review"))
WRITERS = {"gpt": tuple(RUNNING), "rnn": (*OF_TEXTS["rnn"], *RUNNING)}
TAKES = OF_PICTURES | OF_TEXTS | WRITERS | OF_SERIES | FORECASTS | {"gru": ("series", "windows", "covariates")}
TAKES |= {"ft_transformer": ("numbers", "categories", "table"), "unet": PICTURES}
BLOCKS = [{"name": "linear", "width": 8}, "relu"]

#: Options that keep the tests quick, and those without a default.
OPTIONS: dict[str, dict[str, Any]] = {
    "mlp": {"width": 16},
    "residual_mlp": {"width": 8},
    "tabm": {"width": 16, "k": 3},
    "cnn": {"width": 8},
    "unet": {"width": 4},
    "vgg": {"width": 4, "dropout": 0.0},
    "resnet": {"width": 8},
    "convnext": {"width": 4, "blocks": (1, 1)},
    "vit": {"width": 8, "depth": 1, "heads": 2},
    "ft_transformer": {"width": 8, "depth": 1, "heads": 2},
    "sequential": {"blocks": BLOCKS},
    "parallel": {"branches": [BLOCKS, [{"name": "linear", "width": 4}]]},
    "fcn": {"width": 8},
    "resnet1d": {"width": 4},
    "inception_time": {"width": 4},
    "gru": {"width": 8},
    "patchtst": {"width": 8, "hidden": 16, "patch": 4, "stride": 2, "dropout": 0.0},
    "tsmixer": {"width": 8, "dropout": 0.0},
    "bag_of_ngrams": {"buckets": 512},
    "textcnn": {"width": 8, "maps": 4},
    "text_team": {"width": 8, "maps": 4, "buckets": 512},
    "rnn": {"width": 8, "cell": "gru"},
    "gpt": {"width": 16, "depth": 1, "heads": 2},
    "text_transformer": {"width": 8, "depth": 1, "heads": 2},
    "nlinear": {},
    "dlinear": {},
    "mixture": {"width": 8, "hidden": 16, "k": 3, "texts": [{"name": "textcnn", "width": 8, "maps": 4}]},
} | {f"resnet{depth}": {"width": 4} for depth in (18, 34, 50, 101, 152)}

#: Pairs that make pictures and answer nothing: `test_adversarial.py` says what holds for them.
PAIRS = set(PICTURE_MAKERS)
#: The deepest members of a family are built and compared with torchvision elsewhere; here one of each kind is run.
RUN = [name for name in models.names() if name not in ("resnet34", "resnet101", "resnet152", *PAIRS)]
CASES = [(name, kind) for name in RUN for kind in TAKES.get(name, SHAPES)]


def make(name: str, kind: str, *, n_out: int = 3, seed: int = 0) -> nn.Module:
    torch.default_generator.manual_seed(seed)
    network = build(name, (SHAPES | RUNNING)[kind], n_out, OPTIONS[name])
    adapt(network, draw(kind, 64))
    return network


def draw(kind: str, rows: int) -> tuple[Tensor, ...]:
    """Some rows of each input of a shape."""
    generator = torch.Generator().manual_seed(1)
    return tuple(_values(i, rows, generator) for i in (SHAPES | RUNNING)[kind].inputs)


def _values(given: Input, rows: int, generator: torch.Generator) -> Tensor:
    if given.kind == "category":  # every row another pair of codes, as long as there are pairs
        pair = torch.arange(rows)
        return torch.stack([pair % 5, pair // 5 % 5], 1).to(torch.int32)
    if given.kind == "tokens":
        return torch.randint(0, given.cardinalities[0], (rows, *given.shape), generator=generator, dtype=torch.int32)
    if given.kind == "text":  # of many lengths, padded behind
        codes = torch.randint(1, given.cardinalities[0], (rows, *given.shape), generator=generator, dtype=torch.int32)
        return torch.where(torch.arange(given.size) < torch.arange(rows)[:, None] % given.size + 1, codes, 0)
    values = torch.rand if given.kind == "picture" else torch.randn
    return values(rows, *given.shape, generator=generator)


def test_every_registered_network_has_options_here() -> None:
    assert set(OPTIONS) | PAIRS == set(models.names())


@pytest.mark.parametrize("name", models.names())
def test_every_option_is_documented(name: str) -> None:
    assert (models[name].__doc__ or "").strip()
    assert [o.name for o in options_of(models[name]).values() if not o.help] == []


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_output_has_a_row_per_example_and_finite_values(name: str, kind: str) -> None:
    network, inputs = make(name, kind).eval(), draw(kind, 4)
    out = network(*inputs)
    if name == "unet":
        assert out.shape == (4, 3, *inputs[0].shape[2:])
        out = out.mean((2, 3))
    assert (out.shape[0], out.shape[-1]) == (4, 3)
    assert out.ndim == (3 if name in ("tabm", "text_team", "mixture") or kind in RUNNING else 2)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_backward_reaches_every_parameter(name: str, kind: str) -> None:
    network = make(name, kind).train()
    torch.default_generator.manual_seed(0)
    for step in range(2):  # a correction that starts at zero lets gradients through from the second step on
        network(*draw(kind, 16)).square().sum().backward()
        if step == 0:
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.add_(0.01)
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_eval_gives_the_same_bits_and_treats_rows_alone(name: str, kind: str) -> None:
    network, inputs = make(name, kind).eval(), draw(kind, 4)
    with torch.no_grad():
        whole = network(*inputs)
        assert torch.equal(whole, network(*inputs))
        alone = network(*(x[2:3] for x in inputs))
    torch.testing.assert_close(alone, whole[2:3], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_state_goes_into_a_network_that_never_saw_data(name: str, kind: str) -> None:
    trained = make(name, kind, seed=0).eval()
    torch.default_generator.manual_seed(5)
    fresh = build(name, (SHAPES | RUNNING)[kind], 3, OPTIONS[name]).eval()
    fresh.load_state_dict(copy.deepcopy(trained.state_dict()))
    with torch.no_grad():
        assert torch.equal(trained(*draw(kind, 4)), fresh(*draw(kind, 4)))


@pytest.mark.parametrize("name", RUN)
def test_a_seed_gives_the_same_weights_and_another_seed_others(name: str) -> None:
    kind = TAKES.get(name, tuple(SHAPES))[0]
    one, same, other = (make(name, kind, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[1] not in RUNNING])
def test_learns_sixteen_rows(name: str, kind: str) -> None:
    network, inputs = make(name, kind).train(), draw(kind, 16)
    target = torch.arange(16) % 3
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    losses = []
    for _ in range(100):
        out = network(*inputs)
        out = out.mean((2, 3)) if out.ndim == 4 else out
        members = out.unsqueeze(1) if out.ndim == 2 else out  # (B, K, n_out)
        loss = nn.functional.cross_entropy(members.flatten(0, 1), target.repeat_interleave(members.shape[1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if loss.item() < 0.5 * losses[0]:
            return
    raise AssertionError(f"loss fell only from {losses[0]:.3f} to {losses[-1]:.3f}")


@pytest.mark.parametrize(("name", "kind"), [(n, k) for n in OF_PICTURES for k in SHAPES if k not in PICTURES])
def test_picture_networks_refuse_other_inputs_by_name(name: str, kind: str) -> None:
    with pytest.raises(CompileError, match=r"takes one picture input.*Use mlp"):
        build(name, SHAPES[kind], 3, OPTIONS[name])


@pytest.mark.parametrize("name", sorted(FORECASTS))
def test_forecasters_refuse_what_has_no_future(name: str) -> None:
    with pytest.raises(CompileError, match=r"forecasts, however the data have.*series.horizon"):
        build(name, SHAPES["series"], 3, OPTIONS[name])


@pytest.mark.parametrize("name", sorted(OF_SERIES))
def test_networks_of_series_refuse_other_inputs_by_name(name: str) -> None:
    with pytest.raises(CompileError, match=r"takes one series input.*Use mlp"):
        build(name, SHAPES["table"], 3, OPTIONS[name])


@pytest.mark.parametrize("name", [n for n in models.names() if "width" in models.options(n) and n not in PAIRS])
@pytest.mark.parametrize("option", ["width", "dropout"])
def test_impossible_numbers_are_refused_in_a_sentence(name: str, option: str) -> None:
    with pytest.raises(Exception, match=rf"^{option} must be at least .*, however: {option}=-1"):
        build(name, SHAPES["grey"], 3, {**OPTIONS[name], option: -1})
