"""Changes of texts: what stays, what moves, and that the same step changes the same way."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainwell.core.errors import RecipeError, UnknownName
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.lexicon import read_groups
from trainwell.data.augment.registry import edits
from trainwell.data.augment.text import build_edits
from trainwell.data.load import load
from trainwell.data.tokens import padded
from trainwell.train.fit import fit

TOKENS = tuple("abcdefgh")
ROWS = st.lists(st.lists(st.integers(1, 9), max_size=8), min_size=1, max_size=6)


def options(name: str, share: float, tmp_path) -> dict[str, object]:
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("a b c\nd,e\n")
    own = {"synonyms": {"lexicon": str(lexicon)}, "neighbours": {"run": str(tmp_path / "run")}}
    return {"share": share} | own.get(name, {})


def change(name: str, codes: Tensor, seed: int, **given: object) -> Tensor:
    return edits.bind(name, given)(codes.clone(), Draw(torch.Generator().manual_seed(seed)), TOKENS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("lexicon")
    texts = [" ".join(TOKENS[i % 8] for i in range(start, start + 6)) for start in range(40)]
    recipe = Recipe(
        target="like", model="textcnn", epochs=1, threads=1, columns={"text": "text"}, prepare={"tokens": "words", "rare": 1}
    )
    data = load({"text": texts, "like": ["yes", "no"] * 20}, recipe=recipe)
    run = fit(recipe, data, folder=place / "run", observers=[lambda _: None])
    # Vectors that say who is near whom: neighbours in the alphabet.
    weights = load_file(place / "run" / "weights.safetensors")
    (name,) = [n for n in weights if n.endswith("tokens.table.weight")]
    order = torch.tensor([0, 0, *(ord(token) - ord("a") + 1 for token in run.preparation.texts()[0][1])]).float()
    angles = (order / 10)[:, None]
    weights[name] = torch.cat([angles.cos(), angles.sin()], 1)
    save_file(weights, place / "run" / "weights.safetensors")
    return place


@pytest.mark.parametrize("name", edits.names())
@given(rows=ROWS, share=st.floats(0, 0.5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_text_stays_a_text(name: str, rows: list[list[int]], share: float, seed: int, folder) -> None:
    codes = torch.from_numpy(padded(rows, 9))
    out = change(name, codes, seed, **options(name, share, folder))
    assert (out.shape, out.dtype) == (codes.shape, codes.dtype)
    filled = out != 0
    assert torch.equal(filled.any(1), (codes != 0).any(1))
    assert not (filled[:, 1:] & ~filled[:, :-1]).any()  # padding stands behind the text


@pytest.mark.parametrize("name", edits.names())
def test_a_share_of_zero_changes_nothing_and_padding_does_not_matter(name: str, folder) -> None:
    codes = torch.from_numpy(padded([[2, 3, 4, 5], [6, 7], []], 6))
    assert torch.equal(change(name, codes, 0, **options(name, 0.0, folder)), codes)
    wide = torch.nn.functional.pad(codes, (0, 5))
    given = options(name, 0.4, folder)
    narrow, roomy = change(name, codes, 3, **given), change(name, wide, 3, **given)
    assert torch.equal(roomy[:, :6], narrow)


def test_what_each_change_keeps(folder) -> None:
    codes = torch.arange(2, 10, dtype=torch.int32).repeat(500, 1)
    assert (change("delete", codes, 0, share=0.25) != 0).float().mean() == pytest.approx(0.75, abs=0.02)
    swapped = change("swap", codes, 0, share=0.2)
    assert torch.equal(swapped.sort(1).values, codes)
    assert (swapped != codes).float().mean() == pytest.approx(2 * 0.2 * 7 / 8, abs=0.06)
    assert (change("forget", codes, 0, share=0.3) == 1).float().mean() == pytest.approx(0.3, abs=0.02)
    replaced = change("synonyms", codes, 0, **options("synonyms", 1.0, folder))
    assert set(replaced[:, 0].tolist()) == {3, 4}  # a becomes b or c
    assert torch.equal(replaced[:, 5:], codes[:, 5:])  # f to h have no synonym


def test_neighbours_are_the_nearest_vectors(folder) -> None:
    codes = torch.arange(2, 10, dtype=torch.int32).repeat(300, 1)
    replaced = change("neighbours", codes, 0, **options("neighbours", 1.0, folder), most=2)
    assert set(replaced[:, 0].tolist()) == {3, 4}  # a becomes b or c
    assert set(replaced[:, 3].tolist()) == {4, 6}  # d becomes c or e
    with pytest.raises(RecipeError, match="no trained run"):
        change("neighbours", codes, 0, run="/nowhere")


def test_chinese_words_are_found_among_letters_the_longest_first(tmp_path) -> None:
    (tmp_path / "zh.txt").write_text("# remark\n好吃 美味\n很好吃 真美味\n服务 招待\n", encoding="utf-8")
    letters = tuple("好吃美味很真服务招待不的")
    code = {letter: place for place, letter in enumerate(letters, start=2)}
    texts = ["服务不好吃的", "很好吃", "好好吃", "吃的"]
    codes = torch.from_numpy(padded([[code[letter] for letter in text] for text in texts], 8))
    draw = Draw(torch.Generator().manual_seed(0))
    out = edits.bind("synonyms", {"lexicon": str(tmp_path / "zh.txt"), "share": 1.0})(codes, draw, letters)
    table = ["", "?", *letters]
    assert ["".join(table[c] for c in row) for row in out.tolist()] == ["招待不美味的", "真美味", "好美味", "吃的"]


def test_the_bundled_lexicons_have_groups_of_different_words() -> None:
    groups = [group for group in read_groups("bundled") if group]
    assert all(len(group) == len(set(group)) >= 2 for group in groups)
    chinese = [group for group in groups if not group[0].isascii()]
    assert len(chinese) > 200
    assert all(len({len(word) for word in group}) == 1 for group in chinese)


def test_the_same_step_gives_the_same_bits_and_texts_are_changed_apart() -> None:
    codes = torch.arange(2, 10, dtype=torch.int32).repeat(20, 1)
    augment = build_edits([Part.of({"name": "delete", "share": 0.3})], [(0, TOKENS), (2, ())], seed=1)
    numbers, target = torch.ones(20, 1), torch.zeros(20)
    first, second, other = (augment((codes, numbers, codes), target, step)[0] for step in (4, 4, 5))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], first[2])
    assert first[1] is numbers


def test_wrong_names_and_values_speak_at_once() -> None:
    with pytest.raises(UnknownName, match="delete"):
        build_edits([Part.of("delet")], [(0, ())], seed=0)
    with pytest.raises(RecipeError, match=r"share of swaps must lie in \[0, 0.5\]"):
        build_edits([Part.of({"name": "swap", "share": -1.0})], [(0, ())], seed=0)
    with pytest.raises(RecipeError, match="cannot be read"):
        build_edits([Part.of({"name": "synonyms", "lexicon": "/nowhere/x.txt"})], [(0, ("a",))], seed=0)
