"""Killed at random instants, a training of pictures and one of a table end with the bits of the undisturbed ones."""

from __future__ import annotations

import pytest

from trainwell.core.recipe import Recipe
from trainwell.train.verify_resume import verify

FIXED = {"threads": 1, "memory_format": "channels_last", "epochs": 4, "clip_norm": 1.0, "ema": 0.99}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("digits", {"augment": ["rotate", "crop", "mixup"], "model": {"name": "resnet", "width": 8, "dropout": 0.1}}),
        ("breast_cancer", {"schedule": "plateau", "sampling": "balanced", "optimizer": "sgd", "l1": 1e-5, "max_norm": 4.0}),
    ],
)
def test_kills_change_no_bit(source: str, changes: dict) -> None:
    said: list[str] = []
    outcome = verify(source, Recipe(**FIXED, **changes), kills=6, seed=1, say=said.append)
    assert outcome.kills == 6
    assert outcome.damaged == 0
    assert outcome.same, said
