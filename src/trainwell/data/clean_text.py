"""Texts as people mean them: without control characters, markup and doubled spaces, in one form of Unicode."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from functools import cache

#: Characters of scripts that are written without spaces between words: Thai to Khmer, Han, Kana, Bopomofo.
SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
#: Names of HTML's elements that texts copied from pages carry.
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|link|meta|ol|p|pre|q|s|script"
    r"|small|span|strike|strong|style|sub|sup|table|tbody|td|th|thead|title|tr|tt|u|ul)\b[^<>]*>|<!--.*?-->",
    re.IGNORECASE | re.DOTALL,
)
_CODE = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
#: Control characters, marks of reading direction, zero-width spaces, halves of surrogates and the byte order mark; not the
#: joiners that hold emoji and Indic letters together.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff\ufeff]"
)
_SPACES = re.compile(r"\s+")
_SPACELESS = re.compile(f"[{SPACELESS}]")


def plain_text(text: str) -> str:
    """A text without markup, control characters and doubled spaces, in Unicode's compatible composed form (NFKC).

    Example:
        >>> plain_text("Ｇood&amp;cheap<br />\\u200b  Café")
        'Good&cheap Café'
    """
    if "<" in text:
        text = _TAG.sub(" ", _CODE.sub(" ", text))
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = _CONTROL.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _SPACES.sub(" ", text).strip()


#: What may be odd about a text, as the card says it, and how it is seen.
ODD = {
    "control": ("hold control or invisible characters, which were taken out", _CONTROL),
    "markup": ("hold HTML markup, which was taken out", re.compile(f"{_TAG.pattern}|{_ENTITY.pattern}", _TAG.flags)),
    "broken": ("hold characters that a wrong encoding has spoilt; they were kept", re.compile(r"\ufffd|Ã[\x80-\xbf]|â€")),
}


def spaceless_share(texts: Iterable[str]) -> float:
    """The share of the letters that belong to scripts without spaces between words.

    Example:
        >>> spaceless_share(["很好 ok"])
        0.5
    """
    letters = spaceless = 0
    for text in texts:
        spaceless += len(_SPACELESS.findall(text))
        letters += sum(map(str.isalpha, text))
    return min(1.0, spaceless / letters) if letters else 0.0


def script_of(text: str) -> str:
    """The script of most letters of a text: Latin, Cyrillic, Cjk, …; "" where it has none.

    Example:
        >>> script_of("Привет!"), script_of("很好"), script_of("12 :)")
        ('Cyrillic', 'Chinese', '')
    """
    counts: dict[str, int] = {}
    for letter in text[:200]:
        if script := _script(letter):
            counts[script] = counts.get(script, 0) + 1
    return max(counts, key=lambda script: counts[script], default="")


@cache
def _script(letter: str) -> str:
    if not letter.isalpha():
        return ""
    word = unicodedata.name(letter, "").split(" ")[0].split("-")[0].capitalize()
    return {"Cjk": "Chinese", "Hiragana": "Japanese", "Katakana": "Japanese"}.get(word, word)
