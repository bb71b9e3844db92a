"""Activations and norms by name: known values, both kinds of input."""

from __future__ import annotations

import pytest
import torch

from trainwell.core.errors import RecipeError, UnknownName
from trainwell.models.registry import activation, activations, norm, norms

#: Values at -1 and 2.
KNOWN = {
    "relu": (0.0, 2.0),
    "leaky_relu": (-0.01, 2.0),
    "prelu": (-0.25, 2.0),
    "elu": (-0.63212, 2.0),
    "selu": (-1.11133, 2.10140),
    "gelu": (-0.15866, 1.95450),
    "silu": (-0.26894, 1.76159),
    "mish": (-0.30340, 1.94396),
    "sigmoid": (0.26894, 0.88080),
    "tanh": (-0.76159, 0.96403),
    "identity": (-1.0, 2.0),
}


def test_every_activation_is_known() -> None:
    assert set(KNOWN) == set(activations.names())


@pytest.mark.parametrize("name", KNOWN)
def test_activations_have_the_values_of_their_formula(name: str) -> None:
    x = torch.tensor([-1.0, 2.0])
    torch.testing.assert_close(activation(name)(x), torch.tensor(KNOWN[name]), atol=1e-5, rtol=1e-4)
    assert x.tolist() == [-1.0, 2.0]  # not changed in place


#: The axes over which a norm makes the mean square 1: of (B, F), and of (B, C, H, W).
AXES = {
    "batch_norm": ((0,), (0, 2, 3)),
    "layer_norm": ((1,), (1, 2, 3)),
    "rms_norm": ((1,), (1,)),
    "instance_norm": (None, (2, 3)),
}


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("picture", [False, True])
def test_norms_make_the_mean_square_one_over_their_axes(name: str, picture: bool) -> None:
    axes = AXES[name][picture]
    if axes is None:
        with pytest.raises(RecipeError, match="needs pictures"):
            norm(name, 8, picture=picture)
        return
    x = 3 * torch.randn(16, 8, 5, 5) + 1 if picture else 3 * torch.randn(16, 8) + 1
    square = norm(name, 8, picture=picture)(x).square().mean(axes)
    torch.testing.assert_close(square, torch.ones_like(square), atol=1e-3, rtol=0)


def test_group_norm_takes_the_largest_number_of_groups_that_fits() -> None:
    assert norm("group_norm", 12, picture=True).num_groups == 4
    assert norm({"name": "group_norm", "groups": 3}, 12, picture=False).num_groups == 3


@pytest.mark.parametrize("name", [n for n in norms.names() if n != "batch_norm"])
def test_all_but_batch_norm_treat_examples_alone(name: str) -> None:
    layer, x = norm(name, 8, picture=True).train(), torch.randn(4, 8, 3, 3)
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]))


def test_misspelt_names_get_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="Did you mean relu"):
        activation("reluu")
    with pytest.raises(UnknownName, match="Did you mean batch_norm"):
        norm("batchnorm", 3, picture=True)
