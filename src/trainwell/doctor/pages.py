"""A rule's docstring as data: code, one sentence, and the four headings that make its page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from trainwell.core.errors import UnknownName, did_you_mean
from trainwell.doctor.registry import diagnoses

HEADINGS = ("What it means", "Evidence", "Remedy", "Reference")
CHINESE = ("含义", "证据", "对策", "出处")
_HEADING = re.compile(rf"^({'|'.join(HEADINGS)}): *", re.MULTILINE)
_CODE = re.compile(r"(TW\d{3}): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """The page of one rule.

    Args:
        code: `TW104`.
        name: the rule's registered name.
        title: the pathology in one sentence.
        sections: heading → text.
    """

    code: str
    name: str
    title: str
    sections: dict[str, str]

    @property
    def remedy(self) -> str:
        """The first sentence of the remedy: what a finding says."""
        text = next(text for heading, text in self.sections.items() if heading in ("Remedy", "对策"))
        return re.split(r"(?<=\.)\s|(?<=。)", text, maxsplit=1)[0]

    def __str__(self) -> str:
        parts = [f"{heading}\n{text}" for heading, text in self.sections.items()]
        return "\n\n".join([f"{self.code} {self.name}: {self.title}", *parts])


def page_of(rule: Callable[..., Any]) -> Page:
    """The page that a rule's docstring holds.

    Example:
        >>> page_of(diagnoses["dead_relu"]).code
        'TW104'
    """
    text = (inspect.getdoc(rule) or "").split("\nArgs:\n")[0].split("\nExample:\n")[0]
    head, *parts = _HEADING.split(text)
    match = _CODE.match(head.strip())
    assert match, f"the docstring of {rule.__name__} must begin with its code"
    sections = {heading: " ".join(body.split()) for heading, body in zip(parts[::2], parts[1::2], strict=True)}
    return Page(match[1], rule.__name__, " ".join(match[2].split()), sections)


@cache
def pages() -> dict[str, Page]:
    """Every rule's page by code, in the order of the codes."""
    found = [page_of(diagnoses[name]) for name in diagnoses.names()]
    return {page.code: page for page in sorted(found, key=lambda p: p.code)}


@cache
def chinese_pages() -> dict[str, Page]:
    """The same pages in Chinese."""
    import yaml

    texts = yaml.safe_load(files("trainwell.doctor").joinpath("chinese.yaml").read_text(encoding="utf-8"))
    return {
        code: Page(code, page.name, texts[code]["title"], dict(zip(CHINESE, texts[code]["text"], strict=True)))
        for code, page in pages().items()
    }


def explain(word: str, *, language: Literal["en", "zh"] = "en") -> Page:
    """The page of a rule by its code or name.

    Args:
        word: `TW104` or `dead_relu`, in any case.
        language: `en` or `zh`.

    Raises:
        UnknownName: there is no such rule.

    Example:
        >>> explain("tw104").name
        'dead_relu'
    """
    known = pages() if language == "en" else chinese_pages()
    by_word = {code.lower(): page for code, page in known.items()} | {page.name: page for page in known.values()}
    page = by_word.get(word.lower())
    if page is None:
        raise UnknownName(
            f"there is no diagnosis {word!r}", remedy=did_you_mean(word, [*known, *(p.name for p in known.values())])
        )
    return page
