"""What a report shows of a language model: the loss along a window, and what it writes."""

from __future__ import annotations

from trainwell.evaluate.details import Writing
from trainwell.report.figures import CLASS_STYLES, figure
from trainwell.report.markup import Markup, el, say
from trainwell.report.svg import Axis, Panel, axis_of


def writing_figures(writing: Writing) -> list[Markup]:
    """The mean loss of the first, second, … token of a window, of the network and of counts."""
    lines = writing.by_place
    ends = [loss for losses in lines.values() for loss in losses]
    places = max(2, len(lines["network"]))
    panel = Panel(Axis(1, places, "place in the window"), axis_of([min(0.0, *ends), *ends], ""), name="loss by place")
    keys = list(zip(CLASS_STYLES, lines, strict=False))
    for style, name in keys:
        panel.line(range(1, len(lines[name]) + 1), lines[name], style, name)
    note = "Nats per token. A line that still falls at its end asks for longer windows (prepare.text_length)."
    return [figure("Loss along a window", panel.svg(), note=note, keys=keys)]


def samples(writing: Writing) -> Markup:
    """Texts that the network wrote, each after its prompt."""
    how = f"Drawn with temperature {writing.temperature:g} from the likeliest {writing.top_p:.0%}."
    parts = [el("h3", say("What it writes")), el("p", how, class_="note")]
    for one in writing.samples:
        parts.append(el("pre", el("b", one.prompt), one.text, class_="sample"))
    return el("div", *parts, class_="card")
