"""What `trainwell --help` lists: every verb in one line, under the question it answers."""

from __future__ import annotations

import typer

from trainwell.cli.verbs import Verb

#: Heading → verb → its line, in the order in which they are listed.
CONTENTS: dict[str, dict[str, str]] = {
    "Train": {
        "demo": "Train on real digits, evaluate, report: the whole way.",
        "look": "Print the data card: what is there, and what is done.",
        "fit": "Read data, train a network, evaluate it, write a report.",
        "resume": "Continue a run that was stopped, to the same bits.",
        "init": "Write a project: recipe, Makefile, Dockerfile, CI.",
    },
    "Use what was trained": {
        "evaluate": "Score a run or an ensemble, with intervals.",
        "predict": "Answer raw rows or pictures.",
        "generate": "Let a language model write on.",
        "sample": "Make new pictures.",
        "translate": "Turn pictures into ones of another class.",
        "segment": "Tell the class of every pixel of pictures.",
        "report": "Write the report of a run: one HTML file.",
        "calibrate": "Make probabilities mean what they say; set a threshold.",
        "drift": "Say how new rows differ from those of the training.",
        "summary": "Draw the network of a run layer by layer.",
        "bundle": "Write a trained network as one file.",
        "export": "Write it for ONNX Runtime, torch or Java.",
        "serve": "Answer over HTTP, with a page to try it.",
        "board": "Show runs in the browser while they train.",
        "runs": "List the runs below a folder, best first; compare two.",
    },
    "Find out by experiment": {
        "compare": "Say whether a change helps, hurts or cannot be told.",
        "cross-validate": "Judge a recipe on every row, fold by fold.",
        "leaderboard": "Rank recipes, with intervals, ties and costs.",
        "tune": "Search for a better recipe, and say what is luck.",
        "guide": "Advise on one choice: depth, width, batch, …",
        "ablate": "Say which known tricks help on these data.",
        "safe-augment": "Say which augmentations keep examples what they are.",
        "learning-curve": "Say whether more data would help.",
        "transfer-check": "Say whether borrowed weights help.",
        "ensemble": "Train several networks that answer together.",
        "distil": "Train one network to say what an ensemble says.",
        "simplify": "Prune a run, round it; size, time and score.",
        "honesty": "Check that scores can be believed.",
        "lab": "Try the craft's claims in small experiments.",
    },
    "Find what is wrong": {
        "examine": "Name what went wrong in a run, causes first.",
        "mislabelled": "List the rows whose labels look wrong.",
        "treat": "Try the remedies; keep what a rerun proves.",
        "improve": "Train, examine, treat, while something is proved.",
        "replay": "Execute one update again, exactly.",
        "lr-find": "Try growing learning rates and suggest one.",
        "verify-resume": "Kill a training at random; compare the bits.",
    },
    "Look up": {
        "parts": "List what can stand in a recipe.",
        "explain": "Explain a name, an option or a finding.",
        "doctor-install": "Check versions, devices, extras; train for a moment.",
        "cache": "List or remove what is kept on the disk.",
    },
}


def arrange(app: typer.Typer) -> None:
    """Give every verb its heading, its line and its place; one that has none here stays first, with its own words."""
    places = {verb: (panel, line) for panel, verbs in CONTENTS.items() for verb, line in verbs.items()}
    order = list(places)
    found = {command.name or getattr(command.callback, "__name__", ""): command for command in app.registered_commands}
    for name, command in found.items():
        command.cls = Verb
        if name in places:
            command.rich_help_panel, command.short_help = places[name]
    rank = {id(command): order.index(name) if name in places else -1 for name, command in found.items()}
    app.registered_commands.sort(key=lambda command: rank[id(command)])
