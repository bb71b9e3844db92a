"""Small trained networks, each trained once, and a server around one of them."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

import trainwell as tw
from ship.serve.kit import serving, table


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """Two classes from two numbers, a category and a yes/no column, in a folder."""
    folder = tmp_path_factory.mktemp("serve") / "rich"
    return tw.fit(tw.Recipe(model="mlp", epochs=3, preset="quick"), tw.load(table().drop("pay"), "class"), folder=folder)


@pytest.fixture(scope="session")
def regressor():
    """A number from the same columns, in memory."""
    return tw.fit(tw.Recipe(model="mlp", epochs=2, preset="quick"), tw.load(table().drop("class"), "pay"))


@pytest.fixture(scope="session")
def digits():
    """Ten classes of pictures of 8 x 8."""
    return tw.fit(tw.Recipe(model="cnn", epochs=1, preset="quick"), tw.load("digits"))


@pytest.fixture(scope="session")
def rich(classifier):
    """A client of the classifier's server."""
    with serving(classifier) as client:
        yield client
