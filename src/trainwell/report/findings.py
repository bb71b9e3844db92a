"""The doctor's findings and pages, for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from trainwell.core.i18n import capital, chinese, language, spoken
from trainwell.doctor.finding import Finding
from trainwell.doctor.pages import chinese_pages, explain, pages
from trainwell.doctor.registry import diagnoses
from trainwell.doctor.remedies import remedies_for
from trainwell.report.markup import Markup, el, say
from trainwell.report.signs import picture_of

STYLES = {"error": "bold red", "warning": "bold yellow", "advice": "bold cyan"}
#: How severities are drawn in the report: with the colours of the card's checks.
PILLS = {"error": "FAIL", "warning": "WARN", "advice": "PASS"}
NOTHING = "No pathology found."


def show_findings(findings: Sequence[Finding], *, console: Console | None = None) -> None:
    """Print findings, the cause to begin with first; what others explain stands below them in one line each."""
    out = console or Console(highlight=False)
    if not findings:
        out.print(spoken(NOTHING))
    for finding in findings:
        head = Text.assemble((finding.code, STYLES[finding.severity]), f" {finding.name}  ", (_place(finding), "dim"))
        if finding.because_of:
            cause = spoken(f"because of {finding.because_of}")
            out.print(Text.assemble(head, f"{spoken(finding.sentence)} ", (f"({cause})", "dim")))
            continue
        out.print(head)
        said = spoken(f"{capital(finding.sentence)}.")
        lines = [said, f"→ {remedy_of(finding)[language()]}", *_changes(finding)]
        out.print(Padding(Text("\n".join(lines)), (0, 0, 1, 2)))


def remedy_of(finding: Finding) -> dict[str, str]:
    """The remedy in both languages; that of a rule is the first sentence of its page."""
    known = pages().get(finding.code)
    if known is None or known.remedy != finding.remedy:
        return {"en": finding.remedy, "zh": chinese(finding.remedy) or finding.remedy}
    return {"en": finding.remedy, "zh": chinese_pages()[finding.code].remedy}


def in_words(found: Mapping[str, Any]) -> str:
    """A finding that came as a row of history: what was seen, and the remedy, in the language spoken."""
    finding = Finding(found["sentence"], code=found["code"], remedy=found["remedy"])
    return f"{spoken(f'{finding.sentence}.')} {remedy_of(finding)[language()]}"


def _place(finding: Finding) -> str:
    """Where and when: `layer 3.relu, update 5`."""
    said = [f"layer {finding.layer}"] if finding.layer else []
    said += [f"rows {', '.join(map(str, finding.rows[:5]))}"] if finding.rows else []
    return ", ".join(map(spoken, [*said, f"update {finding.step}"] if finding.step else said))


def _changes(finding: Finding) -> list[str]:
    named = [spoken(remedy.sentence) for remedy in remedies_for(finding)[:2]]
    either = f" {spoken('Or')}: ".join(named)
    return [f"  {spoken('in a recipe')}: {either}"] if named else []


def is_finding(word: str) -> bool:
    """Whether a word is the code or the name of a diagnosis.

    Example:
        >>> is_finding("tw104"), is_finding("dead_relu"), is_finding("adamw")
        (True, True, False)
    """
    return word.upper() in pages() or word in diagnoses


def show_finding_page(word: str, *, console: Console | None = None) -> None:
    """Print the page of a rule, by its code or name, in the language spoken."""
    page, out = explain(word, language=language()), console or Console(highlight=False)
    out.print(Text.assemble((page.code, "bold"), f" {page.name}: {page.title}\n"))
    for heading, text in page.sections.items():
        out.print(Text(heading, "bold"))
        out.print(Padding(Text(text), (0, 0, 1, 2)))


def findings_section(findings: Sequence[Finding], rows: Sequence[Mapping[str, Any]] = ()) -> Markup:
    """Findings as a list of the report, the causes only; what they explain is named behind them.

    Args:
        findings: of a run.
        rows: its history and what the doctor measured, for the picture beside each finding.
    """
    causes = [f for f in findings if not f.because_of]
    if not causes:
        return el("p", say(NOTHING), class_="soft")
    return el("ul", *(_item(f, findings, rows) for f in causes), class_="checks")


def _item(finding: Finding, findings: Sequence[Finding], rows: Sequence[Mapping[str, Any]]) -> Markup:
    explained = [f"{f.code} {f.name}" for f in findings if f.because_of == finding.code]
    remedy = remedy_of(finding)
    told = say(f"{capital(finding.sentence)}.")
    parts: list[Any] = [
        el("strong", f"{finding.code} {finding.name} "),
        told,
        " ",
        el("span", remedy["en"], data_zh=remedy["zh"]),
    ]
    if explained:
        parts.append(el("div", say(f"This probably explains {', '.join(explained)}."), class_="soft"))
    picture = picture_of(finding.code, rows)
    if picture is not None:
        parts.append(el("div", picture, class_="grid signs"))
    return el("li", el("span", say(finding.severity), class_=f"pill {PILLS[finding.severity]}"), el("div", *parts))
