"""Verbs of language models: generate."""

from __future__ import annotations

from typing import Annotated

import typer

from trainwell.cli.arguments import AsJson, OneTrained, Seed
from trainwell.cli.open_trained import open_one
from trainwell.cli.output import emit_json

GENERATE_EXAMPLES = r"""
Examples:
  trainwell generate runs/a --prompt "ROMEO:" --length 300
  trainwell generate plays.tw --prompt "ROMEO:"
  trainwell generate runs/a --temperature 0.5 --top-p 0.9 --seed 7
"""


def add_to(app: typer.Typer) -> None:
    """Register the verbs of language models."""
    app.command(epilog=GENERATE_EXAMPLES)(generate)


def generate(
    run: OneTrained,
    *,
    prompt: Annotated[str, typer.Option(help="Text to go on with.")] = "",
    length: Annotated[int, typer.Option(help="Tokens to write.")] = 300,
    temperature: Annotated[float, typer.Option(help="Below 1 the likely becomes likelier; 0 takes the likeliest.")] = 0.8,
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens that have this probability together.")] = 0.95,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Let a language model (task=language) write on; the same text for the same seed."""
    from trainwell.train.generate import generate as write

    text = write(open_one(run), prompt, length=length, temperature=temperature, top_p=top_p, seed=seed)
    if as_json:
        emit_json({"prompt": prompt, "text": text, "seed": seed})
    else:
        typer.echo(prompt + text)
