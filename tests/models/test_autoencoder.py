"""An autoencoder: codes of any small picture, pictures of any code, drawn where the codes of real ones lie."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.errors import CompileError, RecipeError
from trainwell.core.shape import Input, Shape
from trainwell.models.autoencoder import Autoencoder
from trainwell.models.build import build


def network(size: tuple[int, int, int] = (1, 8, 8), n_out: int = 3, **options: object) -> Autoencoder:
    torch.default_generator.manual_seed(0)
    made = build("autoencoder", Shape((Input("picture", "picture", size),)), n_out, {"code": 5, "width": 4} | options)
    assert isinstance(made, Autoencoder)
    return made


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(4, 40), st.integers(4, 40), st.integers(1, 4))
def test_pictures_of_any_size_have_codes_and_codes_have_pictures(channels, height, width, classes):
    found = network((channels, height, width), classes)
    pictures, codes = torch.rand(3, channels, height, width), torch.arange(3) % classes
    assert found(pictures).shape == (3, 5)
    for made in (found.make(torch.randn(3, 5), codes).detach(), found.again(pictures, codes).detach()):
        assert made.shape == pictures.shape
        assert 0 <= float(made.min()) <= float(made.max()) <= 1


def test_without_classes_the_class_changes_no_picture():
    noise, codes = torch.randn(2, 5), (torch.tensor([0, 0]), torch.tensor([2, 1]))
    plain = network(n_out=1).eval()
    assert plain.classes == network(conditional=False).classes == 1
    told = network().eval()
    assert not torch.equal(told.make(noise, codes[0]), told.make(noise, codes[1]))


def test_new_codes_are_drawn_where_those_of_each_class_were_seen():
    found, draw = network(), torch.Generator().manual_seed(1)
    scale = torch.tensor([[2.0, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0.5, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0.3, 0, 1]])
    for _ in range(400):
        codes = torch.randint(0, 2, (64,), generator=draw)  # the third class is never seen
        found.note(torch.randn(64, 5, generator=draw) @ scale.T + 3.0 * codes[:, None], codes)
    for code in (0, 1):
        torch.testing.assert_close(found.centre[code], torch.full((5,), 3.0 * code), atol=0.25, rtol=0)
        torch.testing.assert_close(found.spread[code], scale @ scale.T, atol=0.6, rtol=0.2)
    assert torch.equal(found.spread[2], torch.eye(5))
    seen: list[torch.Tensor] = []
    found.decode = lambda code, codes: seen.append(code) or code  # type: ignore[method-assign]
    found.make(torch.randn(20_000, 5, generator=draw), torch.ones(20_000, dtype=torch.int64))
    torch.testing.assert_close(seen[0].mean(0), found.centre[1], atol=0.06, rtol=0)
    torch.testing.assert_close(seen[0].T.cov(), found.spread[1], atol=0.1, rtol=0.1)


def test_codes_on_a_line_have_a_spread_too():
    found = network()
    line = torch.randn(4_000, 1, generator=torch.Generator().manual_seed(0)) * torch.tensor([[300.0, -200, 100, 0, 50]])
    for codes in line.split(100):
        found.note(codes, torch.zeros(100, dtype=torch.int64))
    assert torch.isfinite(found.scale()).all()


def test_every_weight_learns():
    found = network().train()
    mean, log_variance = found.encode(torch.rand(6, 1, 8, 8), torch.arange(6) % 3)
    (found.decode(mean + log_variance, torch.arange(6) % 3).square().sum() + mean.sum()).backward()
    assert [n for n, p in found.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_what_cannot_be_built_is_named():
    with pytest.raises(RecipeError, match="code"):
        network(code=0)
    with pytest.raises(CompileError, match="Pictures alone"):
        build("autoencoder", Shape((Input("number", "number", (5,)),)), 2)
