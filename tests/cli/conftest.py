"""One trained run that the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import TINY, Said, done, people


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("table") / "people.csv")


@pytest.fixture(scope="session")
def fitted(table: Path) -> tuple[Path, Said]:
    """A run folder and what `trainwell fit` said while it made it."""
    folder = table.parent / "runs" / "first"
    return folder, done("fit", table, "--target", "income", "--out", folder, *TINY, "epochs=3", "lr=0.01")


@pytest.fixture
def run(fitted: tuple[Path, Said]) -> Path:
    return fitted[0]
