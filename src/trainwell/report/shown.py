"""Objects as HTML for a notebook: the parts of the report, with the report's style kept to themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from trainwell.core.i18n import language, spoken
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import to_yaml
from trainwell.data.card import Card
from trainwell.data.data import Data
from trainwell.doctor.finding import Finding
from trainwell.evaluate.evaluation import Evaluation, label
from trainwell.report import about, figures, sections, study_pages, study_tables
from trainwell.report.ablate import write_ablation
from trainwell.report.findings import findings_section
from trainwell.report.guide import write_guidance
from trainwell.report.lab import write_lessons
from trainwell.report.markup import Markup, el, join, say
from trainwell.report.numbers import short
from trainwell.report.replay import write_replay
from trainwell.report.safe_augment import write_augment_safety
from trainwell.report.tables import table
from trainwell.report.terminal import show_layers, show_rates
from trainwell.report.transfer_check import write_transfer
from trainwell.report.treat import write_improvement, write_treatment
from trainwell.report.tune import write_tuning
from trainwell.study.ablate import Ablation
from trainwell.study.compare import Comparison
from trainwell.study.cross_validate import CrossValidation
from trainwell.study.guide import Guidance
from trainwell.study.honesty import Honesty
from trainwell.study.improve import Improvement
from trainwell.study.lab.claim import Lesson
from trainwell.study.leaderboard import Leaderboard
from trainwell.study.learning_curve import LearningCurve
from trainwell.study.safe_augment import AugmentSafety
from trainwell.study.transfer_check import TransferCheck
from trainwell.study.treat import Treatment
from trainwell.study.tuning.result import Tuned
from trainwell.train.keras_style import Compiled
from trainwell.train.lr_find import RateRange
from trainwell.train.replay import Replay
from trainwell.train.run import Run
from trainwell.train.summary import Layers

#: How notebooks say that they are dark: JupyterLab, VS Code, Colab.
DARK = ':is(body[data-jp-theme-light="false"], .vscode-dark, html[theme="dark"]) &'
#: Characters of a line where the terminal's text is shown.
WIDTH = 110
#: An element whose text is to be put in Chinese; in a notebook there is no script that could do it later.
CHINESE = re.compile(r'(<[^<>]*) data-zh="([^"]*)"([^<>]*)>[^<]*<')


def html_of(thing: Any) -> Markup:
    """A public object as HTML that can stand in any page.

    Example:
        >>> html_of(Part(name="mlp"))[:23]
        '<div class="trainwell">'
    """
    return boxed(_content(thing))


def boxed(*content: Markup) -> Markup:
    """Content with the style of the report, which reaches nothing outside it."""
    inside = join(*content)
    shown = Markup(CHINESE.sub(r"\1\3>\2<", inside)) if language() == "zh" else inside
    return el("div", el("style", style()), el("main", shown), class_="trainwell")


@cache
def style() -> Markup:
    """The report's style sheet, nested below one class."""
    css = files("trainwell.report").joinpath("page.css").read_text(encoding="utf-8")
    inside = css.replace(':root[data-theme="dark"]', DARK).replace(":root", "&").replace("\nbody {", "\n& {")
    own = "main { max-width: 1000px; margin: 0; padding: 8px; } h2 { margin-top: 12px; } header { padding: 0; } "
    own += "section + .grid { margin-top: 16px; } .tools { display: none; }"
    return Markup(f".trainwell {{ border-radius: 12px; {inside} {own} }}")


def _content(thing: Any) -> Markup:
    for kind, draw in DRAWN.items():
        if type(thing) is kind:
            return draw(thing)
    return _words(str(thing) if type(thing).__str__ is not object.__str__ else repr(thing))


def _words(text: str) -> Markup:
    first, _, rest = text.partition("\n")
    return el("div", el("p", say(first)), el("pre", spoken(rest)) if rest else "", class_="card")


def _page(write: Callable[[Any, Path], Path]) -> Callable[[Any], Markup]:
    """What the study's own page shows."""

    def draw(thing: Any) -> Markup:
        with TemporaryDirectory() as folder:
            page = write(thing, Path(folder)).read_text(encoding="utf-8")
        return Markup(page.partition("<main>")[2].partition("<footer")[0])

    return draw


def _printed(show: Callable[..., None]) -> Callable[[Any], Markup]:
    """What the terminal shows, with its colours."""

    def draw(thing: Any) -> Markup:
        console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, force_jupyter=False)
        show(thing, console=console)
        text = console.export_html(inline_styles=True, code_format="{code}")
        return el("div", el("pre", Markup(text)), class_="card")

    return draw


def _data(data: Data) -> Markup:
    return join(el("p", repr(data)), about.data(data.card))


def _recipe(recipe: Recipe) -> Markup:
    changed = Recipe().diff(recipe)
    rows = [[el("code", key), el("code", str(now))] for key, (_, now) in changed.items()]
    said = table(["key", "value"], rows) if rows else el("p", say("Every key has its default."), class_="soft")
    whole = el("details", el("summary", say("The whole recipe")), about.code(to_yaml(recipe)))
    return el("div", el("h3", say("Recipe")), said, whole, class_="card")


def _run(run: Run) -> Markup:
    head = el("p", repr(run))
    drawn = curves(run.history.rows, run.plan.monitor)
    findings = [Finding.from_dict(found) for found in run.summary.get("findings", [])]
    told = el("div", el("h3", say("Findings")), findings_section(findings), class_="card") if findings else Markup("")
    return join(head, drawn, told)


def curves(rows: Sequence[dict[str, Any]], monitor: str) -> Markup:
    """Loss, watched score and rate of a training so far."""
    return figures.grid(figures.training_curves(rows, monitor))


def _evaluation(e: Evaluation) -> Markup:
    drawn = [figures.confusion(e)] if e.confusion else [figures.predicted_and_true(r) for r in e.residuals[:1]]
    drawn += [figures.calibration(e)] if e.calibration else []
    return join(el("p", say(label(e.primary)), " ", say(str(e.scores[e.primary]))), sections.scores(e), figures.grid(drawn))


def _finding(finding: Finding) -> Markup:
    cause = el("p", say(f"Probably because of {finding.because_of}."), class_="soft") if finding.because_of else ""
    return el("div", findings_section([replace(finding, because_of="")]), cause, class_="card")


def _lesson(lesson: Lesson, folder: Path) -> Path:
    return write_lessons([lesson], folder, language())


def _rates(found: RateRange, *, console: Console) -> None:
    show_rates(found.rates, found.losses, str(found), console=console)


def _compiled(program: Compiled) -> Markup:
    return join(_data(program.data), _printed(show_layers)(program.summary()))


def _part(part: Part) -> Markup:
    said = ", ".join(f"{key}={short(v) if isinstance(v, float) else v}" for key, v in part.options.items())
    return el("code", f"{part.name}({said})")


#: How each type is drawn; what is not here shows its words.
DRAWN: dict[type, Callable[[Any], Markup]] = {
    Ablation: _page(write_ablation),
    AugmentSafety: _page(write_augment_safety),
    Card: about.data,
    Comparison: _page(study_pages.write_comparison),
    Compiled: _compiled,
    CrossValidation: _page(study_pages.write_cross_validation),
    Data: _data,
    Evaluation: _evaluation,
    Finding: _finding,
    Guidance: _page(write_guidance),
    Honesty: _printed(study_tables.show_honesty),
    Improvement: _page(write_improvement),
    Layers: _printed(show_layers),
    Leaderboard: _page(study_pages.write_leaderboard),
    LearningCurve: _page(study_pages.write_learning_curve),
    Lesson: _page(_lesson),
    Part: _part,
    RateRange: _printed(_rates),
    Recipe: _recipe,
    Replay: _page(write_replay),
    Run: _run,
    TransferCheck: _page(write_transfer),
    Treatment: _page(write_treatment),
    Tuned: _page(write_tuning),
}
