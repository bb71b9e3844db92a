"""Verbs that tell: parts, explain, runs, init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson
from trainwell.cli.output import emit_json, note


def add_to(app: typer.Typer) -> None:
    """Register the verbs that tell."""
    app.command(epilog="\nExamples:\n  trainwell parts\n  trainwell parts model")(parts)
    app.command(epilog="\nExamples:\n  trainwell explain resnet\n  trainwell explain learning_rate\n  trainwell explain TW104")(
        explain
    )
    app.command(epilog="\nExamples:\n  trainwell runs\n  trainwell runs experiments/")(runs)
    app.command(epilog="\nExample:\n  trainwell init churn --target Churn")(init)


def parts(
    noun: Annotated[str | None, typer.Argument(help="recipe, model, optimizer, loss, metric, …")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List what can stand in a recipe: its keys, and every registered name with its options."""
    from trainwell.report.parts import describe_parts, show_parts

    found = describe_parts(noun)
    emit_json(found) if as_json else show_parts(found)


def explain(
    name: Annotated[str, typer.Argument(help="A recipe key, a registered name, or the code of a finding.")],
    *,
    language: Annotated[str, typer.Option(help="Of a finding's page: en or zh.")] = "en",
) -> None:
    """Explain one word: what it does, its options with defaults, its source; or what a finding means and what to do."""
    from trainwell.report.findings import is_finding, show_finding_page
    from trainwell.report.parts import show_explanation

    show_finding_page(name, language) if is_finding(name) else show_explanation(name)


def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look for run folders.")] = Path("runs"), *, as_json: AsJson = False
) -> None:
    """List the runs below a folder with their scores, best first."""
    from trainwell.report.runs import list_runs, show_runs

    found = list_runs(folder)
    emit_json(found) if as_json else show_runs(found)


def init(
    folder: Annotated[Path, typer.Argument(help="New project folder.")],
    *,
    target: Annotated[str | None, typer.Option("--target", "-t", help="Column to predict.")] = None,
) -> None:
    """Write a project: a recipe with every key explained, its schema for editors, a Makefile and a README."""
    from trainwell.report.project import write_project

    for path in write_project(folder, target=target):
        note(f"wrote {path}")
    note(f"Next: put your table beside them as data.csv, then: cd {folder} && make")
