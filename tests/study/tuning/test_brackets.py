"""Batches cover every candidate once; halving keeps what its authors say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.study.tuning.brackets import Brackets, shortened


@given(st.integers(1, 30), st.integers(1, 4), st.integers(2, 4), st.booleans(), st.integers(1, 60))
def test_batches_cover_every_candidate_once(size, rungs, keep, mixed, trials):
    brackets = Brackets(size, rungs, keep, mixed)
    numbers = [n for batch in range(brackets.count(trials)) for n in brackets.members(batch)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= trials
    assert brackets.whole(trials) in (trials, len(numbers))
    assert all(n in brackets.members(brackets.batch_of(n)) for n in numbers)


def test_hyperbands_brackets_are_those_of_the_paper():
    """Li et al., algorithm 1, with R=81 and eta=3: ceil(5 * 3**s / (s + 1)) candidates for s from 4 down to 0."""
    brackets = Brackets(81, rungs=5, keep=3, mixed=True)
    assert [brackets.size_of(batch) for batch in range(5)] == [81, 34, 15, 8, 5]
    assert [list(brackets.ladder(batch, brackets.size_of(batch))) for batch in (0, 2, 4)] == [
        [(0, 81), (1, 27), (2, 9), (3, 3), (4, 1)],
        [(2, 15), (3, 5), (4, 1)],
        [(4, 5)],
    ]
    assert [brackets.fraction(rung) for rung in range(5)] == pytest.approx([1 / 81, 1 / 27, 1 / 9, 1 / 3, 1])


@given(st.integers(1, 50), st.integers(1, 5), st.integers(2, 4))
def test_a_ladder_ends_with_the_whole_budget_and_somebody_left(n, rungs, keep):
    steps = list(Brackets(n, rungs, keep).ladder(0, n))
    assert steps[0] == (0, n)
    assert steps[-1][0] == rungs - 1
    assert all(1 <= b[1] <= a[1] for a, b in pairwise(steps))


def test_a_short_training_is_whole_in_itself():
    recipe = Recipe(epochs=9, learning_rate=0.1, schedule="cosine")
    assert shortened(recipe, 1 / 3).diff(recipe) == {"epochs": (3.0, 9.0)}
    assert shortened(recipe, 1.0) is recipe
    assert shortened(Recipe(steps=10), 1 / 9).steps == 2


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 3, "rungs": 0}, {"size": 3, "keep": 1}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError, match="must be at least"):
        Brackets(**wrong)
