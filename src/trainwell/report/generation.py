"""What a report shows of a network that makes pictures: samples, ways between them, and how the game went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.evaluate.details import Making
from trainwell.evaluate.evaluation import label
from trainwell.report.figures import CLASS_STYLES, figure
from trainwell.report.markup import Markup, el, say
from trainwell.report.svg import Axis, Panel, axis_of, smoothed
from trainwell.report.tables import interval_text, number

#: Curves of the game: title, columns, and a line that says how to read it.
CURVES = (
    (
        "Both losses",
        ("loss", "generator_loss"),
        "The critic's and the generator's, as running means. They tell of the balance, not of the pictures.",
    ),
    (
        "The critic",
        ("critic_accuracy",),
        "Of pairs of a real and a made picture, the share it tells apart: 0.5 is guessing, 1 means that it has won.",
    ),
    (
        "Gradient of the generator",
        ("generator_gradient",),
        "What the generator learns from; near 0 it learns nothing.",
    ),
    (
        "Turned and turned back",
        ("cycle_error",),
        "Mean error of a pixel of training pictures that were turned into the other class and back, from black 0 to white 1.",
    ),
)
NAMES = {"loss": "critic", "generator_loss": "generator", "critic_accuracy": "told apart", "generator_gradient": "norm"}
NAMES |= {"cycle_error": "error"}


def samples_shown(made: Mapping[str, str]) -> Markup:
    """Grids of pictures under their titles, with pixels that can be seen."""
    parts = []
    for title, uri in made.items():
        parts += [el("h3", say(title)), el("p", el("img", src=uri, alt=title, class_="grid-of-samples"))]
    return el("div", *parts, class_="card")


def teaching(making: Making) -> Markup:
    """What real pictures would score, what a classifier learns from made ones, and how pictures were turned into others."""
    lines = [f"Real training pictures in their place score: {label(n)} {i}." for n, i in making.real.items()]
    lines += [way.sentence for way in making.ways]
    if making.taught is not None and making.taught_by_real is not None:
        a, b = making.taught, making.taught_by_real
        lines.append(
            f"A classifier taught by made pictures alone is right on {number(a.value, 3)} of the real ones"
            f" ({interval_text(a)}, n={a.n:,}); taught by real training pictures, on {number(b.value, 3)}."
        )
    return el("div", el("h3", say("Against real pictures")), *(el("p", say(line)) for line in lines), class_="card")


def game_figures(history: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """How the game went, over epochs; nothing where no game was played."""
    rows = [r for r in history if r.get("split") == "train" and "critic_accuracy" in r]
    return [_curves(rows, *curve) for curve in CURVES if any(column in row for row in rows for column in curve[1])]


def _curves(rows: Sequence[Mapping[str, Any]], title: str, columns: Sequence[str], note: str) -> Markup:
    found = {name: [(float(r["epoch"]), float(r[name])) for r in rows if name in r] for name in columns}
    lines = {name: ([x for x, _ in points], smoothed([y for _, y in points])) for name, points in found.items() if points}
    ends = [y for _, ys in lines.values() for y in ys]
    panel = Panel(Axis(0.0, float(rows[-1]["epoch"]), "epoch"), axis_of(ends, ""), name=title.lower())
    keys = [(style, NAMES[name]) for style, name in zip(CLASS_STYLES, lines, strict=False)]
    for (style, name), (xs, ys) in zip(keys, lines.values(), strict=True):
        panel.line(xs, ys, style, name)
    return figure(title, panel.svg(), note=note, keys=keys if len(keys) > 1 else ())
