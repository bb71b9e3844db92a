"""The command line: verbs with flags, and `key=value` for the recipe. No logic lives here.

Progress and notes go to stderr, results to stdout; `--json` prints what the Python call returns. Exit codes: 0 done,
1 refused with a reason, 2 wrong usage, 130 / 143 interrupted and saved.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout

import typer
from typer.exceptions import TyperException

from trainwell.cli import (
    ablate_verbs,
    augment_verbs,
    cache_verbs,
    compare_verbs,
    data_verbs,
    doctor_verbs,
    ensemble_verbs,
    guide_verbs,
    honesty_verbs,
    info_verbs,
    lab_verbs,
    label_verbs,
    language_verbs,
    picture_verbs,
    replay_verbs,
    serve_verbs,
    ship_verbs,
    simplify_verbs,
    train_verbs,
    transfer_verbs,
    treat_verbs,
    tune_verbs,
    use_verbs,
)
from trainwell.cli.contents import arrange
from trainwell.cli.output import complain
from trainwell.cli.verbs import Verbs, words_of
from trainwell.core.errors import TrainwellError
from trainwell.core.torchrun import is_follower

EPILOG = """
Start here:
  trainwell demo                                real digits, within a minute
  trainwell look people.csv --target income     what is in the data
  trainwell fit people.csv --target income -o runs/a
  trainwell evaluate runs/a                     scores with intervals
  trainwell predict runs/a new.csv --to answers.csv

Recipe keys are written key=value:
  trainwell fit people.csv -t income model=mlp model.width=256 epochs=20
  trainwell parts                               every key and every name
"""

app = typer.Typer(
    name="trainwell",
    cls=Verbs,
    help="Train deep networks the way a careful senior engineer would, and show the evidence.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verbs in (
    train_verbs,
    data_verbs,
    compare_verbs,
    honesty_verbs,
    tune_verbs,
    ensemble_verbs,
    ablate_verbs,
    guide_verbs,
    transfer_verbs,
    simplify_verbs,
    use_verbs,
    label_verbs,
    serve_verbs,
    language_verbs,
    picture_verbs,
    ship_verbs,
    doctor_verbs,
    treat_verbs,
    replay_verbs,
    lab_verbs,
    augment_verbs,
    info_verbs,
    cache_verbs,
):
    verbs.add_to(app)
arrange(app)


def _version(show: bool) -> None:
    if show:
        from trainwell import __version__

        typer.echo(f"trainwell {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and leave."),
    language: str = typer.Option(
        "", "--language", help="Language of what is shown, before or after the verb: en or zh. The system's if not given."
    ),
) -> None:
    del version, language  # one has printed and left, the other was obeyed and taken away by `words_of`


@contextmanager
def silent() -> Iterator[None]:
    """Nothing is printed."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def run() -> None:
    """Entry point: every error a user can meet becomes one sentence and an exit code."""
    # Waiting threads that spin steal the core from a busy neighbour; told before torch loads its thread library.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    try:
        with silent() if is_follower() else nullcontext():  # the first process of a team speaks for all, errors excepted
            code = app(words_of(sys.argv[1:]), standalone_mode=False)
    except TrainwellError as error:
        complain(str(error))
        code = error.exit_code
    except TyperException as error:
        if message := error.format_message():  # empty when bare `trainwell` has printed its help
            stop = "" if message.endswith((".", "?")) else "."
            complain(f"{message}{stop} See `trainwell --help`, or `trainwell VERB --help`.")
        code = error.exit_code
    except BrokenPipeError:
        # The reader of our output has left (`trainwell … | head`): silence the flush at exit, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:  # a full disk or a forbidden folder outside a training, which words its own
        complain(
            f"{error.filename or 'the disk'}: {error.strerror or error}. Free space or choose another folder; nothing was lost."
        )
        code = 1
    gc.freeze()  # else the interpreter searches a million objects of torch for garbage on its way out: a second of computing
    sys.exit(code if isinstance(code, int) else 0)
