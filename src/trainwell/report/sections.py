"""The sections of the report that judge: header, scores, training, errors, weak spots."""

from __future__ import annotations

import math

from trainwell.core.i18n import capital, chinese
from trainwell.evaluate.evaluation import Evaluation, Example, label, rows_named
from trainwell.report import figures
from trainwell.report.calibrate import decision_figures
from trainwell.report.forecast import future_figures
from trainwell.report.generation import game_figures, samples_shown, teaching
from trainwell.report.language import samples, writing_figures
from trainwell.report.markup import Markup, el, join, masthead, say
from trainwell.report.numbers import short
from trainwell.report.story import Story
from trainwell.report.tables import (
    Cell,
    Heads,
    baseline_table,
    class_table,
    interval_text,
    number,
    score_table,
    slice_table,
    table,
)

JUDGEMENTS = {
    "better": "beats the free baselines",
    "worse": "loses to a free baseline",
    "unclear": "no better than a free baseline",
}
FITS = {"overfit": "WARN", "underfit": "WARN", "balanced": "PASS"}
#: Weak groups of rows shown.
MOST_SLICES = 12


def section(title: str, *parts: Markup | str) -> Markup:
    """A titled part of the page, reached from the navigation."""
    return el("section", el("h2", say(title)), *parts, id=anchor(title))


def anchor(title: str) -> str:
    """The name by which a section is linked."""
    return title.lower().replace(" ", "-")


def header(story: Story) -> Markup:
    """Title, verdict and the numbers to remember."""
    return masthead(story.title, el("p", say(story.subtitle), class_="soft"), _verdict(story))


def _verdict(story: Story) -> Markup:
    e = story.evaluation
    gap, fit = (e.gap, e.fit) if e else (None, None)
    pills, sentence = [], Markup("")
    if gap:
        pills.append(el("span", say(JUDGEMENTS[gap.judgement]), class_="pill"))
        subject = "" if gap.judgement == "unclear" else "The network "
        sentence = el("p", _sentence(subject + gap.sentence), class_="big", data_zh=chinese(f"{gap.sentence}."))
    if fit:
        tip = _sentence(fit.sentence)
        pills.append(el("span", say(fit.judgement), class_=f"pill {FITS[fit.judgement]}", data_tip=tip))
    pills.append(el("span", say("Data"), " ", say(story.card.verdict), class_=f"pill {story.card.verdict}"))
    facts = el("div", *_facts(story), class_="facts")
    return el("div", el("div", *pills), sentence, facts, class_=f"card verdict {gap.judgement if gap else ''}")


def _facts(story: Story) -> list[Markup]:
    e = story.evaluation
    found = _score_facts(e) if e else []
    return found + [_fact(value, name, "") for name, value in story.facts.items()]


def _score_facts(e: Evaluation) -> list[Markup]:
    i = e.scores[e.primary]
    found = [_fact(number(i.value, i.decimals), label(e.primary), f"{interval_text(i)}, {e.n:,} {rows_named(e.part)}")]
    if e.gap:
        best, gap = e.baselines[0].scores[e.primary], e.gap.difference
        found.append(_fact(number(best.value, best.decimals), "best free baseline", e.baselines[0].name))
        found.append(_fact(f"{gap.value:+,.{gap.decimals}f}", "better by", gap.limits(sign=True).removeprefix("95% CI ")))
    second = next((name for name in ("auroc", "r2") if name in e.scores and name != e.primary), None)
    if second:
        j = e.scores[second]
        found.append(_fact(number(j.value, j.decimals), label(second), interval_text(j)))
    return found


def _fact(value: str, name: str, small: str) -> Markup:
    return el("div", el("span", say(name)), el("b", value), el("small", say(small)) if small else "", class_="fact")


def _sentence(text: str) -> str:
    return capital(text) + ("" if text.endswith(".") else ".")


def scores(e: Evaluation) -> Markup:
    """Every score, and the baselines."""
    legend = "Dot and bar: the network with its 95% interval. "
    if e.baselines:
        legend += "Ticks: the free baselines. "
    if e.task == "classification" and len(e.names) == 2:
        legend += f"Precision, recall, F1, AUROC and average precision are those of {e.names[1]}."
    parts = [el("div", score_table(e), el("p", say(legend.strip()), class_="note"), class_="card")]
    if e.baselines:
        parts.append(el("div", el("h3", say("Free baselines")), baseline_table(e), class_="card"))
    return section("Scores", *parts, *(el("p", say(_sentence(note)), class_="note") for note in e.notes))


def training(story: Story) -> Markup:
    """Curves over epochs."""
    primary = story.evaluation.primary if story.evaluation else ""
    game = game_figures(story.history)
    curves = figures.training_curves(story.history, primary)
    return section("Training", figures.grid([*curves[1:], *game] if game else curves))


def errors(story: Story, e: Evaluation) -> Markup:
    """What goes wrong, as figures, and the rows worth looking at."""
    if e.making is not None:
        return section("Pictures", samples_shown(story.made), teaching(e.making))
    if e.future is not None:
        drawn = future_figures(e.future)
    elif e.writing is not None:
        drawn = writing_figures(e.writing)
    elif e.task == "segmentation":
        drawn = [figures.confusion(e)]
    else:
        drawn = _value_figures(e) if e.task == "regression" else _class_figures(e)
    parts, counted = [figures.grid(drawn)], "pixels" if e.task == "segmentation" else "rows"
    if e.task == "segmentation":
        parts.insert(0, join(_colours(story), samples_shown(story.made)))
    if e.per_class and (len(e.per_class) > 2 or e.task in ("multilabel", "segmentation")):
        parts.append(el("div", el("h3", say("Every class")), class_table(e.per_class, of=counted), class_="card"))
    if e.writing is not None and e.writing.samples:
        parts.insert(0, samples(e.writing))
    if e.worst:
        parts.append(el("div", el("h3", say("Rows worth looking at")), _worst(story, e), class_="card"))
    return section("Errors", *parts)


def _colours(story: Story) -> Markup:
    """Which colour a class has in masks."""
    return el(
        "p", *(el("span", el("i", style=f"background:{c}"), name) for name, c in story.colours.items()), class_="swatches"
    )


def _class_figures(e: Evaluation) -> list[Markup]:
    several = len(e.names) > 2 or e.task == "multilabel"
    below = Markup("") if several else class_table(e.per_class, ranges=False)
    drawn = [figures.confusion(e, below=below)] if e.confusion else []
    if e.mistakes and several:
        rows: list[list[Cell]] = [[(t, "words"), (p, "words"), (f"{n:,}", "num")] for t, p, n in e.mistakes]
        body = table(["true", "predicted", ("rows", "num")], rows)
        drawn.append(el("figure", el("figcaption", el("h3", say("Most frequent mistakes"))), body))
    if e.roc:
        drawn += [figures.roc(e.roc), figures.precision_recall(e.precision_recall)]
    return [*drawn, figures.calibration(e), *(decision_figures(e.decided) if e.decided is not None else [])]


def _value_figures(e: Evaluation) -> list[Markup]:
    drawn = [f for r in e.residuals[:4] for f in (figures.predicted_and_true(r), figures.residual_histogram(r))]
    return [*drawn, figures.calibration(e)]


def _worst(story: Story, e: Evaluation) -> Markup:
    classes = e.task == "classification"
    sure = classes or e.task == "multilabel"
    text = "The most confident mistakes: look for wrong labels first." if sure else "The largest errors."
    note, measure = el("p", say(text), class_="note"), "sure" if classes else "error"
    if story.pictures:
        shown = [_picture(story, x) for x in e.worst if x.row in story.pictures]
        return join(note, el("div", *shown, class_="examples"))
    columns = list(e.worst[0].cells)
    heads: Heads = [("row", "num"), "true", "predicted", (measure, "num"), *((c, "wide") for c in columns)]
    rows: list[list[Cell]] = []
    for x in e.worst[:12]:
        last = f"{x.confidence:.1%}" if math.isfinite(x.confidence) else short(x.loss)
        cells: list[Cell] = [(f"{x.row:,}", "num faint"), x.target, x.prediction, (last, "num")]
        rows.append([*cells, *((x.cells[c], "soft wide") for c in columns)])
    return join(note, table(heads, rows))


def _picture(story: Story, x: Example) -> Markup:
    image = el("img", src=story.pictures[x.row], alt=f"row {x.row}", loading="lazy", class_="tiny" if story.tiny else None)
    sure = f"{x.confidence:.0%} sure" if math.isfinite(x.confidence) else f"off by {short(x.loss)}"
    text = join(el("b", x.prediction), f", in truth {x.target}", el("small", f"{sure}, row {x.row:,}"))
    return el("div", image, el("div", text), class_="example", data_tip="\n".join(x.cells.values()) or None)


def weak_spots(e: Evaluation) -> Markup:
    """Groups of rows that are worse than the others, after correction for many looks."""
    weak = [s for s in e.slices if s.stands_out and s.difference < 0][:MOST_SLICES]
    looked = f"{e.slices_seen} groups of rows were compared with the others; even one false alarm has a chance of 5% (Holm)."
    body = slice_table(e, weak) if weak else el("p", say("Nothing stands out."))
    return section("Weak spots", el("div", body, el("p", say(looked), class_="note"), class_="card"))
