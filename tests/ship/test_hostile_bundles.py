"""Bundles that were tampered with: refused with a sentence, or, with digests made right again, opened as plain data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from trainwell.ship.bundle import bundle
from trainwell.train.run import Run

SCRIPT = Path(__file__).parents[2] / "scripts" / "mutate_bundles.py"


@pytest.fixture(scope="module")
def mutate():
    spec = importlib.util.spec_from_file_location("mutate_bundles", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_changed_bytes_are_refused(mutate, run: Run, tmp_path: Path):
    path = bundle(run, tmp_path / "people.tw")
    found = mutate.attack(path, 2_000, mutate.bytes_changed, tmp_path / "changed.tw")
    assert found.refused == 2_000
    assert found.opened == 0
    assert found.worst_memory <= 2 * path.stat().st_size + (64 << 20)


def test_changed_content_under_right_digests_runs_nothing(mutate, run: Run, tmp_path: Path):
    path = bundle(run, tmp_path / "people.tw")
    found = mutate.attack(path, 400, mutate.content_changed, tmp_path / "changed.tw")
    assert found.refused + found.opened == 400
    assert found.refused > 100
    assert found.worst_memory <= 2 * path.stat().st_size + (64 << 20)
