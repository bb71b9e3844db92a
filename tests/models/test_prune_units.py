"""Units that leave a network: what is left answers as the whole did where nobody listened to those that left."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from models.test_every_model import OPTIONS, RUNNING, SHAPES, TAKES, draw, make
from trainwell.core.errors import CompileError
from trainwell.models.build import build
from trainwell.models.prune_units import slim, units_of
from trainwell.models.registry import models

#: Networks that can be made narrower; norms over features would see another mean, so `convnext` and `tsmixer` are not exact.
NARROW = ("cnn", "resnet", "mlp", "residual_mlp", "tabm", "textcnn", "fcn", "inception_time")
SLOW = ("vgg", "resnet50", "resnet1d", "text_team")
SIZES = {"width", "hidden", "maps"}


def half(name: str) -> dict[str, Any]:
    known = {key: option.default for key, option in models.options(name).items()} | OPTIONS[name]
    return OPTIONS[name] | {key: size // 2 for key, size in known.items() if key in SIZES and size}


@pytest.mark.parametrize("name", [*NARROW, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_the_narrow_network_answers_as_the_wide_one_whose_other_units_say_nothing(name: str) -> None:
    kind = TAKES.get(name, ("table",))[0]
    wide, inputs = make(name, kind).eval(), draw(kind, 6)
    narrow = build(name, (SHAPES | RUNNING)[kind], 3, half(name)).eval()
    units = units_of(wide, inputs)
    silent = _silence(wide, units)
    slimmed = slim(wide, narrow, inputs, [wide(*inputs).square().sum()])
    narrow.load_state_dict(slimmed)
    with torch.no_grad():
        torch.testing.assert_close(narrow(*inputs), wide(*inputs), rtol=1e-4, atol=1e-5)
    assert silent
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in wide.parameters())


def _silence(wide: nn.Module, units: Any) -> list[int]:
    """Every second unit that could leave is no longer listened to."""
    made = {int(unit) for one in units.made for unit in units.roots(one.units).tolist()[1::2]} - {0}
    with torch.no_grad():
        for name, axis, along_it in units.used:
            gone = torch.tensor([root in made for root in units.roots(along_it).tolist()])
            wide.get_parameter(name).movedim(axis, 0)[gone] = 0.0
    return sorted(made)


@pytest.mark.parametrize(("name", "said"), [("vit", "cannot be taken out one by one"), ("gru", "cannot draw the graph")])
def test_what_cannot_be_taken_apart_is_refused_in_a_sentence(name: str, said: str) -> None:
    kind = TAKES[name][0]
    wide, inputs = make(name, kind).eval(), draw(kind, 4)
    narrow = build(name, SHAPES[kind], 3, half(name))
    with pytest.raises(CompileError, match=f"{said}.*distillation"):
        slim(wide, narrow, inputs, [])


def test_the_ones_that_matter_stay() -> None:
    torch.default_generator.manual_seed(0)
    wide, narrow = (nn.Sequential(nn.Linear(3, w), nn.ReLU(), nn.Linear(w, 2)).eval() for w in (6, 2))
    with torch.no_grad():
        wide[0].bias.fill_(5.0)  # every unit is awake
        wide[2].weight.mul_(torch.tensor([0.1, 9.0, 0.1, 0.1, 9.0, 0.1]))
    found = slim(wide, narrow, (torch.rand(8, 3),), [wide(torch.rand(8, 3)).square().sum() for _ in range(3)])
    assert torch.equal(found["0.weight"], wide[0].weight[[1, 4]])
    assert torch.equal(found["2.weight"], wide[2].weight[:, [1, 4]])


def test_a_network_that_looks_at_its_values_has_no_graph() -> None:
    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) if x.sum() > 0 else x

    with pytest.raises(CompileError, match="cannot draw the graph"):
        units_of(Looks().eval(), (torch.ones(2, 2),))
