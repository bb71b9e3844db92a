"""How verbs behave that Typer does not do by itself: help in the language spoken, and a word when Ctrl-C ends them."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from trainwell.cli.output import complain
from trainwell.core.i18n import speak, spoken

#: Typer's own words, by the names under which it keeps them.
TYPERS_WORDS = {
    "ARGUMENTS_PANEL_TITLE": "Arguments",
    "OPTIONS_PANEL_TITLE": "Options",
    "COMMANDS_PANEL_TITLE": "Commands",
    "REQUIRED_LONG_STRING": "[required]",
    "DEFAULT_STRING": "[default: {}]",
    "ENVVAR_STRING": "[env var: {}]",
}

#: Characters of the longest piece without a space that every column of a help page holds.
UNBROKEN = 8


class Verb(TyperCommand):
    """A verb whose help is in the language spoken."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        translate(self, ctx)
        super().format_help(ctx, formatter)

    def get_usage(self, ctx: Any) -> str:
        return super().get_usage(ctx).replace("Usage:", f"{spoken('Usage')}:", 1)


class Verbs(TyperGroup):
    """All verbs: their contents in the language spoken, and a word when Ctrl-C ends one."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        translate(self, ctx)
        for command in self.commands.values():
            translate(command, ctx)
        super().format_help(ctx, formatter)

    def get_usage(self, ctx: Any) -> str:
        return super().get_usage(ctx).replace("Usage:", f"{spoken('Usage')}:", 1)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # beyond this, Typer would leave without a word
            complain(spoken("interrupted; what was trained is kept, and the same command goes on from there"))
            raise typer.Exit(130) from None


def translate(command: Any, ctx: Any) -> None:
    """Put a command's help into the language spoken; English is what it is written in."""
    from typer import rich_utils

    for name, words in TYPERS_WORDS.items():
        setattr(rich_utils, name, spoken(words))
    for thing in (command, *command.get_params(ctx)):
        for field in ("help", "short_help", "rich_help_panel"):
            if isinstance(text := getattr(thing, field, None), str):
                setattr(thing, field, breakable(spoken(text)) if field == "help" else spoken(text))
    command.epilog = "\n".join(map(epilog_line, (command.epilog or "").split("\n")))


def breakable(text: str) -> str:
    """Chinese that can be broken after its commas: Rich cuts off what has no space and is longer than its column.

    Example:
        >>> breakable("文件、文件夹、内置数据集（如 digits），或运行文件夹。")
        '文件、文件夹、内置数据集（如 digits）， 或运行文件夹。'
    """
    return " ".join(re.sub(r"(?<=[，；：])(?=.)", " ", p) if len(p) > UNBROKEN else p for p in text.split(" "))


def epilog_line(line: str) -> str:
    """A line of an epilog: sentences are translated, commands stay, the remark behind one is translated.

    Example:
        >>> epilog_line("  trainwell lab all --out runs/lab")
        '  trainwell lab all --out runs/lab'
    """
    command, gap, remark = line.rpartition("  ")
    if line.startswith("  trainwell"):
        return command + gap + spoken(remark) if command.strip() else line
    return spoken(line)


def words_of(arguments: list[str]) -> list[str]:
    """The words of a command line without `--language LANGUAGE`, which may stand anywhere and is obeyed at once.

    Example:
        >>> words_of(["fit", "--language=en", "people.csv"])
        ['fit', 'people.csv']
    """
    left: list[str] = []
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if word == "--":
            return [*left, word, *words]
        if flag == "--language":
            speak(value if equals else next(words, ""))
        else:
            left.append(word)
    return left
