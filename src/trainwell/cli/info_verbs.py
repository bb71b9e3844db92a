"""Verbs that tell: parts, explain, runs, doctor-install, init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson
from trainwell.cli.contents import CONTENTS
from trainwell.cli.output import emit_json, note
from trainwell.core.errors import UsageError

RUNS_EXAMPLES = """
Examples:
  trainwell runs
  trainwell runs experiments/
  trainwell runs compare runs/a runs/b --part test
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs that tell."""
    app.command(epilog="\nExamples:\n  trainwell parts\n  trainwell parts model")(parts)
    app.command(
        epilog="\nExamples:\n  trainwell explain resnet\n  trainwell explain learning_rate\n  trainwell explain TW104\n"
        "  trainwell explain why does it overfit"
    )(explain)
    app.command(epilog=RUNS_EXAMPLES)(runs)
    app.command("doctor-install", epilog="\nExample:\n  trainwell doctor-install")(doctor_install)
    app.command(epilog="\nExamples:\n  trainwell init churn churn.csv --target Churn\n  trainwell init flowers iris")(init)


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
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="A recipe key, a name, the code of a finding; or a question.")
    ],
) -> None:
    """Explain one word: what it does, its options with defaults, its source; or what a finding means; or find the page."""
    from trainwell.report.findings import is_finding, show_finding_page
    from trainwell.report.parts import has_page, is_misspelt, show_explanation
    from trainwell.report.questions import entries, search, show_answers

    asked = " ".join(words)
    name = next((form for form in (asked, "_".join(asked.lower().split())) if is_finding(form) or has_page(form)), None)
    if name is not None:
        show_finding_page(name) if is_finding(name) else show_explanation(name)
    elif not is_misspelt(asked) and (
        found := search(asked, entries({verb: line for lines in CONTENTS.values() for verb, line in lines.items()}))
    ):
        show_answers(asked, found)
    else:
        show_explanation(asked)  # which says that there is none, and what is near


def runs(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FOLDER | compare A B]", help="Where to look for run folders; or two runs to compare."),
    ] = None,
    *,
    metric: Annotated[str | None, typer.Option(help="compare: what is scored.")] = None,
    part: Annotated[str, typer.Option(help="compare: rows that are scored: valid, test or train.")] = "valid",
    as_json: AsJson = False,
) -> None:
    """List the runs below a folder with their scores, best first; or say whether one run or folder of runs beats another."""
    words = words or ["runs"]
    if words[0] == "compare":
        _compare(words[1:], metric, part, as_json)
        return
    if len(words) > 1:
        raise UsageError(f"one folder is listed, not {len(words)}", remedy="To compare two: trainwell runs compare A B.")
    from trainwell.report.runs import list_runs, show_runs

    found = list_runs(Path(words[0]))
    emit_json(found) if as_json else show_runs(found)


def _compare(places: list[str], metric: str | None, part: str, as_json: bool) -> None:
    if len(places) != 2:
        raise UsageError(f"two runs are compared, not {len(places)}", remedy="Write: trainwell runs compare runs/a runs/b.")
    if part not in ("train", "valid", "test"):
        raise UsageError(f"--part {part} is no part", remedy="Use valid, test or train.")
    from trainwell.report.runs import differences, show_differences
    from trainwell.report.study_tables import show_comparison
    from trainwell.study.compare_runs import compare_runs, runs_in

    firsts = [runs_in(place)[0] for place in places]
    found = compare_runs(*places, metric=metric, part=part)  # type: ignore[arg-type]  # checked above
    changed = differences(firsts[0], firsts[1])
    if as_json:
        emit_json({"differences": changed, **found.to_dict()})
        return
    show_differences(changed, (places[0], places[1]))
    show_comparison(found)


def doctor_install(*, as_json: AsJson = False) -> None:
    """Check the installation: versions, devices, extras, and a short training that is kept and opened again."""
    from trainwell.report.installation import look_at_installation, show_installation

    found = look_at_installation()
    emit_json(found.to_dict()) if as_json else show_installation(found)
    raise typer.Exit(0 if found.works else 1)


def init(
    folder: Annotated[Path, typer.Argument(help="New project folder.")],
    source: Annotated[str | None, typer.Argument(metavar="DATA", help="Table to copy into it, or a named set.")] = None,
    *,
    target: Annotated[str | None, typer.Option("--target", "-t", help="Column to predict.")] = None,
) -> None:
    """Write a project: recipe with every key explained, data card, Makefile, README, pinned requirements, Dockerfile, CI."""
    from trainwell.report.project import write_project

    for path in write_project(folder, source=source, target=target):
        note(f"wrote {path}")
    first = "" if source else "put your table beside them as data.csv, then: "
    note(f"Next: {first}cd {folder} && make")
