"""Near-duplicates against a comparison of all pairs, and what becomes of them in a split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.data.near_duplicates import ALIKE, FEWEST_LETTERS, PASSAGE, joined, near_repeats

WORDS = ["soup", "waiter", "cold", "lovely", "place", "never", "again", "evening", "friends", "table", "music", "loud"]


def stories(n: int, seed: int = 0, words: int = 14) -> list[str]:
    """Texts of random words, every third of which repeats an earlier one but for a word."""
    draw, out = np.random.default_rng(seed), list[str]()
    for i in range(n):
        if i % 3 == 2:
            tokens = out[int(draw.integers(i))].split()
            tokens[int(draw.integers(len(tokens)))] = "really"
        else:
            tokens = draw.choice(WORDS, words).tolist()
        out.append(" ".join(tokens))
    return out


def in_common(a: str, b: str) -> float:
    one, other = ({t[i : i + PASSAGE] for i in range(len(t) - PASSAGE + 1)} for t in (a, b))
    return len(one & other) / len(one | other)


def test_pairs_are_those_of_comparing_all() -> None:
    texts = stories(150, words=20)
    groups = near_repeats(texts)
    wanted = [(i, j) for j in range(len(texts)) for i in range(j) if in_common(texts[i], texts[j]) >= ALIKE]
    assert len(wanted) > 30
    found = sum(groups[i] == groups[j] for i, j in wanted)
    assert found >= 0.95 * len(wanted)
    # What is put together is together through texts that are alike.
    linked = joined(np.arange(len(texts)), np.arange(len(texts)))
    for i, j in wanted:
        linked = np.where(linked == linked[j], linked[i], linked)
    for place, first in enumerate(groups):
        assert linked[place] == linked[first]


@given(st.lists(st.text(max_size=40), max_size=12))
@settings(max_examples=60)
def test_any_texts_have_a_first_one_that_is_its_own(texts: list[str]) -> None:
    groups = near_repeats(texts)
    assert (groups <= np.arange(len(texts))).all()
    assert (groups[groups] == groups).all()
    for i, text in enumerate(texts):
        if len(text) >= FEWEST_LETTERS and text.isalnum():
            assert groups[i] == groups[texts.index(text)]


def table(n: int = 90) -> dict[str, list[str]]:
    return {"review": stories(n), "liked": ["yes", "no", "no", "yes", "yes"] * (n // 5)}


def parts_of(data, groups: np.ndarray) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for part, rows in data.rows.items():
        for row in rows:
            found.setdefault(int(groups[row]), set()).add(part)
    return found


def test_near_duplicates_stay_in_one_part() -> None:
    rows = table()
    groups = near_repeats(rows["review"])
    data = load(rows, target="liked", recipe=Recipe(columns={"review": "text"}))
    assert all(len(parts) == 1 for parts in parts_of(data, groups).values())
    (check,) = [c for c in data.card.checks if c.code == "near_duplicates"]
    assert check.verdict == "WARN"
    assert check.count == int((groups != np.arange(len(groups))).sum())
    apart = data.under(data.recipe.but(prepare__near_duplicates="keep"))
    assert any(len(parts) > 1 for parts in parts_of(apart, groups).values())
    assert [c for c in apart.card.checks if c.code == "near_straddle"]


def test_dropping_keeps_the_first_and_clears_given_test_rows() -> None:
    rows = table()
    groups = near_repeats(rows["review"])
    recipe = Recipe(columns={"review": "text"}, prepare={"near_duplicates": "drop"})
    data = load(rows, target="liked", recipe=recipe)
    kept = np.sort(np.concatenate(list(data.rows.values())))
    assert kept.tolist() == np.flatnonzero(groups == np.arange(len(groups))).tolist()
    half = {name: cells[:45] for name, cells in rows.items()}, {name: cells[45:] for name, cells in rows.items()}
    given_parts = load(half[0], target="liked", recipe=recipe, test=half[1])
    assert not [c for c in given_parts.card.checks if c.code == "near_straddle"]
    told = load(half[0], target="liked", recipe=recipe.but(prepare__near_duplicates="auto"), test=half[1])
    assert [c for c in told.card.checks if c.code == "near_straddle"]


@pytest.mark.parametrize("cells", [["Thanks for your order number 12345, it will be with you soon, dear customer"] * 40])
def test_texts_that_are_a_form_are_left_apart(cells: list[str]) -> None:
    cells = [f"{cell} {chr(97 + i % 26)}{i}" for i, cell in enumerate(cells)]
    data = load({"mail": cells, "spam": ["yes", "no"] * 20}, target="spam", recipe=Recipe(columns={"mail": "text"}))
    assert len(data.rows["test"]) == 8
    assert "a form rather than copied" in next(c.text for c in data.card.checks if c.code == "near_duplicates")
