"""Verbs that train: demo, fit (train), resume, lr-find, verify-resume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainwell.cli.arguments import (
    AsJson,
    Assignments,
    Config,
    Corrections,
    Preset,
    RunFolder,
    Seed,
    Target,
    Test,
    TimeLimit,
    Valid,
    name_of,
    recipe_from,
    seconds,
)
from trainwell.cli.output import emit_json, note, told
from trainwell.cli.tracking import Trackers, keep, tracked
from trainwell.cli.treat_verbs import follow
from trainwell.core.errors import UsageError
from trainwell.core.torchrun import is_follower

if TYPE_CHECKING:
    from trainwell.train.run import Run
    from trainwell.train.trackers.tracker import Tracker

Source = Annotated[str, typer.Argument(help="File, folder, named set (digits, mnist, …), or the folder of a run to continue.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Run folder; runs/<name> if not given.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Skip the evaluation and report at the end.")]


FIT_EXAMPLES = r"""
Examples:
  trainwell fit people.csv --target income --out runs/a
  trainwell fit people.csv -t income preset=quick model=mlp learning_rate=3e-3
  trainwell fit train.csv --test test.csv --target price --time-limit 10m
  trainwell fit pictures/ --out runs/flowers "augment=\[flip, crop]"
  trainwell fit runs/a                        continue where it was stopped
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs that train."""
    app.command(epilog="\nExample:\n  trainwell demo")(demo)
    app.command(epilog=FIT_EXAMPLES)(fit)
    app.command("train", hidden=True, epilog=FIT_EXAMPLES)(fit)
    app.command(epilog="\nExample:\n  trainwell resume runs/a")(resume)
    app.command("lr-find", epilog="\nExample:\n  trainwell lr-find people.csv --target income model=mlp")(lr_find)
    app.command("verify-resume", epilog="\nExample:\n  trainwell verify-resume digits --kills 5 preset=quick")(verify_resume)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder.")] = Path("runs/demo"), as_json: AsJson = False
) -> None:
    """Train on real handwritten digits, evaluate, and write the report: the whole way in under a minute."""
    _forget_demo(out)
    fit("digits", None, out=out, as_json=as_json)
    if not as_json:
        note(f"\nOpen {out / 'report.html'} in a browser. Next: trainwell fit YOUR.csv --target COLUMN")


def _forget_demo(out: Path) -> None:
    """Delete the run of an earlier demo, and of nothing else."""
    source = out / "source.json"
    if source.exists() and '"digits"' in source.read_text():
        import shutil

        shutil.rmtree(out)


def fit(
    source: Source,
    assignments: Assignments = None,
    *,
    target: Target = None,
    test: Test = None,
    valid: Valid = None,
    out: Out = None,
    config: Config = None,
    preset: Preset = None,
    time_limit: TimeLimit = None,
    corrections: Corrections = None,
    seed: Seed = 0,
    tracker: Trackers = None,
    no_report: NoReport = False,
    as_json: AsJson = False,
) -> None:
    """Read data, train a network, evaluate it and write a report; given a run folder, continue it."""
    if "://" not in source and (Path(source) / "plan.json").exists():
        if assignments or any((target, test, valid, out, config, preset, time_limit, corrections, seed)):
            onward = f"to train on from its weights: trainwell fit DATA init_from={source} epochs=10 --out runs/NEW"
            remedy = f"Leave recipe keys and other settings out; or, {onward}."
            raise UsageError("a run is continued with what it began with", remedy=remedy)
        resume(Path(source), tracker=tracker, no_report=no_report, as_json=as_json)
        return
    from trainwell.data.load import load
    from trainwell.train.fit import fit as train

    recipe = recipe_from(assignments, config=config, target=target, preset=preset, time_limit=seconds(time_limit))
    data = load(source, recipe=recipe, test=test, valid=valid, corrections=corrections)
    _show_card(data, as_json)
    folder = out or _free_folder(name_of(source))
    with tracked(tracker) as trackers:
        with _progress(f"training on {name_of(source)}") as progress:
            run = train(recipe, data, seed=seed, folder=folder, observers=[progress, *trackers])
        _conclude(run, data, trackers, no_report=no_report, as_json=as_json)


def resume(run: RunFolder, *, tracker: Trackers = None, no_report: NoReport = False, as_json: AsJson = False) -> None:
    """Continue a run that was stopped, to the same bits as if it had not been."""
    from trainwell.train.resume import load_again
    from trainwell.train.resume import resume as again

    data = load_again(run)
    with tracked(tracker) as trackers:
        with _progress(f"continuing {run}") as progress:
            finished = again(run, data=data, observers=[progress, *trackers])
        _conclude(finished, data, trackers, no_report=no_report, as_json=as_json)


def lr_find(
    source: Source,
    assignments: Assignments = None,
    *,
    target: Target = None,
    config: Config = None,
    preset: Preset = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Try growing learning rates on a fresh network and suggest one (range test)."""
    from trainwell.data.load import load
    from trainwell.report.terminal import show_rates
    from trainwell.train.lr_find import find_rate

    recipe = recipe_from(assignments, config=config, target=target, preset=preset)
    found = find_rate(recipe, load(source, recipe=recipe), seed=seed)
    emit_json(vars(found)) if as_json else show_rates(found.rates, found.losses, str(found))


def verify_resume(
    source: Source,
    assignments: Assignments = None,
    *,
    target: Target = None,
    kills: Annotated[int, typer.Option(min=1, help="How often the training is killed at a random instant.")] = 5,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train once undisturbed and once killed at random instants, and compare the final weights bit by bit."""
    from trainwell.train.verify_resume import verify

    recipe = recipe_from(assignments, target=target)
    outcome = verify(source, recipe, kills=kills, seed=seed, say=note)
    if as_json:
        emit_json(vars(outcome))
    else:
        told(str(outcome))
    raise typer.Exit(0 if outcome.same else 1)


def _progress(title: str) -> Any:
    from trainwell.cli.progress import TrainingProgress

    return TrainingProgress(title)


def _free_folder(name: str) -> Path:
    """`runs/name`, or `runs/name-2` and so on if that is taken."""
    name = name or "run"
    folder, number = Path("runs") / name, 2
    while folder.exists():
        folder, number = Path("runs") / f"{name}-{number}", number + 1
    return folder


def _show_card(data: Any, as_json: bool) -> None:
    if not as_json:
        from trainwell.report.terminal import show_card_briefly

        show_card_briefly(data.card)


def _conclude(run: Run, data: Any, trackers: Sequence[Tracker], *, no_report: bool, as_json: bool) -> None:
    """After training: scores, report, and where things lie; leaves with 128 + signal when the run was interrupted."""
    if run.signal:
        note(f"interrupted and saved; continue with: trainwell fit {run.folder}")
        raise typer.Exit(128 + run.signal)
    if is_follower():
        return
    if not as_json:
        note(_ending(run))
    evaluation = None
    if not no_report:
        from trainwell.cli.use_verbs import evaluate_and_report

        evaluation = evaluate_and_report(run, data, as_json=as_json)
        keep(trackers, run, evaluation)
    mended = follow(run, data, as_json=as_json)
    if as_json:
        emit_json({"run": str(run.folder), **run.summary, "evaluation": evaluation and evaluation.to_dict(), **mended})
    else:
        note(f"run folder: {run.folder}")


def _ending(run: Run) -> str:
    """How the training ended, in one line."""
    done = run.summary
    steps = f"{done['steps']:,} of {run.plan.steps:,} steps in {done['seconds']:,.0f} s"
    return f"{run.recipe.model.name}, {run.status} after {steps}; best weights: step {done['best_step']:,}"
