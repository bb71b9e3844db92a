"""The language in which the package speaks: English, or simplified Chinese.

Sentences are written in English where they arise, and kept so in files; whoever shows one asks for it in the language of the
reader. A catalogue is JSON, English to Chinese, with a `{name}` where a number or a name stands:
`"{n} of {all} rows were odd": "{all} 行中有 {n} 行异常"`. What stood there is put in as it is; `{name!}` is looked up too, and
`{name#}` takes numbers alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal, NamedTuple

from trainwell.core.errors import UsageError

Language = Literal["en", "zh"]
#: Asked in this order, as gettext asks them; the first one that is set decides.
VARIABLES = ("TRAINWELL_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_HOLE = re.compile(r"\{(\w*)([!#]?)\}")
#: What can stand in a hole: not the end of one sentence and the beginning of the next.
_INSIDE = {"": r"((?:(?![.;] |\n).)+?)", "!": r"((?:(?![.;] |\n).)+?)", "#": r"([-+±]?[\d.,]+%?(?:e[-+]?\d+)?|–|nan|-?inf)"}
#: Where one sentence ends and another begins.
_BREAK = re.compile(r"(?<=[.;])( |\n)|(\n)")


def language() -> Language:
    """The language spoken: `TRAINWELL_LANGUAGE` (en or zh), else that of the system; English where neither says Chinese.

    Example:
        >>> speak("en"), language()
        (None, 'en')
    """
    told = next((value for name in VARIABLES if (value := os.environ.get(name))), "en")
    return "zh" if told.lower().startswith("zh") else "en"


def speak(name: str) -> None:
    """Choose the language of everything that is shown from here on, in this process and those that it starts.

    Args:
        name: `en` or `zh`; a locale such as `zh_CN.UTF-8` will do.

    Raises:
        UsageError: it is another language.

    Example:
        >>> speak("zh"), spoken("Training"), speak("en"), spoken("Training")
        (None, '训练过程', None, 'Training')
    """
    if name.lower()[:2] not in ("en", "zh"):
        raise UsageError(f"trainwell does not speak {name!r}", remedy="Use en or zh.")
    os.environ[VARIABLES[0]] = name.lower()[:2]


def spoken(text: str) -> str:
    """A text in the language spoken; as it is where there is no Chinese for it.

    Example:
        >>> speak("en"), spoken("12 of 40 rows had something odd; see the column 'problem'")
        (None, "12 of 40 rows had something odd; see the column 'problem'")
    """
    return (chinese(text) or text) if language() == "zh" else text


class Template(NamedTuple):
    """An English sentence with holes, and its Chinese."""

    literal: str  # its longest piece without a hole: where this does not occur, nothing need be matched
    english: str
    chinese: str


@lru_cache(maxsize=4096)
def chinese(text: str) -> str | None:
    """A text in Chinese: as a whole, or sentence by sentence; None where nothing of it is known.

    Example:
        >>> chinese("Scores"), chinese("no such sentence")
        ('评分', None)
    """
    if not text.strip():
        return None
    lower = text[0].lower() + text[1:]  # the same words begin a line, or stand within one
    return _whole(text) or _whole(lower) or _by_sentence(text)


def _whole(text: str) -> str | None:
    known, templates = catalogue()
    if text in known:
        return known[text]
    for template in templates:
        if template.literal in text and (match := _pattern(template.english).fullmatch(text)):
            return _filled(template.chinese, match.groups())
    return None


def _filled(template: str, found: Sequence[str]) -> str:
    """Chinese with its holes filled; the names of the holes are places in what was found."""

    def fill(hole: re.Match[str]) -> str:
        piece = found[int(hole[1])]
        return (chinese(piece) or piece) if hole[2] == "!" else piece

    return _HOLE.sub(fill, template)


def _by_sentence(text: str) -> str | None:
    pieces = [piece for piece in _BREAK.split(text) if piece]
    if len(pieces) == 1:
        bare = text.rstrip(".;: ")
        found = chinese(bare) if bare != text and bare else None
        return found + {".": "。", ";": "；", ":": "："}.get(text.rstrip()[-1], "") if found else None
    said = [_piece(piece) for piece in pieces]
    if said == pieces:
        return None
    return re.sub(r"(?<=[。；]) ", "", "".join(said))


def _piece(text: str) -> str:
    """A sentence, or the half of one that a semicolon ends; that sign is no part of what stands in its last hole."""
    bare = text.removesuffix(";")
    found = chinese(bare)
    return text if found is None else f"{found}；" if bare != text else found


@cache
def catalogue() -> tuple[dict[str, str], list[Template]]:
    """Every text without holes, and the templates, those that say most by themselves first."""
    plain: dict[str, str] = {}
    holed: list[tuple[int, Template]] = []
    for english, translated in entries().items():
        if _HOLE.search(english):
            holed.append((len(_HOLE.sub("", english)), _template(english, translated)))
        else:
            plain[english] = translated
    return plain, [template for _, template in sorted(holed, key=lambda pair: -pair[0])]


@cache
def entries() -> dict[str, str]:
    """English → Chinese of all catalogues, as they are written."""
    found: dict[str, str] = {}
    for file in sorted(files("trainwell.core").joinpath("chinese").iterdir(), key=lambda f: f.name):
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def _template(english: str, translated: str) -> Template:
    names = [name for name, _ in _HOLE.findall(english)]
    numbered = _HOLE.sub(lambda hole: f"{{{names.index(hole[1])}{hole[2]}}}", translated)
    return Template(max(_HOLE.sub("\n", english).split("\n"), key=len), english, numbered)


@cache
def _pattern(english: str) -> re.Pattern[str]:
    """What a sentence with holes matches; compiled when its longest piece was met: all together take a tenth of a second."""
    first, *rest = _HOLE.split(english)
    pieces = zip(rest[1::3], rest[2::3], strict=True)  # the marks of the holes, and what stands behind each
    return re.compile(re.escape(first) + "".join(_INSIDE[mark] + re.escape(piece) for mark, piece in pieces))


def capital(text: str) -> str:
    """The text with a capital letter at its beginning; the rest as it is.

    Example:
        >>> capital("the rate of AdamW is high")
        'The rate of AdamW is high'
    """
    return text[:1].upper() + text[1:]
