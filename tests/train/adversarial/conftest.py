"""What the tests of networks that make pictures share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of this module's own, so that nothing decoded or judged before is found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINWELL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
