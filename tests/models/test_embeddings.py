"""Embeddings: the papers' formulas, bins of the training rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainwell.models.embeddings import (
    PeriodicEmbeddings,
    PiecewiseLinear,
    PiecewiseLinearEmbeddings,
    bin_edges,
)

columns = arrays(np.float64, st.integers(1, 60), elements=st.integers(-5, 5).map(float) | st.floats(-100, 100, width=16))


@given(columns, st.integers(1, 12))
def test_bins_increase_cover_the_rows_and_are_no_more_than_asked_for(column: np.ndarray, bins: int) -> None:
    edges = bin_edges(column, bins)
    assert len(edges) <= bins + 1
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (column.min(), column.max())


def test_many_distinct_values_get_quantiles_of_the_rows() -> None:
    column = np.random.default_rng(0).normal(size=1000)
    np.testing.assert_allclose(bin_edges(column, 8), np.quantile(column, np.linspace(0, 1, 9)))


def test_bins_saved_on_a_heap_of_equal_values_go_to_the_others() -> None:
    column = np.concatenate([np.zeros(970), np.arange(1, 31)])
    assert len(np.unique(np.quantile(column, np.linspace(0, 1, 21)))) == 2  # the plain rule would leave one bin of 20
    assert len(bin_edges(column, 20)) > 15


@given(columns, st.integers(1, 6))
def test_piecewise_encoding_follows_the_papers_definition(column: np.ndarray, bins: int) -> None:
    layer = PiecewiseLinear(1, bins)
    layer.fit(torch.from_numpy(column)[:, None])
    edges = bin_edges(column, bins)
    expected = np.zeros((len(column), bins))
    for b, (low, high) in enumerate(pairwise(edges)):
        inside = (column - low) / (high - low)
        expected[:, b] = np.where(column < low, 0.0, np.where(column >= high, 1.0, inside))
    got = layer(torch.from_numpy(column).float()[:, None])[:, 0].numpy()
    np.testing.assert_allclose(got, expected, atol=2e-3)  # edges as close as 1e-3 at values of 100 in single precision


def test_piecewise_encoding_is_held_outside_the_training_range() -> None:
    layer = PiecewiseLinear(1, 4)
    layer.fit(torch.linspace(0, 1, 100)[:, None])
    assert torch.equal(layer(torch.tensor([[1e30]])), torch.ones(1, 1, 4))
    assert torch.equal(layer(torch.tensor([[-1e30]])), torch.zeros(1, 1, 4))


def test_a_constant_column_says_nothing() -> None:
    layer = PiecewiseLinear(2, 4)
    layer.fit(torch.ones(10, 2))
    assert not layer(torch.randn(5, 2)).any()


def test_piecewise_embeddings_start_as_linear_ones() -> None:
    layer = PiecewiseLinearEmbeddings(3, 8, bins=4)
    x = torch.randn(50, 3)
    before = layer(x)
    layer.encoding.fit(x)
    assert torch.equal(layer(x), before)
    torch.testing.assert_close(before, x[:, :, None] * layer.linear.weight + layer.linear.bias)


def test_periodic_embeddings_follow_the_papers_definition() -> None:
    layer, x = PeriodicEmbeddings(2, 5, frequencies=3), torch.randn(4, 2)
    angle = 2 * torch.pi * torch.einsum("bf,fn->bfn", x, layer.frequency)
    features = torch.cat([angle.cos(), angle.sin()], -1)
    assert layer.linear.bias is not None
    expected = torch.einsum("bfn,fne->bfe", features, layer.linear.weight) + layer.linear.bias.transpose(0, 1)
    torch.testing.assert_close(layer(x), expected.relu())
