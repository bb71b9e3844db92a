"""Keras's five steps give what the same numbers computed by hand give, and train the very module that was handed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from trainwell.core.errors import CompileError, DataError, UnknownName, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import wrap
from trainwell.train.fit import fit
from trainwell.train.keras_style import Compiled, compile

from .small import FIXED

X = torch.randn(160, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] + X[:, 1] > 0).long()
PLAIN = Recipe(**FIXED, split={"test": 0.0})


def module(outputs: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs))


def program() -> Compiled:
    return compile(module(), (X[:100], Y[:100]), recipe=PLAIN)


def test_the_module_itself_is_trained_and_predicts_what_the_program_predicts() -> None:
    compiled = program()
    before = compiled.module[0].weight.detach().clone()
    run = compiled.fit(epochs=2)
    assert run.network is compiled.module
    assert not torch.equal(compiled.module[0].weight, before)
    with torch.no_grad():
        expected = compiled.module(X[100:]).double().softmax(1).numpy()
    assert compiled.predict(X[100:]) == pytest.approx(expected)


def test_loss_and_metrics_are_those_computed_by_hand() -> None:
    compiled = program()
    compiled.fit(epochs=2)
    found = compiled.evaluate((X[100:], Y[100:]))
    with torch.no_grad():
        output = compiled.module(X[100:])
    assert set(found) == {"loss", "accuracy"}
    assert found["loss"] == pytest.approx(nn.functional.cross_entropy(output, Y[100:]).item(), abs=1e-6)
    assert found["accuracy"] == pytest.approx((output.argmax(1) == Y[100:]).double().mean().item())


def test_a_regression_is_scored_in_its_own_unit() -> None:
    y = X.sum(1) * 1000 + 5000
    compiled = compile(module(1), (X[:100], y[:100]), recipe=PLAIN, metrics=["mae"], learning_rate=0.1)
    compiled.fit(epochs=2)
    with torch.no_grad():
        expected = (compiled.module(X[100:])[:, 0] - y[100:]).abs().double().mean().item()
    assert compiled.evaluate((X[100:], y[100:]))["mae"] == pytest.approx(expected, rel=1e-5)


def test_no_row_is_kept_for_testing() -> None:
    rows = compile(module(), (X[:100], Y[:100])).data.rows
    assert len(rows["test"]) == 0
    assert len(rows["train"]) + len(rows["valid"]) == 100


def test_validation_data_choose_and_every_given_row_trains() -> None:
    compiled = program()
    compiled.fit(epochs=1, validation_data=(X[100:130], Y[100:130]))
    arrays, rows = compiled.data.arrays["input"], compiled.data.rows
    assert np.array_equal(arrays[rows["train"]], X[:100].numpy())
    assert np.array_equal(arrays[rows["valid"]], X[100:130].numpy())


def test_validation_data_for_data_that_have_theirs_are_refused() -> None:
    compiled = compile(module(), wrap((X, Y)), recipe=PLAIN)
    with pytest.raises(UsageError, match="validation rows already"):
        compiled.fit(validation_data=(X, Y))


def test_a_dataset_and_its_tensors_train_the_same_bits() -> None:
    trained = [compile(module(), given, recipe=PLAIN) for given in ((X, Y), TensorDataset(X, Y))]
    for compiled in trained:
        compiled.fit(epochs=1)
    assert all(torch.equal(a, b) for a, b in zip(*(c.module.parameters() for c in trained), strict=True))


def test_token_inputs_stay_whole_numbers() -> None:
    tokens = torch.randint(0, 9, (80, 4), generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 2))
    compiled = compile(network, (tokens, (tokens.sum(1) > 16).long()), recipe=PLAIN)
    assert [layer.kind for layer in compiled.summary()] == ["Embedding", "Flatten", "Linear"]
    compiled.fit(epochs=1)
    assert compiled.predict(tokens).shape == (80, 2)


def test_with_a_folder_a_second_program_continues_the_first(tmp_path: Path) -> None:
    def stop(row: dict) -> bool:
        return row["split"] == "train"

    whole, first, second = program(), program(), program()
    whole.fit(epochs=3, folder=tmp_path / "whole")
    first.fit(epochs=3, folder=tmp_path / "torn", observers=[stop])
    second.fit(epochs=3, folder=tmp_path / "torn")
    assert all(torch.equal(a, b) for a, b in zip(whole.module.parameters(), second.module.parameters(), strict=True))


def test_what_does_not_fit_is_refused_before_training() -> None:
    with pytest.raises(CompileError, match="3 entries"):
        compile(module(3), (X, Y))
    with pytest.raises(CompileError, match="refuses the data"):
        compile(nn.Linear(5, 2), (X, Y))
    with pytest.raises(UnknownName, match="adamv"):
        compile(module(), (X, Y), optimizer="adamv")


def test_predicting_before_fitting_is_refused() -> None:
    with pytest.raises(UsageError, match="not been fitted"):
        program().predict(X)


def test_the_recipe_names_the_class_that_was_trained() -> None:
    assert program().fit(epochs=1).recipe.model.name == "torch.nn.modules.container:Sequential"


class Two(nn.Module):
    """A vector and a single code."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers, self.codes = nn.Linear(6, 4), nn.Embedding(5, 4)
        self.out = nn.Linear(8, 2)

    def forward(self, numbers: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat([self.numbers(numbers), self.codes(codes)], dim=1))


@pytest.mark.parametrize("as_dataset", [False, True])
def test_a_module_of_two_inputs_gets_them_apart_and_as_they_are(as_dataset: bool) -> None:
    codes = torch.arange(160) % 5
    pairs = TensorDataset(X, codes, Y) if as_dataset else ((X, codes), Y)
    compiled = compile(Two(), pairs, recipe=PLAIN)
    compiled.fit(epochs=1)
    assert [compiled.data.arrays[name].dtype.kind for name in compiled.data.shape.names] == ["f", "i"]
    assert compiled.predict((X[:3], codes[:3])).shape == (3, 2)
    with pytest.raises(DataError, match=r"given \(3, 6\)"):
        compiled.predict(X[:3])


def test_what_stands_in_the_wrong_place_is_one_sentence() -> None:
    data, recipe = wrap((X, Y)), Recipe(epochs=1)
    for wrong in [(data, recipe), ("mlp", data), ({"epochs": 1}, data), (recipe, (X, Y)), (recipe, "people.csv")]:
        with pytest.raises(UsageError, match=r"was given as (recipe|data)"):
            fit(*wrong)
    with pytest.raises(UsageError, match=r"Call it: Linear\(…\)"):
        fit(recipe, data, network=nn.Linear)
    with pytest.raises(CompileError, match="no weights"):
        compile(nn.Flatten(), (X, Y))
    with pytest.raises(CompileError, match="no squeeze"):
        compile(nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)), (X, X.sum(1)))
