"""The lab's words, in English and Chinese."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from trainwell.core.i18n import Language


@cache
def texts() -> dict[str, dict[str, Any]]:
    """Everything that `texts.yaml` holds."""
    import yaml

    found: dict[str, dict[str, Any]] = yaml.safe_load(
        files("trainwell.study.lab").joinpath("texts.yaml").read_text(encoding="utf-8")
    )
    return found


def word(kind: str, name: str, language: Language) -> str:
    """A word of the lab: of the kinds `words`, `measures` and `numbers`.

    Example:
        >>> word("words", "holds", "en"), word("words", "holds", "zh")
        ('holds', '成立')
    """
    return str(texts()[kind][name][language])


def told(claim: str, part: str, language: Language) -> str:
    """A text of a claim: its `title`, `claim`, `here` or `limit`.

    Example:
        >>> told("adam-beats-sgd", "title", "en")
        'Adam beats SGD'
    """
    return str(texts()["claims"][claim][part][language])
