"""Torch datasets become arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from trainwell.core.errors import DataError
from trainwell.data.readers.read import read
from trainwell.data.readers.torch_datasets import Column, wrap

DRAW = np.random.default_rng(0)
PICTURES = DRAW.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)


class Items(Dataset):
    """A map-style dataset over a list."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


class Stream(IterableDataset):
    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[tuple[torch.Tensor, int]]:
        for i in range(4):
            yield torch.full((2,), float(i)), i % 2


class Noisy(Items):
    def __getitem__(self, index: int) -> Any:
        return torch.rand(3), index % 2


def test_vectors_become_a_table() -> None:
    source = read(TensorDataset(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 0])))
    assert source.frame.to_dict(as_series=False) == {"x0": [0.0, 2.0, 4.0], "x1": [1.0, 3.0, 5.0], "target": [0, 1, 0]}


@pytest.mark.parametrize(
    "convert",
    [
        lambda p: p,
        Image.fromarray,
        lambda p: torch.from_numpy(p).permute(2, 0, 1),
        lambda p: torch.from_numpy(p).permute(2, 0, 1).float() / 255,
    ],
    ids=["array", "PIL", "tensor", "ToTensor"],
)
def test_pictures_come_out_as_they_went_in(convert: Any) -> None:
    source = wrap(Items([(convert(p), i % 2) for i, p in enumerate(PICTURES)]))
    np.testing.assert_array_equal(source.arrays["picture"], PICTURES)
    assert (source.target, source.kinds["label"]) == ("label", "category")


def test_iterable_loader_and_list_agree() -> None:
    rows = [(torch.full((2,), float(i)), i % 2) for i in range(4)]
    frames = [wrap(one).frame for one in (Stream(), Items(rows), rows, DataLoader(Items(rows), batch_size=3))]
    assert all(frame.equals(frames[0]) for frame in frames)
    assert len(frames[0]) == 4


def test_several_inputs_keep_their_names() -> None:
    source = wrap(Items([((torch.rand(2, 3), torch.rand(4, 4)), 0.5) for _ in range(3)]))
    assert {k: v.shape for k, v in source.arrays.items()} == {"input0": (3, 2, 3), "input1": (3, 4, 4)}
    named = wrap(Items([({"wave": torch.rand(2, 3)}, 1) for _ in range(3)]))
    assert list(named.arrays) == ["wave"]
    assert named.target == "target"


def test_rows_as_mappings() -> None:
    source = wrap(Items([{"text": "good", "n": 1, "y": 0}, {"text": "bad", "n": 2, "y": 1}]))
    assert source.frame.to_dict(as_series=False) == {"text": ["good", "bad"], "n": [1, 2], "y": [0, 1]}


def test_parts() -> None:
    one, two = Items([(torch.zeros(2), 0)] * 3), Items([(torch.ones(2), 1)])
    assert wrap(one, test=two).parts.tolist() == ["train"] * 3 + ["test"]  # type: ignore[union-attr]


def test_varying_shape_names_the_item() -> None:
    with pytest.raises(DataError, match=r"item 1 has x of shape \(3,\), item 0 has \(2,\)"):
        wrap(Items([(torch.zeros(2), 0), (torch.zeros(3), 1)]))


def test_broken_item_names_the_index() -> None:
    class Broken(Items):
        def __getitem__(self, index: int) -> Any:
            if index == 2:
                raise ValueError("bad file")
            return super().__getitem__(index)

    with pytest.raises(DataError, match="item 2 cannot be read: ValueError: bad file"):
        wrap(Broken([(torch.zeros(2), 0)] * 3))


def test_no_items_and_no_numbers() -> None:
    with pytest.raises(DataError, match="no items"):
        wrap(Items([]))
    with pytest.raises(DataError, match="no plain numbers"):
        wrap(Items([(object(), 1)]))


def test_random_transforms_are_said() -> None:
    assert "random_items" in {c.code for c in wrap(Noisy([0] * 3)).checks}
    assert "random_items" not in {c.code for c in wrap(Items([(torch.zeros(2), 0)] * 3)).checks}


def test_spilled_column_holds_the_same_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path))
    column = Column("x", "dataset", limit=200)
    rows = DRAW.normal(size=(20, 3, 4)).astype(np.float32)
    for i, row in enumerate(rows):
        column.append(row, i)
    held = column.array()
    assert isinstance(held, np.memmap)
    np.testing.assert_array_equal(held, rows)
