"""Networks for texts: padding says nothing, order matters where it should, other inputs are joined."""

from __future__ import annotations

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from trainwell.core.errors import CompileError
from trainwell.core.shape import Input, Shape
from trainwell.models.adaptive import adapt
from trainwell.models.build import build
from trainwell.models.ngrams import NgramBag, ngrams
from trainwell.models.rnn import reversed_texts

LENGTH, SIZE = 12, 40
TEXT = Input("text", "text", (LENGTH,), (SIZE,), ("review",), "int32", tokens="words")
NAMES = ("bag_of_ngrams", "textcnn", "text_team", "rnn", "text_transformer")


def texts(rows: int, length: int = LENGTH, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(1, SIZE, (rows, length), generator=generator, dtype=torch.int32)
    return torch.where(torch.arange(length) < torch.randint(0, length, (rows, 1), generator=generator), codes, 0)


def network(name: str, shape: Shape) -> torch.nn.Module:
    torch.default_generator.manual_seed(0)
    made = build(name, shape, 3, {"buckets": 512} if name in ("bag_of_ngrams", "text_team") else {})
    adapt(made, tuple(texts(64) if i.kind == "text" else torch.randn(64, *i.shape) for i in shape.inputs))
    return made.eval()


@pytest.mark.parametrize("name", NAMES)
def test_padding_changes_nothing_but_the_last_bits(name: str) -> None:
    made, codes = network(name, Shape((TEXT,))), texts(8)
    used = int((codes != 0).sum(1).max())
    with torch.no_grad():
        torch.testing.assert_close(made(codes[:, :used]), made(codes), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_text_has_a_finite_answer(name: str) -> None:
    made = network(name, Shape((TEXT,)))
    with torch.no_grad():
        assert torch.isfinite(made(torch.zeros(2, 1, dtype=torch.int32))).all()


@pytest.mark.parametrize("name", NAMES)
def test_other_inputs_are_joined(name: str) -> None:
    shape = Shape((Input("number", "number", (2,)), TEXT))
    made, codes = network(name, shape), texts(4)
    with torch.no_grad():
        one, other = made(torch.zeros(4, 2), codes), made(torch.ones(4, 2), codes)
    assert (one != other).any(-1).all()


@pytest.mark.parametrize("name", NAMES)
def test_data_without_texts_are_refused(name: str) -> None:
    with pytest.raises(CompileError, match=r"takes texts, however the data have: number.*columns.NAME=text"):
        build(name, Shape((Input("number", "number", (2,)),)), 3, {})


def test_bags_forget_the_order_of_words_and_convolutions_do_not() -> None:
    codes = torch.tensor([[3, 4, 5, 6, 7, 8]], dtype=torch.int32)
    words = Shape((Input("text", "text", (6,), (SIZE,), ("review",), "int32", tokens="words"),))
    bag = build("bag_of_ngrams", words, 3, {"words": 1})
    adapt(bag, (codes,))
    with torch.no_grad():
        torch.testing.assert_close(bag(codes), bag(codes.flip(1)))
        made = network("textcnn", words)
        assert not torch.allclose(made(codes), made(codes.flip(1)))


def test_ngrams_count_what_scikit_learn_counts() -> None:
    codes = texts(50)
    documents = [" ".join(f"w{c}" for c in row if c) for row in codes.tolist()]
    counted = TfidfVectorizer(ngram_range=(2, 3), token_pattern=r"\S+", use_idf=False, norm=None).fit_transform(documents)
    found = ngrams(codes, 2, 3, 1 << 22)
    assert [len(set(row) - {0}) for row in found.tolist()] == [row.nnz for row in counted]
    assert (found != 0).sum().item() == counted.sum()


def test_bag_weighs_like_tfidf_where_no_ngram_repeats() -> None:
    codes = torch.stack([torch.randperm(SIZE - 1)[:6] + 1 for _ in range(30)])
    documents = [" ".join(f"w{c}" for c in row) for row in codes.tolist()]
    tfidf = TfidfVectorizer(token_pattern=r"\S+").fit(documents)
    bag = NgramBag(1, 1, buckets=1 << 16, half=0.0)
    bag.fit(codes)
    places = {f"w{c}": int(ngrams(torch.tensor([[c]]), 1, 1, 1 << 16)) for c in range(1, SIZE)}
    with torch.no_grad():
        bag.table.weight.zero_()
        for word, weight in zip(tfidf.get_feature_names_out(), torch.linspace(-1, 1, len(tfidf.vocabulary_)), strict=True):
            bag.table.weight[places[word]] = weight / 12
        expected = tfidf.transform(documents) @ torch.linspace(-1, 1, len(tfidf.vocabulary_)).numpy()
        torch.testing.assert_close(bag(codes)[:, 0], torch.from_numpy(expected).float(), rtol=1e-4, atol=1e-5)


def test_unseen_ngrams_say_nothing() -> None:
    bag = NgramBag(2, 4, buckets=1 << 16, start=1.0)
    bag.fit(torch.tensor([[5, 6], [5, 7]]))
    with torch.no_grad():
        assert not bag(torch.tensor([[30, 31]])).any()
        assert bag(torch.tensor([[5, 31]])).any()


def test_reversed_texts_turn_back() -> None:
    codes = texts(20)
    assert torch.equal(reversed_texts(reversed_texts(codes)), codes)
