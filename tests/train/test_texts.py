"""Texts from the source to an answer: fit, raw rows, other columns beside them, augmentation, crashes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.small import recipe, reviews, weights
from trainwell.data.batches import trimmed
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.run import Run

SMALL = {"name": "text_team", "width": 8, "maps": 8, "buckets": 1024}
RECIPE = recipe(model=SMALL, epochs=15, learning_rate=0.01, batch_size=16, augment=["delete", {"name": "swap", "share": 0.1}])


def test_a_network_learns_which_words_praise_and_answers_raw_rows(tmp_path) -> None:
    data = reviews(200)
    run = fit(RECIPE.but(epochs=40), data, folder=tmp_path / "a")
    assert run.summary["valid"]["accuracy"] > 0.9
    opened = Run.open(tmp_path / "a")
    rows = [{"review": "the soup was awful", "seats": 0.0}, {"seats": 0.0, "review": "really a tasty place"}, {"review": None}]
    answers = opened.predict(rows)
    assert answers["prediction"].to_list()[:2] == ["no", "yes"]
    assert "the text is empty" in answers["problem"][2]
    alone = np.stack([opened.predict_row(row) for row in rows[:2]])
    np.testing.assert_allclose(alone, answers.select("p_no", "p_yes").to_numpy()[:2], atol=1e-6)


def test_batches_are_no_wider_than_their_longest_text() -> None:
    data = reviews()
    batches = build_batches(compile_program(RECIPE, data))
    text = data.shape.texts[0]
    for step in range(6):
        rows = batches.rows(step)
        (inputs, _), whole = batches[step], torch.from_numpy(data.arrays["text"])[rows]
        assert torch.equal(inputs[text], trimmed(whole))
        assert (inputs[text][:, -1] != 0).any()


def test_a_run_cut_off_anywhere_ends_with_the_same_bits(tmp_path) -> None:
    data = reviews()
    whole = fit(RECIPE, data, folder=tmp_path / "whole")
    for stop_at in (3, 17):
        folder = tmp_path / f"cut {stop_at}"

        def stop(row, stop_at=stop_at) -> bool:
            if row.get("step", 0) >= stop_at:
                raise KeyboardInterrupt
            return False

        with pytest.raises(KeyboardInterrupt):
            fit(RECIPE, data, folder=folder, observers=[stop], save_every=0.0)
        assert fit(RECIPE, data, folder=folder).summary["steps"] == whole.summary["steps"]
        assert weights(folder) == weights(tmp_path / "whole")


@pytest.mark.parametrize("name", ["mlp", "tabm", "rnn"])
def test_networks_for_tables_and_recurrent_ones_read_texts_beside_numbers(name: str) -> None:
    run = fit(recipe(model={"name": name, "width": 16}, epochs=2, batch_size=16, augment=[]), reviews())
    assert run.status == "finished"
