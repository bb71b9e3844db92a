"""Category columns as features: unseen codes, few and many categories."""

from __future__ import annotations

import pytest
import torch

from trainwell.models.categories import Categories, CategoryEmbeddings, OneHot


def test_each_column_has_its_own_category_vectors() -> None:
    layer = CategoryEmbeddings((3, 4), 5)
    with torch.no_grad():
        layer.table.weight.copy_(torch.arange(7)[:, None].expand(7, 5))
    codes = torch.tensor([[0, 0], [2, 3]], dtype=torch.int32)
    assert layer(codes)[:, :, 0].tolist() == [[0, 3], [2, 6]]


def test_an_unseen_category_starts_as_zero() -> None:
    assert not CategoryEmbeddings((3, 4), 5)(torch.zeros(1, 2, dtype=torch.int32)).any()


def test_one_hot_is_torchs_without_the_unseen_code() -> None:
    codes = torch.tensor([[0, 3], [2, 0], [1, 1]], dtype=torch.int32)
    expected = [torch.nn.functional.one_hot(codes[:, c].long(), n)[:, 1:] for c, n in enumerate((3, 4))]
    assert torch.equal(OneHot((3, 4))(codes), torch.cat(expected, 1).float())


@pytest.mark.parametrize("width", [0, -1])
def test_widths_are_checked(width: int) -> None:
    with pytest.raises(Exception, match=f"category_width must be at least 1, however: category_width={width}"):
        CategoryEmbeddings((2,), width)


def test_columns_with_many_categories_are_embedded_and_the_others_are_not() -> None:
    layer = Categories((4, 1000, 3), one_hot=3, width=7)
    assert layer.chunks == [3, 2, 7]
    out = layer(torch.tensor([[3, 999, 1]], dtype=torch.int32))
    assert out[0, :5].tolist() == [0, 0, 1, 1, 0]
    assert out[0, 5:].abs().min() > 0


@pytest.mark.parametrize(("one_hot", "width"), [(0, 7), (1000, 7)])
def test_one_kind_alone_works_too(one_hot: int, width: int) -> None:
    layer = Categories((4, 6), one_hot=one_hot, width=width)
    assert layer(torch.zeros(2, 2, dtype=torch.int32)).shape == (2, sum(layer.chunks))


def test_a_column_without_known_categories_is_no_feature() -> None:
    assert Categories((1, 3), one_hot=8, width=4)(torch.tensor([[0, 1]], dtype=torch.int32)).tolist() == [[1, 0]]
