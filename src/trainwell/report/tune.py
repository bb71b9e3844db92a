"""What a search found, on the terminal and as a page: the leaderboard, what mattered, and how much was luck."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.evaluate.evaluation import label
from trainwell.report.figures import figure, grid
from trainwell.report.html import write_page
from trainwell.report.markup import Markup, el, join, say
from trainwell.report.numbers import short
from trainwell.report.sections import section
from trainwell.report.svg import Axis, Panel, axis_of
from trainwell.report.tables import Cell, Heads, table
from trainwell.study.tuning.result import Fresh, Tuned

#: Candidates shown on the terminal, and on the page before the rest is folded away.
SHOWN, SHOWN_ON_PAGE = 10, 40
#: Characters of the longest bar of an importance.
BAR = 24


def value_text(value: Any) -> str:
    """A searched value in few characters.

    Example:
        >>> value_text(0.0034567), value_text(128), value_text(["flip"]), value_text(None)
        ('0.003457', '128', '["flip"]', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.4g}" if abs(value) < 10_000 else short(float(value))
    return value if isinstance(value, str) else json.dumps(value)


def leaderboard(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], metric: str) -> Table:
    """Candidates, best first, as a table.

    Args:
        rows: with `number`, `score`, `state` and a value per key.
        keys: the searched ones.
        metric: name of the score.
    """
    found = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("#", spoken(metric), *keys, spoken("candidate")):
        found.add_column(heading, justify="right", overflow="fold")
    for place, row in enumerate(rows, start=1):
        score = "–" if row["score"] is None else short(float(row["score"]))
        style = "bold" if place == 1 else "dim" if row["state"] != "done" else ""
        note = f"{row['number']}" if row["state"] == "done" else f"{row['number']} {row['state']}"
        found.add_row(str(place), score, *(value_text(row.get(key)) for key in keys), note, style=style)
    return found


def show_tuned(tuned: Tuned, *, console: Console | None = None) -> None:
    """Print the leaderboard, the importance of each key, and what the winner's score is worth."""
    out = console or Console()
    out.print(leaderboard(tuned.trials.head(SHOWN).to_dicts(), list(tuned.space), label(tuned.metric)))
    if len(tuned.trials) > SHOWN:
        out.print(Text(spoken(f"… {len(tuned.trials) - SHOWN} more candidates"), "dim"))
    out.print()
    if tuned.importance:
        out.print(_importance(tuned.importance), "")
    out.print(Group(*(Text.assemble((f"{spoken(head)}: ", "dim"), spoken(text)) for head, text in sentences(tuned))))


def _importance(shares: Mapping[str, float]) -> Table:
    found = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("explains", "", "of the differences"):
        found.add_column(spoken(heading), no_wrap=True)
    for key, share in shares.items():
        found.add_row(key, Text("█" * round(share * BAR), "cyan"), f"{share:.0%}")
    return found


def sentences(tuned: Tuned) -> list[tuple[str, str]]:
    """What to remember, each with its heading."""
    n = int(tuned.trials["score"].is_not_null().sum())
    best = f"candidate {tuned.number} of {n}: {label(tuned.metric)} {short(tuned.score)} on validation rows, which chose it"
    found = [("best", best)]
    if tuned.fresh is not None:
        found += _about_luck(tuned.fresh, label(tuned.metric))
    if not tuned.finished:
        found.append(("time", "the time was up before every candidate was scored; call again to go on"))
    return found


def _about_luck(fresh: Fresh, metric: str) -> list[tuple[str, str]]:
    mean = sum(fresh.valid) / len(fresh.valid)
    luck = "none of it was luck" if fresh.optimism <= 0 else f"{short(fresh.optimism)} was the luck of the best of many"
    found = [
        ("luck", f"the winner on {len(fresh.valid)} fresh splits and seeds: {metric} {short(mean)}; {luck}"),
        ("against the start", fresh.verdict.sentence),
    ]
    if fresh.test is not None:
        before = f", before tuning {fresh.test_before}" if fresh.test_before is not None else ""
        looks = "" if fresh.test_looks == 1 else f"; this was look {fresh.test_looks} at them"
        found.append(("test rows", f"{metric} {fresh.test}{before}{looks}"))
    return found


def write_tuning(tuned: Tuned, path: str | Path) -> Path:
    """Write the search as a page of its own.

    Args:
        tuned: what was found.
        path: the file, or a folder for `tuning.html` in it.
    """
    lines = [el("p", el("b", say(heading), ": "), say(text)) for heading, text in sentences(tuned)]
    drawn = [history(tuned), *slices(tuned)]
    parts = [
        section("Result", el("div", *lines, class_="card")),
        section("Candidates", grid(drawn), el("div", _page_table(tuned), class_="card")),
    ]
    return write_page(path, "tuning", "Tuning", *parts, said=[f"{capital(tuned.reason)}."])


def history(tuned: Tuned) -> Markup:
    """Every candidate's score in the order of proposal, and the best so far as a line."""
    rows = sorted(_finite_rows(tuned), key=lambda row: row["number"])
    numbers, scores = [float(row["number"]) for row in rows], [float(row["score"]) for row in rows]
    best: list[float] = []
    for row in rows:
        known = best[-1:] + ([row["score"]] if row["state"] == "done" else [])
        best.append(max(known) if tuned.higher_is_better else min(known)) if known else best.append(math.nan)
    panel = Panel(
        Axis(0.0, max([1.0, *numbers]), "candidate"), axis_of(scores, label(tuned.metric)), name="score over candidates"
    )
    for state, style in (("done", "c0"), ("dropped", "c1")):
        chosen = [row for row in rows if row["state"] == state]
        panel.dots(
            [row["number"] for row in chosen], [row["score"] for row in chosen], style, [_tip(row, tuned) for row in chosen]
        )
    panel.line(numbers, best, "c2", "best so far")
    return figure("Search", panel.svg(), note="Dots: candidates. Line: the best so far.", keys=[("c2", "best so far")])


def slices(tuned: Tuned) -> list[Markup]:
    """The score over each searched key that holds numbers, those that explain most first."""
    keys = sorted(tuned.space, key=lambda key: -tuned.importance.get(key, 0.0))
    return [_slice(tuned, key) for key in keys if tuned.trials[key].dtype.is_numeric()]


def _slice(tuned: Tuned, key: str) -> Markup:
    rows = [row for row in _finite_rows(tuned) if row[key] is not None]
    values, scores = [float(row[key]) for row in rows], [float(row["score"]) for row in rows]
    log = ":log" in tuned.space[key] and min(values, default=0.0) > 0
    panel = Panel(axis_of(values, key, log=log), axis_of(scores, label(tuned.metric)), name=f"{label(tuned.metric)} over {key}")
    panel.dots(values, scores, "c0", [_tip(row, tuned) for row in rows])
    share = f"Explains {tuned.importance[key]:.0%} of the differences." if key in tuned.importance else ""
    return figure(key, panel.svg(), note=share)


def _finite_rows(tuned: Tuned) -> list[dict[str, Any]]:
    return [row for row in tuned.trials.to_dicts() if row["score"] is not None and math.isfinite(row["score"])]


def _tip(row: Mapping[str, Any], tuned: Tuned) -> str:
    values = ", ".join(f"{key} {value_text(row[key])}" for key in tuned.space if row[key] is not None)
    return f"candidate {row['number']}: {label(tuned.metric)} {short(float(row['score']))}; {values}"


def _page_table(tuned: Tuned) -> Markup:
    heads: Heads = [("#", "num"), (label(tuned.metric), "num"), *((key, "num") for key in tuned.space), "state"]
    rows: list[list[Cell]] = [
        [(str(row["number"]), "num"), ("–" if row["score"] is None else short(float(row["score"])), "num")]
        + [(value_text(row[key]), "num") for key in tuned.space]
        + [str(row["state"])]
        for row in tuned.trials.to_dicts()
    ]
    styles = ["first", *[""] * (len(rows) - 1)]
    first = table(heads, rows[:SHOWN_ON_PAGE], styles[:SHOWN_ON_PAGE])
    if len(rows) <= SHOWN_ON_PAGE:
        return first
    return join(first, el("details", el("summary", f"{len(rows) - SHOWN_ON_PAGE} more"), table(heads, rows[SHOWN_ON_PAGE:])))
