"""Language models from text to text: training, resuming, stacking, writing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.small import weights
from trainwell.core.errors import DataError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.batches import RowStream
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.doctor.examine import examine
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.generate import drawn, generate
from trainwell.train.many import fit_many
from trainwell.train.run import Run

GPT = {"name": "gpt", "width": 16, "depth": 1, "heads": 2}
RECIPE = Recipe(
    task="language", steps=40, threads=1, compile="off", device="cpu", prepare={"text_length": 8}, model=GPT, validate_every=20
)


def prose(recipe: Recipe = RECIPE) -> Data:
    return load(["to be or not to be, that is the question.\n" * 60], recipe=recipe)


def test_windows_move_on_with_every_epoch_and_stay_in_training() -> None:
    data = prose()
    batches = build_batches(compile_program(RECIPE, data))
    seen = torch.cat([batches.rows(step) for step in range(60)])
    assert len(torch.unique(seen % 8)) > 1
    assert int(seen.max()) + 8 < data.rows["valid"].min()
    (inputs,), target = batches[3]
    assert torch.equal(inputs[:, 1:], target[:, :-1])


def test_the_stream_of_rows_that_are_no_windows_is_as_it_was() -> None:
    rows = torch.arange(30)
    assert torch.equal(RowStream(rows, seed=3).between(0, 90), RowStream(rows, seed=3, window=1).between(0, 90))


def test_a_run_cut_off_anywhere_ends_with_the_same_bits(tmp_path) -> None:
    data = prose()
    fit(RECIPE, data, folder=tmp_path / "whole")

    def stop(row) -> bool:
        if row.get("step", 0) >= 17:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        fit(RECIPE, data, folder=tmp_path / "cut", observers=[stop], save_every=0.0)
    fit(RECIPE, data, folder=tmp_path / "cut")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


@pytest.mark.parametrize("model", [GPT, {"name": "rnn", "width": 24, "cell": "gru", "token_dropout": 0.0}])
def test_it_learns_a_text_by_heart_and_writes_it(model, tmp_path) -> None:
    recipe = RECIPE.but(model=model, steps=300, learning_rate=1e-2)
    data = prose(recipe)
    run = fit(recipe, data, folder=tmp_path / "a", observers=[lambda _: None])
    assert run.summary["valid"]["loss"] < 0.5
    written = generate(tmp_path / "a", "to be or not to b", length=20, temperature=0)
    assert written == "e, that is the quest"
    assert not examine(Run.open(tmp_path / "a"))  # the doctor finds nothing wrong


def test_the_same_seed_writes_the_same_text_and_others_write_others() -> None:
    data = prose()
    run = fit(RECIPE, data, observers=[lambda _: None])
    texts = {seed: generate(run, "to", length=40, temperature=1.5, top_p=1.0, seed=seed) for seed in range(3)}
    assert texts[1] == generate(run, "to", length=40, temperature=1.5, top_p=1.0, seed=1)
    assert len(set(texts.values())) == 3
    assert set("".join(texts.values())) <= set("to be or not to be, that is the question.\n")


def test_draws_follow_temperature_and_nucleus() -> None:
    logits = torch.tensor([0.6, 0.3, 0.1]).log()
    generator = torch.Generator().manual_seed(0)
    counts = np.bincount([drawn(logits, 1.0, 1.0, generator) for _ in range(4000)], minlength=3) / 4000
    np.testing.assert_allclose(counts, [0.6, 0.3, 0.1], atol=0.03)
    hotter = np.bincount([drawn(logits, 2.0, 0.5, generator) for _ in range(400)], minlength=3)
    assert hotter.tolist() == [400 - hotter[1], hotter[1], 0]
    assert drawn(logits, 0, 0.1, generator) == 0


def test_many_are_trained_as_alone(tmp_path) -> None:
    data = prose()
    runs = fit_many([RECIPE], data, seeds=(0, 1))
    alone = fit(RECIPE, data, seed=1, observers=[lambda _: None])
    for name, tensor in alone.network.state_dict().items():
        torch.testing.assert_close(runs[1].network.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_is_refused_in_a_sentence() -> None:
    data = prose()
    run = fit(RECIPE.but(steps=2), data, observers=[lambda _: None])
    with pytest.raises(DataError, match="knows no character"):
        generate(run, "很好")
    for wrong in ({"temperature": -1.0}, {"top_p": 0.0}, {"length": 0}):
        with pytest.raises(UsageError, match="must be"):
            generate(run, "to", **wrong)
    with pytest.raises(DataError, match="continues a text"):
        run.predict([{"text": "to be"}])
    iris = load("iris")
    table = fit(Recipe(epochs=1, preset="quick", threads=1), iris, observers=[lambda _: None])
    with pytest.raises(DataError, match="writes no text"):
        generate(table, "to")
