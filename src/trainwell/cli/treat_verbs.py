"""Verbs that mend: treat, improve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainwell.cli.arguments import AsJson, Assignments, Given, Metric, RunFolder, Source, spreads_given
from trainwell.cli.output import emit_json, note

if TYPE_CHECKING:
    from trainwell.data.data import Data
    from trainwell.train.run import Run

TREAT_EXAMPLES = r"""
Examples:
  trainwell treat runs/a
  trainwell treat runs/a --finding TW301 --repeats 12
  trainwell treat runs/a --random 2 --json

The same command again trains only what is missing. The recipe that came out lies in RUN/treatment/recipe.yaml.
"""
IMPROVE_EXAMPLES = r"""
Examples:
  trainwell improve people.csv --target income --out runs/better
  trainwell improve people.csv -t income model=mlp lr=10 epochs=5 --minutes 10

The same command again trains only what is missing. ledger.jsonl lists everything that was tried and what it did.
"""
Pairs = Annotated[int | None, typer.Option("--repeats", "-n", min=1, help="Pairs per comparison; 8 or more if not given.")]
Most = Annotated[int, typer.Option(min=1, help="Remedies that are trained at a time.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs that mend."""
    app.command(epilog=TREAT_EXAMPLES)(treat)
    app.command(epilog=IMPROVE_EXAMPLES)(improve)


def treat(
    run: RunFolder,
    *,
    finding: Annotated[str | None, typer.Option(help="Treat this diagnosis (TW301, …) instead of what is found.")] = None,
    repeats: Pairs = None,
    most: Most = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of remedies at most.")] = 3,
    random: Annotated[int, typer.Option(min=0, help="Remedies drawn blindly, to compare with.")] = 0,
    metric: Metric = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder; RUN/treatment if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try what the doctor prescribes for a run, and keep only what a rerun with the same seeds proves."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.doctor.finding import Finding
    from trainwell.doctor.pages import explain
    from trainwell.report.treat import show_treatment, write_treatment
    from trainwell.study.treat import treat as mend
    from trainwell.train.run import Run

    page = explain(finding) if finding else None
    asked = Finding(page.title.rstrip("."), code=page.code, name=page.name, remedy=page.remedy) if page else None
    folder = out or run / "treatment"
    with StudyProgress(f"treating {run}", 1) as progress:
        found = mend(
            Run.open(run),
            asked,
            repeats=repeats,
            most=most,
            rounds=rounds,
            random=random,
            metric=metric,
            folder=folder,
            observers=[progress],
        )
    emit_json(found.to_dict()) if as_json else show_treatment(found)
    note(f"page: {write_treatment(found, folder)}")


@spreads_given
def improve(
    source: Source,
    assignments: Assignments = None,
    *,
    given: Given,
    repeats: Annotated[int, typer.Option("--repeats", "-n", min=1, help="Pairs per comparison.")] = 8,
    most: Most = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Remedies kept at most.")] = 6,
    minutes: Annotated[float, typer.Option(min=0, help="Minutes of training, all networks together; 0 is no limit.")] = 0.0,
    metric: Metric = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the study and its runs.")] = Path("runs/improved"),
    as_json: AsJson = False,
) -> None:
    """Train, examine, treat, and begin again with what is proved; the last word has the test part, which chose nothing."""
    from trainwell.cli.study_progress import StudyProgress
    from trainwell.report.treat import show_improvement, write_improvement
    from trainwell.study.improve import improve as better

    recipe, data = given.load(source, assignments)
    with StudyProgress(f"improving on {source}", repeats) as progress:
        found = better(
            recipe,
            data,
            repeats=repeats,
            rounds=rounds,
            most=most,
            minutes=minutes,
            metric=metric,
            folder=out,
            observers=[progress],
        )
    emit_json(found.to_dict()) if as_json else show_improvement(found)
    note(f"page: {write_improvement(found, out)}")


def follow(run: Run, data: Data, *, as_json: bool) -> dict[str, Any]:
    """What the recipe's `doctor` asks for after a training, a prescription or a treatment; as plain data, empty for neither."""
    if run.recipe.doctor == "prescribe":
        from trainwell.study.prescribe import prescribe

        found = prescribe(run)
        note(f"prescribed for {found.code}: {found.sentence} Prove it: trainwell treat {run.folder}" if found else "no remedy")
        return {"prescription": {"code": found.code, "sentence": found.sentence} if found else None}
    if run.recipe.doctor == "treat" and run.folder is not None:
        from trainwell.cli.study_progress import StudyProgress
        from trainwell.report.treat import show_treatment, write_treatment
        from trainwell.study.treat import treat as mend

        with StudyProgress(f"treating {run.folder}", 1) as progress:
            done = mend(run, data=data, folder=run.folder / "treatment", observers=[progress])
        write_treatment(done, run.folder / "treatment")
        if not as_json:
            show_treatment(done)
        return {"treatment": done.to_dict()}
    return {}
