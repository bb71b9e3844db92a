"""The Chinese README says what the English one says: the same commands, pictures, chapters and measurements."""

from __future__ import annotations

import re

from house.blocks import blocks_of
from house.tree import ROOT

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"


def test_the_commands_are_the_same() -> None:
    assert [block.code for block in blocks_of(ENGLISH)] == [block.code for block in blocks_of(CHINESE)]


def test_chapters_pictures_and_measurements_are_as_many() -> None:
    for pattern in (r"^## ", r"^!\[", r"^\| "):
        counts = [len(re.findall(pattern, page.read_text(encoding="utf-8"), re.MULTILINE)) for page in (ENGLISH, CHINESE)]
        assert counts[0] == counts[1], f"{pattern!r} stands {counts[0]} times in English and {counts[1]} times in Chinese"


def test_the_measured_numbers_are_the_same() -> None:
    def numbers(text: str) -> list[str]:
        return re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?|\.\d+", "\n".join(re.findall(r"^\| .*$", text, re.MULTILINE)))

    assert numbers(ENGLISH.read_text(encoding="utf-8")) == numbers(CHINESE.read_text(encoding="utf-8"))
