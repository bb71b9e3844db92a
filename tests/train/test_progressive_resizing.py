"""Pictures that grow, and texts that begin short: what a step sees stays a function of the seed and its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainwell.core.errors import CompileError, RecipeError
from trainwell.data.batches import Lengths, RowStream
from trainwell.data.load import wrap
from trainwell.testing import check_resume, same_bits
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.many import fit_many
from trainwell.train.progressive_resizing import side_at
from trainwell.train.stack.group import groups

from .small import numbers, recipe, reviews

RESNET = {"name": "resnet", "width": 4, "blocks": [1, 1]}


def pictures():
    draw = np.random.default_rng(0)
    y = np.arange(96) % 3
    return wrap((draw.integers(0, 80, (96, 1, 16, 16)).astype(np.uint8) + (60 * y[:, None, None, None]).astype(np.uint8), y))


@given(st.integers(4, 500), st.floats(0.05, 0.99), st.floats(0, 1), st.floats(0, 1))
def test_sides_rise_to_the_whole(whole: int, start: float, one: float, other: float) -> None:
    early, late = (side_at(whole, start, done) for done in sorted((one, other)))
    assert start * whole - 1e-6 <= early <= late <= whole
    assert side_at(whole, start, 0.75) == whole


def test_each_step_sees_its_size_and_validation_the_whole_one() -> None:
    seen: list[tuple[int, bool]] = []
    program = compile_program(recipe(model=RESNET, progressive_resizing=0.5, steps=12, doctor="off"), pictures())
    program.network.register_forward_pre_hook(lambda net, x: seen.append((x[0].shape[-1], net.training)))
    fit(recipe(progressive_resizing=0.5, steps=12, validate_every=12, doctor="off"), pictures(), network=program.network)
    training = [side for side, trains in seen if trains]
    assert training[-12:] == [8, 12, 12, 12, 12, 16, 16, 16, 16, 16, 16, 16]
    assert {side for side, trains in seen[-2:] if not trains} == {16}


def test_a_growing_run_continues_to_the_same_bits() -> None:
    chosen = recipe(model=RESNET, progressive_resizing=0.5, steps=10, augment=["flip"], doctor="off")
    grown = check_resume(chosen, pictures())
    assert not same_bits(grown, fit(chosen.but(progressive_resizing=0.0), pictures()))


def test_growing_runs_are_not_stacked_and_end_as_they_do_alone() -> None:
    chosen = recipe(model=RESNET, progressive_resizing=0.5, steps=4, doctor="off")
    programs = [compile_program(chosen, pictures(), seed=seed) for seed in (0, 1)]
    assert groups(programs) == [[0], [1]]
    first, _ = fit_many(chosen, pictures(), seeds=[0, 1])
    assert same_bits(first, fit(chosen, pictures()))


def test_what_cannot_grow_is_refused() -> None:
    flat = recipe(model={"name": "cnn", "width": 4, "head": "flatten"}, progressive_resizing=0.5)
    with pytest.raises(CompileError, match=r"does not take pictures of 8 x 8 pixels.*Choose resnet"):
        compile_program(flat, pictures())
    with pytest.raises(RecipeError, match="for networks that judge pictures"):
        compile_program(recipe(model="mlp", progressive_resizing=0.5), numbers())
    with pytest.raises(RecipeError, match="compile a step for every size"):
        compile_program(recipe(model=RESNET, progressive_resizing=0.5, compile="on"), pictures())


def test_the_first_pass_goes_from_short_to_long_and_every_pass_sees_every_row() -> None:
    of = torch.tensor([5, 2, 9, 2, 7, 1, 3])
    stream = RowStream(torch.arange(7), seed=3, lengths=Lengths(of, 2, rising=True))
    first = stream.between(0, 7)
    assert of[first].tolist() == sorted(of.tolist())
    plain = RowStream(torch.arange(7), seed=3, lengths=Lengths(of, 2))
    assert torch.equal(stream.between(7, 21), plain.between(7, 21))
    assert sorted(stream.between(7, 14).tolist()) == list(range(7))


def test_a_curriculum_over_texts_trains_and_continues(tmp_path: Path) -> None:
    chosen = recipe(model={"name": "textcnn", "width": 4, "maps": 4}, sampling="curriculum", steps=8, doctor="off")
    lengths = [
        int((x[0] > 0).sum(1).float().mean())
        for x, _ in map(build_batches(compile_program(chosen, reviews())).__getitem__, range(3))
    ]
    assert lengths == sorted(lengths)
    check_resume(chosen, reviews())
    with pytest.raises(RecipeError, match="need texts"):
        fit(recipe(model="mlp", sampling="curriculum"), numbers())
