"""One tree of errors; each says what, where and what to do, and survives being sent between processes."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainwell.core import errors
from trainwell.core.errors import TrainwellError, UsageError, did_you_mean

KINDS = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, TrainwellError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_drawn_in_the_tree_and_described(kind):
    assert kind.__doc__
    assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_in_the_docstring_has_the_parents_of_the_classes(kind):
    lines = [line for line in errors.__doc__.splitlines() if any(line.strip("│├└─ ").startswith(k.__name__) for k in KINDS)]
    depth = {line.strip("│├└─ ").split()[0]: len(line) - len(line.lstrip("│├└─ ")) for line in lines}
    parent = kind.__mro__[1]
    if parent is not Exception:
        assert depth[kind.__name__] == depth[parent.__name__] + 4 or parent is TrainwellError


def test_the_sentence_has_where_what_and_remedy_and_leaves_out_what_is_empty():
    full = TrainwellError("the file is empty", where="a.csv", remedy="Give a file with rows.")
    assert str(full) == "a.csv: the file is empty. Give a file with rows."
    assert str(TrainwellError("the file is empty")) == "the file is empty"


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_says_the_same(kind):
    error = kind("what", where="where", remedy="Do it.")
    again = copy.copy(error)
    assert type(again) is kind
    assert (again.what, again.where, again.remedy, str(again)) == (error.what, error.where, error.remedy, str(error))


def test_an_error_of_a_worker_process_arrives_whole():
    error = pickle.loads(pickle.dumps(UsageError("no verb", where="argv", remedy="Give one.")))
    assert type(error) is UsageError
    assert str(error) == "argv: no verb. Give one."


def test_exit_codes_are_one_for_a_refusal_and_two_for_wrong_usage():
    assert {k.exit_code for k in KINDS if not issubclass(k, UsageError)} == {1}
    assert UsageError.exit_code == 2


@given(st.lists(st.text("abcdefgh_", min_size=4, max_size=12), min_size=1, max_size=20, unique=True), st.data())
def test_a_name_with_one_letter_missing_is_suggested(known, data):
    name = data.draw(st.sampled_from(known))
    cut = data.draw(st.integers(0, len(name) - 1))
    said = did_you_mean(name[:cut] + name[cut + 1 :], known)
    assert said.startswith("Did you mean")


def test_nothing_close_lists_what_is_known_and_stops_at_thirty():
    assert did_you_mean("zzz", ["adamw", "sgd"]) == "Known: adamw, sgd."
    assert did_you_mean("zzz", [f"n{i:03}" for i in range(99)]).endswith("n029, ….")
    assert did_you_mean("zzz", []) == ""
