"""The user's own network: how it is found, what it is told, and how mistakes are named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from trainwell.core.errors import CompileError, RecipeError, UnknownName
from trainwell.core.own_code import find
from trainwell.core.shape import Input, Shape
from trainwell.models.build import build

SHAPE = Shape((Input("x", "tensor", (4,)),))


class Told(nn.Module):
    """Wants everything."""

    def __init__(self, shape: Shape, n_out: int, *, width: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(shape.inputs[0].size, width), nn.Linear(width, n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Untold(nn.Module):
    """Wants nothing."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(4, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def anything(**options: int) -> nn.Module:
    return nn.Linear(4, options["out"])


def test_a_class_is_told_what_it_asks_for() -> None:
    assert build(Told, SHAPE, 5, {"width": 7})(torch.randn(2, 4)).shape == (2, 5)
    assert build(Untold, SHAPE, 5, {"width": 7})(torch.randn(2, 4)).shape == (2, 7)
    assert build(anything, SHAPE, 5, {"out": 6})(torch.randn(2, 4)).shape == (2, 6)


def test_a_ready_module_is_used_as_it_is() -> None:
    module = nn.Linear(4, 2)
    assert build(module, SHAPE, 2) is module
    with pytest.raises(RecipeError, match="ready Linear and takes no options, however: width"):
        build(module, SHAPE, 2, {"width": 3})


def test_a_path_is_imported_also_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_networks.py").write_text("import torch\ndef small(n_out):\n    return torch.nn.Linear(4, n_out)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    assert build("my_own_networks:small", SHAPE, 9).out_features == 9
    sys.modules.pop("my_own_networks")


def test_nested_names_are_followed() -> None:
    assert find("torch:nn.Linear") is nn.Linear


@pytest.mark.parametrize(
    ("path", "kind", "sentence"),
    [
        ("torch.nn:", RecipeError, "is no path"),
        (":Linear", RecipeError, "is no path"),
        ("no_such_package.module:Net", RecipeError, "no_such_package.module:Net: there is no module 'no_such_package'"),
        ("torch.nn:Linaer", UnknownName, "torch.nn has no 'Linaer'. Did you mean Linear"),
        ("torch:float32", RecipeError, "must be a class, a function or a module"),
    ],
)
def test_paths_that_lead_nowhere_are_named(path: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        build(path, SHAPE, 2)


def test_wrong_and_missing_options_are_named() -> None:
    with pytest.raises(UnknownName, match=r"Told has no option 'widht'. Did you mean width"):
        build(Told, SHAPE, 2, {"widht": 3})
    with pytest.raises(RecipeError, match="Linear needs the option 'in_features'"):
        build(nn.Linear, SHAPE, 2, {"out_features": 3})


def test_something_that_is_no_module_is_refused() -> None:
    with pytest.raises(RecipeError, match="the parameters of dict cannot be read"):
        build(dict, SHAPE, 2)
    with pytest.raises(CompileError, match=r"returned dict, not a torch.nn.Module"):
        build(lambda: {}, SHAPE, 2)


def test_a_misspelt_registered_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="Did you mean resnet"):
        build("resnett", SHAPE, 2)
