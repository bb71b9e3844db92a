"""Evaluations, cards, networks and rate tests as text, from 80 columns on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trainwell.core.i18n import capital, spoken
from trainwell.core.stats import Interval
from trainwell.data.card import Card
from trainwell.evaluate.details import Making
from trainwell.evaluate.evaluation import Baseline, Evaluation, label, rows_named
from trainwell.report.columns import column_facts

if TYPE_CHECKING:  # what prints a data card loads no torch
    from trainwell.train.summary import Layer

VERDICT_STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red"}
JUDGEMENT_STYLES = {"better": "bold green", "worse": "bold red", "unclear": "bold yellow"}
FIT_STYLES = {"overfit": "yellow", "underfit": "yellow", "balanced": "green"}
#: Width from which a table shows more columns.
WIDE = 110
#: Baselines that learn nothing: far from the others, they would squeeze them into one corner of the axis.
FAR = ("most frequent class", "mean of the target", "repeat the last value", "drift")
#: Columns of a card that are printed.
MOST_COLUMNS = 60
BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(counts: Sequence[float]) -> str:
    """Counts as one line of blocks; empty bins stay empty.

    Example:
        >>> sparkline([0, 1, 4, 8, 2])
        ' ▁▄█▂'
    """
    top = max(counts, default=0)
    return "".join(" " if c <= 0 else BLOCKS[max(0, math.ceil(c / top * 8) - 1)] for c in counts)


def whisker(interval: Interval, low: float, high: float, width: int) -> str:
    """An interval as a dot with whiskers on an axis from `low` to `high`; an arrow where it lies outside.

    Example:
        >>> whisker(Interval(0.5, 0.3, 0.7, 9), 0.0, 1.0, 11)
        '   ├─●─┤   '
    """
    if not low <= interval.value <= high:
        return "◂".ljust(width) if interval.value < low else "▸".rjust(width)

    def place(x: float) -> int:
        return round((x - low) / (high - low) * (width - 1)) if high > low else width // 2

    line = [" "] * width
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        start, end = place(max(low, interval.low)), place(min(high, interval.high))
        line[start : end + 1] = "─" * (end + 1 - start)
        line[start], line[end] = "├", "┤"
    line[place(interval.value)] = "●"
    return "".join(line)


def number(value: float, decimals: int = 4) -> str:
    """A score in few characters: `0.8712`, `46,512`, and `–` where there is none."""
    return "–" if not math.isfinite(value) else f"{value:,.{decimals}f}"


def show_evaluation(evaluation: Evaluation, *, console: Console | None = None) -> None:
    """Print an evaluation: the verdict, every score with its interval and against the baselines, and where it is weak."""
    out = console or Console()
    out.print(_headline(evaluation))
    out.print(Padding(_scores(evaluation, wide=out.width >= WIDE), (1, 0)))
    if evaluation.baselines:
        out.print(_against_baselines(evaluation, out.width), "")
    for line in _remarks(evaluation):
        out.print(line)


def _headline(e: Evaluation) -> Text:
    counts = {"classification": f"{len(e.names)} classes", "multilabel": f"{len(e.names)} labels"}
    counts["segmentation"] = f"a class for every pixel, {len(e.names)} classes"
    what = spoken(counts[e.task]) if e.task in counts else ", ".join(e.names)
    if e.task == "classification" and len(e.names) == 2:
        what += f"; {spoken(f'precision, recall and F1 are those of {e.names[1]}')}"
    line = Text.assemble((spoken(f"{e.n:,} {rows_named(e.part)}"), "bold"), f", {what}\n")
    if e.gap:
        sentence = f"{capital(e.gap.sentence)}."
        line.append(spoken(sentence), JUDGEMENT_STYLES[e.gap.judgement])
    else:
        line.append(f"{spoken(label(e.primary))} {spoken(str(e.scores[e.primary]))}", "bold")
    return line


def _scores(e: Evaluation, *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(spoken("score"), no_wrap=True)
    for heading in ("network", "95% CI"):
        table.add_column(spoken(heading), justify="right", no_wrap=True)
    rivals = e.baselines if wide else e.baselines[:1]
    for b in rivals:
        table.add_column(spoken(b.name if wide else "best free"), justify="right", max_width=16)
    if e.gap:
        table.add_column(spoken("better by"), justify="right", no_wrap=True)
    for name, found in e.scores.items():
        table.add_row(*_score_row(e, name, found, rivals), style="bold" if name == e.primary else "")
    return table


def _score_row(e: Evaluation, name: str, found: Interval, rivals: Sequence[Baseline]) -> list[Text]:
    d = found.decimals
    cells = [f"{spoken(label(name))} {'↑' if e.higher_is_better[name] else '↓'}", number(found.value, d)]
    cells += [spoken(f"{number(found.low, d)} to {number(found.high, d)}"), *(number(b.scores[name].value, d) for b in rivals)]
    row = [Text(cell) for cell in cells]
    if e.gap:
        gap = e.gap.difference if name == e.gap.metric else e.gap.others[name]
        style = "green" if gap.low > 0 else "red" if gap.high < 0 else "dim"
        row.append(Text(f"{gap.value:+,.{gap.decimals}f}" if math.isfinite(gap.value) else "–", style))
    return row


def _against_baselines(e: Evaluation, width: int) -> Table:
    found = {"network": e.scores[e.primary]} | {b.name: b.scores[e.primary] for b in e.baselines}
    seconds = {b.name: f"{b.seconds:.1f} s" for b in e.baselines}
    near = [i for name, i in found.items() if name not in FAR] or list(found.values())
    ends = [x for i in near for x in (i.low, i.high, i.value) if math.isfinite(x)]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(spoken(label(e.primary)), no_wrap=True)
    for justify in ("right", "left", "right"):
        table.add_column("", no_wrap=True, justify=justify)
    order = sorted(found, key=lambda k: found[k].value, reverse=e.higher_is_better[e.primary])
    for name in order:
        line = whisker(found[name], min(ends), max(ends), max(20, min(60, width - 48)))
        style = "bold" if name == "network" else ""
        table.add_row(spoken(name), number(found[name].value, found[name].decimals), line, seconds.get(name, ""), style=style)
    return table


def _remarks(e: Evaluation) -> list[Text]:
    """What else is worth a line: fit, frequent mistakes, weak groups of rows, notes."""
    lines = []
    if e.fit:
        lines.append(_remark("fit", e.fit.sentence, FIT_STYLES[e.fit.judgement]))
    if e.mistakes:
        lines.append(
            _remark("mistakes", "; ".join(spoken(f"{true} taken for {said} ({n})") for true, said, n in e.mistakes[:4]))
        )
    weak = [s for s in e.slices if s.stands_out and s.difference < 0][:3]
    for s in weak:
        worse = number(abs(s.difference), s.score.decimals)
        text = f"{s.column} is {s.value}: {label(e.slice_metric)} {s.score}, {worse} worse than elsewhere"
        lines.append(_remark("weak where", text))
    if e.decided is not None:
        lines += [_remark("decision", sentence) for sentence in e.decided.sentences]
    if e.looked:
        lines.append(_remark("looks", e.looked))
    if e.making is not None:
        lines += _making(e.making)
    if e.writing is not None and e.writing.samples:
        lines.append(_remark("it writes", " ".join(e.writing.samples[0].text.split())[:200]))
    return lines + [_remark("note", note, "yellow") for note in e.notes]


def _making(making: Making) -> list[Text]:
    """What real pictures would score, what a classifier learns from made ones, and how pictures were turned."""
    name, best = next(iter(making.real.items()))
    lines = [_remark("real pictures", f"training pictures in the place of made ones score {label(name)} {best}")]
    if making.taught is not None and making.taught_by_real is not None:
        said = f"a classifier taught by made pictures alone has accuracy {making.taught} on real ones"
        lines.append(_remark("teaches", f"{said}; taught by real ones {making.taught_by_real}"))
    return lines + [_remark("turned", way.sentence) for way in making.ways]


def _remark(head: str, text: str, style: str = "") -> Text:
    return Text.assemble((f"{spoken(head)}: ", "dim"), (spoken(text), style))


def show_card(card: Card, *, console: Console | None = None) -> None:
    """Print a data card: every check, then every column."""
    out = console or Console()
    out.print(_card_head(card), "")
    out.print(_checks(card, ("FAIL", "WARN", "PASS")), "")
    out.print(_columns(card, out.width))
    if len(card.columns) > MOST_COLUMNS:
        out.print(spoken(f"… {len(card.columns) - MOST_COLUMNS} more columns"))


def show_card_briefly(card: Card, *, console: Console | None = None) -> None:
    """Print what a card warns of, on stderr: the start of a training."""
    out = console or Console(stderr=True)
    out.print(_card_head(card))
    if card.verdict != "PASS":
        out.print(_checks(card, ("FAIL", "WARN")))


def _card_head(card: Card) -> Text:
    rows = ", ".join(f"{n:,} {part}" for part, n in card.rows.items() if n)
    features = sum(c.get("role") == "feature" for c in card.columns)
    targets = [str(c["name"]) for c in card.columns if c.get("role") == "target"]
    line = Text.assemble(
        (f" {spoken(card.verdict)} ", f"reverse {VERDICT_STYLES[card.verdict]}"), " ", (card.origin or spoken("data"), "bold")
    )
    columns = spoken(f"{features} feature{'s' * (features != 1)}")
    aim = spoken(f" to predict {', '.join(targets)}") if targets else ""
    return line.append(f": {spoken(f'{rows} rows')}; {columns}{aim}")


def _checks(card: Card, verdicts: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for verdict in verdicts:
        for check in card.checks:
            if check.verdict == verdict:
                table.add_row(Text(spoken(verdict), VERDICT_STYLES[verdict]), Text(spoken(check.text)))
    return table


def _columns(card: Card, width: int) -> Table:
    """One line per column; what is left of the width goes to the values."""
    wide, rows = width >= WIDE, sum(card.rows.values())
    found = [(column_facts(c, rows=rows), c.get("role")) for c in card.columns[:MOST_COLUMNS]]
    names = max([6, *(min(len(f.name), 32 if wide else 18) for f, _ in found)])
    spread = 24 if wide else 12
    left = width - names - 9 - 7 - spread - 4 * 2
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading, size in (("column", names), ("kind", 9), ("missing", 7), ("spread", spread), ("values", left)):
        table.add_column(
            spoken(heading), width=size, no_wrap=True, overflow="ellipsis", justify="right" if heading == "missing" else "left"
        )
    for facts, role in found:
        style = "bold" if role == "target" else "" if role == "feature" else "dim"
        line = sparkline(facts.counts[:24] if wide else _halved(facts.counts[:24]))
        cells = facts.name, spoken(facts.kind), facts.missing, Text(line, "cyan"), spoken(facts.text)
        table.add_row(*cells, style=style)
    return table


def _halved(counts: Sequence[float]) -> list[float]:
    """Neighbouring bins added together, where there is little room."""
    return [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)] if len(counts) > 12 else list(counts)


def show_layers(layers: Sequence[Layer], *, console: Console | None = None) -> None:
    """Print a network layer by layer, and its totals; a narrow terminal leaves out the batch axis and shortens millions."""
    out = console or Console()
    narrow = out.width < WIDE
    names = "layer", "kind", "one output" if narrow else "output", "parameters", "mult-adds" if narrow else "multiply-adds"
    heads = tuple(map(spoken, names))
    lines = [_layer_cells(layer, narrow) for layer in layers]
    sums = (sum(layer.parameters for layer in layers), sum(layer.multiplications for layer in layers))
    total = (spoken(f"{len(layers)} layers"), "", "", *(_count(n, narrow) for n in sums), "")
    widths = [max(map(cell_len, column)) for column in zip((*heads, spoken("mean ± dev.")), *lines, total, strict=True)]
    left = max(8, out.width - sum(widths[1:]) - 2 * len(heads))
    table = Table(box=None, pad_edge=False, header_style="dim", show_footer=True)
    for place, (head, foot) in enumerate(zip((*heads, spoken("mean ± dev.")), total, strict=True)):
        table.add_column(head, foot, no_wrap=True, justify="left" if place < 3 else "right")
    for name, *others in lines:
        table.add_row(name if len(name) <= left else f"…{name[1 - left :]}", *others)
    out.print(table)


def _layer_cells(layer: Layer, narrow: bool) -> tuple[str, ...]:
    shape = layer.output.removeprefix("(B, ").removesuffix(")") if narrow else layer.output
    counts = (_count(layer.parameters, narrow), _count(layer.multiplications, narrow))
    spread = "" if math.isnan(layer.mean) else f"{layer.mean:.2f} ± {layer.deviation:.2f}"
    return layer.name, layer.kind, shape, *counts, spread


def _count(n: int, narrow: bool) -> str:
    return f"{n / 1e6:,.1f} M" if narrow and n >= 10_000_000 else f"{n:,}"


def show_rates(rates: Sequence[float], losses: Sequence[float], text: str, *, console: Console | None = None) -> None:
    """Print the range test: loss over learning rate, and what it suggests."""
    out = console or Console()
    rows = _plot(losses, width=max(20, min(len(losses), out.width - 26)), height=10)
    low, high = min(losses), max(losses)
    for i, line in enumerate(rows):
        edge = f"{high:8.3g} ┤" if i == 0 else f"{low:8.3g} ┤" if i == len(rows) - 1 else " " * 9 + "│"
        out.print(Text(edge, "dim").append(line, "cyan"))
    left, right = f"{rates[0]:.1g}", f"{rates[-1]:.1g}"
    out.print(
        Text(
            " " * 10 + left + " " * max(1, len(rows[0]) - len(left) - len(right)) + right + f"  {spoken('learning rate')}",
            "dim",
        )
    )
    out.print(Text(spoken(text), "bold"))


def _plot(values: Sequence[float], *, width: int, height: int) -> list[str]:
    """Values as dots, the largest on top: `height` lines of `width` characters."""
    low, high = min(values), max(values)
    grid = [[" "] * width for _ in range(height)]
    for x in range(width):
        value = values[round(x * (len(values) - 1) / max(1, width - 1))]
        y = round((high - value) / (high - low) * (height - 1)) if high > low else height // 2
        grid[y][x] = "•"
    return ["".join(line) for line in grid]


def show_leaderboard(rows: Sequence[dict[str, Any]], *, title: str = "", console: Console | None = None) -> None:
    """Print rows of the same keys as a ranked table; intervals are shown as such.

    Args:
        rows: best first; values are text, numbers or `Interval`.
        title: a heading.
        console: where to; the terminal by default.
    """
    out = console or Console()
    if not rows:
        out.print(spoken("nothing to rank"))
        return
    table = Table(box=None, pad_edge=False, header_style="dim", title=title or None, title_justify="left")
    table.add_column("#", justify="right")
    for key, value in rows[0].items():
        table.add_column(key, justify="left" if isinstance(value, str) else "right", overflow="fold")
    for place, row in enumerate(rows, start=1):
        table.add_row(str(place), *(_cell(v) for v in row.values()), style="bold" if place == 1 else "")
    out.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, Interval):
        d = value.decimals
        return spoken(f"{number(value.value, d)} ({number(value.low, d)} to {number(value.high, d)})")
    return number(value) if isinstance(value, float) else str(value)
