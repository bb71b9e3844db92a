"""Which encoding a text is in, from its bytes alone."""

from __future__ import annotations

import re

import numpy as np

BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
HIGH_RUN = re.compile(rb"[\x80-\xff]+")
SAMPLE = 1 << 20
"""Bytes of non-ASCII text that the guess between code pages looks at."""


def guess_encoding(data: bytes) -> str:
    """The encoding of `data`: a byte order mark, else UTF-16 by its zeros, else UTF-8 if valid, else GB18030 or Windows-1252.

    Chinese in GB18030 comes in pairs of high bytes whose first one is mostly below 0xD8 (the frequent characters); Western text
    has lone high bytes. Windows-1252 falls back to Latin-1 where it has no character.

    Example:
        >>> guess_encoding("café, naïve".encode("cp1252")), guess_encoding("很快，好吃".encode("gb18030"))
        ('cp1252', 'gb18030')
    """
    for mark, name in BOMS:
        if data.startswith(mark):
            return name
    if wide := _utf16_without_mark(data[:4096]):
        return wide
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    if _mostly_utf8(data):
        return "utf-8 with errors"
    return "gb18030" if _looks_chinese(data) else _western(data)


def _utf16_without_mark(head: bytes) -> str:
    codes = np.frombuffer(head[: len(head) // 2 * 2], np.uint8).reshape(-1, 2)
    if len(codes) < 4:
        return ""
    zeros = (codes == 0).mean(0)
    if zeros[1] > 0.7 and zeros[0] < 0.1:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > 0.7 and zeros[1] < 0.1 else ""


def _mostly_utf8(data: bytes) -> bool:
    """Valid multi-byte characters outnumber the broken bytes ten to one: UTF-8 with a few damaged places."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return len(data) - len(text) > 10 * broken and sum(ord(c) > 127 for c in text[:SAMPLE]) > 10 * broken


def _looks_chinese(data: bytes) -> bool:
    runs = HIGH_RUN.findall(data)[:20_000]
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return False
    paired = [run for run in runs if len(run) >= 2 and len(run) % 2 == 0]
    leads = np.frombuffer(b"".join(run[::2] for run in paired), np.uint8)
    share = sum(map(len, paired)) / max(1, sum(map(len, runs)))
    return share > 0.7 and bool(((leads >= 0xA1) & (leads <= 0xD7)).mean() > 0.6)


def _western(data: bytes) -> str:
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def decode(data: bytes, encoding: str) -> str:
    """`data` as text; only "utf-8 with errors" and a cut-off UTF-16 unit put replacement characters in.

    Example:
        >>> decode(b"caf\\xe9", "cp1252")
        'café'
    """
    if encoding == "utf-8 with errors":
        return data.decode("utf-8", "replace")
    return data.decode(encoding, "replace" if encoding.startswith("utf-16") else "strict")
