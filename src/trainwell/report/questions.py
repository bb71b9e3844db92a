"""Which pages answer a question that names none of them: findings, verbs, recipe keys and registered names, by their words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from trainwell.core.i18n import chinese, language, spoken
from trainwell.doctor.pages import chinese_pages, pages
from trainwell.report.parts import REGISTRIES, recipe_keys, registry, summary_of

#: Pages that are named, and the share of the best one's score below which none is.
MOST, LEAST = 6, 0.5
#: What a word counts for in a name, in the sentence that is shown, and further down.
WEIGHTS = (4.0, 2.0, 1.0)
#: Words of questions that say nothing about what is asked.
EMPTY = re.compile(
    r"\b(?:a|an|and|are|can|could|do|does|for|from|get|give|have|how|i|if|in|is|it|its|make|me|my|not|of|on|or|so|some|that|the|there|"
    r"this|to|too|use|using|want|was|we|what|when|where|which|while|why|will|with|work|would|you|your)\b"
)
#: Words of the craft, and those by which the pages call the same.
CALLED = {
    "slow": "waiting faster", "deploy": "serve export bundle", "gpu": "device", "cuda": "device", "bad labels": "mislabelled",
    "pretrained": "init_from transfer", "fine-tun": "init_from transfer", "finetun": "init_from transfer",
    "generali": "overfitting", "memoris": "overfitting", "memoriz": "overfitting", "reproduc": "seed",
    "more epochs": "init_from resume", "hyperparameter": "tune", "confidence": "calibrate", "leak": "leaks leaking_column",
    "过拟合": "overfitting", "欠拟合": "weak", "太慢": "waiting", "标签错": "mislabelled", "预训练": "init_from transfer",
    "部署": "serve export bundle", "调参": "tune", "继续": "resume", "时间序列": "series horizon",
}  # fmt: skip
_WORD = re.compile(r"[a-z0-9_]+|[\u4e00-\u9fff]+")
_ENDING = re.compile(r"(?:(?<=.{4})(?:ings?|ions?|ed|es|e|ly)|(?<!s)s)$")


class Entry(NamedTuple):
    """A page that may answer: how to open it, one sentence that is shown, and what else it says."""

    command: str
    name: str
    told: str
    text: str = ""


def entries(verbs: Mapping[str, str]) -> list[Entry]:
    """Everything that has a page; what comes first wins a tie."""
    translated = chinese_pages()
    found = [
        Entry(
            f"explain {code}",
            page.name,
            translated[code].title if language() == "zh" else page.title,
            " ".join([page.title, translated[code].title, *page.sections.values(), *translated[code].sections.values()]),
        )
        for code, page in pages().items()
    ]
    found += [Entry(f"{verb} --help", verb, spoken(told), f"{told} {chinese(told) or ''}") for verb, told in verbs.items()]
    found += [Entry(f"explain {key}", key, str(entry["summary"])) for key, entry in recipe_keys().items()]
    for noun in REGISTRIES:
        if noun != "diagnosis":
            found += [Entry(f"explain {name}", name, summary_of(registry(noun)[name])) for name in registry(noun).names()]
    return found


def words(text: str) -> set[str]:
    """The stems of a text's words without those that say nothing; of Chinese all pairs of neighbouring signs.

    Example:
        >>> sorted(words("Why does it overfit?")), sorted(words("Overfitting overfits")), sorted(words("过拟合"))
        (['overfit'], ['overfit'], ['拟合', '过拟'])
    """
    found: set[str] = set()
    for word in _WORD.findall(EMPTY.sub(" ", text.lower())):
        if word[0] > "z":
            found |= {word[i : i + 2] for i in range(len(word) - 1)} or {word}
        else:
            found |= {word, *map(stem, word.split("_"))} if "_" in word else {stem(word)}
    return found


def stem(word: str) -> str:
    """A word without its ending, and without a doubled last letter.

    Example:
        >>> stem("exploding"), stem("explodes"), stem("losses"), stem("loss"), stem("mode"), stem("models")
        ('explod', 'explod', 'los', 'los', 'mode', 'model')
    """
    word = _ENDING.sub("", word)
    return word[:-1] if len(word) > 2 and word[-1] == word[-2] else word


def search(question: str, among: Iterable[Entry]) -> list[Entry]:
    """The entries that speak most of what is asked, the best first; rare words count for more."""
    named = {name for called, names in CALLED.items() if called in question.lower() for name in names.split()}
    wanted, pages_of = words(question) | {name if "_" in name else stem(name) for name in named}, list(among)
    held = [tuple(words(text) for text in (entry.name, entry.told, entry.text)) for entry in pages_of]
    scores = dict.fromkeys(range(len(pages_of)), 0.0)
    for asked in wanted:
        gains = {place: max((w for w, there in zip(WEIGHTS, fields, strict=True) if asked in there), default=0.0)
                 for place, fields in enumerate(held)}  # fmt: skip
        spread = sum(gain > 0 for gain in gains.values())
        for place, gain in gains.items():
            scores[place] += gain * math.log(1 + len(pages_of) / (1 + spread))
    ranked = sorted((place for place in scores if scores[place] > 0), key=lambda place: -scores[place])
    return [pages_of[place] for place in ranked[:MOST] if scores[place] >= LEAST * scores[ranked[0]]]


def show_answers(question: str, found: Iterable[Entry]) -> None:
    """Print which pages speak of it, and how each is opened."""
    console = Console(highlight=False)
    console.print(spoken(f"Nothing is called {question!r}; these speak of it:"), markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for entry in found:
        table.add_row(f"trainwell {entry.command}", entry.told)
    console.print(table)
