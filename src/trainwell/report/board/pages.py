"""The pages of the board: the list of runs, one run, and runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

from trainwell.core.errors import TrainwellError
from trainwell.doctor.examine import read_findings
from trainwell.evaluate.evaluation import Evaluation, label
from trainwell.report.board.index import Entry, recipe_text
from trainwell.report.figures import CLASS_STYLES, figure, grid, training_curves
from trainwell.report.findings import findings_section
from trainwell.report.html import document
from trainwell.report.markup import Markup, el, join, masthead, say
from trainwell.report.numbers import short
from trainwell.report.runs import differences
from trainwell.report.svg import Panel, axis_of
from trainwell.train.run import Run

#: Rows of the list that are sent at once.
SHOWN = 200
#: Runs that can stand beside each other.
MOST = 8
_TONES = {"finished": "PASS", "stopped early": "PASS", "running": "WARN", "not finite": "FAIL"}


def list_page(root: str, rows: Markup) -> str:
    """The list of runs; its rows are asked for again while the page is open."""
    heads = ("", "run", "status", "validation", "curve", "test", "epochs", "time")
    head = el("tr", *(el("th", say(h), class_="num" if h in ("epochs", "time") else None) for h in heads))
    search = el("input", id="filter", type="search", placeholder="filter · 筛选", aria_label="filter")
    bar = el("div", search, el("button", say("Compare"), id="compare", type="submit", disabled="disabled"), class_="bar")
    table = el("table", el("thead", head), el("tbody", rows, id="rows", data_poll="rows"))
    listed = el("form", bar, el("div", el("div", table, class_="scroll"), class_="card"), action="compare", method="get")
    return _page("Runs", root, listed)


def list_rows(entries: Sequence[Entry], words: str = "", most: int = SHOWN) -> Markup:
    """The rows of the list: runs whose name, status or network holds all the words."""
    wanted = [entry for entry in entries if all(word in _said(entry) for word in words.lower().split())]
    if not wanted:
        return el("tr", el("td", say("No run here yet."), colspan=8, class_="soft"))
    rows = [_row(entry) for entry in wanted[:most]]
    if len(wanted) > most:
        more = el("button", f"{len(wanted) - most:,} ", say("more"), type="button", id="more", class_="more")
        rows.append(el("tr", el("td", more, colspan=8)))
    return join(*rows)


def _said(entry: Entry) -> str:
    return f"{entry.name} {entry.status} {entry.about['monitor']}".lower()


def _row(entry: Entry) -> Markup:
    about, test = entry.about, entry.about["test"]
    primary = about["primary"]
    score = Markup("") if about["score"] is None else _named(about["monitor"], about["score"])
    seconds = "" if about["seconds"] is None else _time(about["seconds"])
    tick = el("input", type="checkbox", name="run", value=entry.name, aria_label=f"compare {entry.name}")
    return el(
        "tr",
        el("td", tick),
        el("td", el("a", entry.name, href=f"run?{urlencode({'name': entry.name})}")),
        el("td", _pill(entry.status)),
        el("td", score),
        el("td", _spark(entry.curve)),
        el("td", _named(primary, test[primary]) if primary in test else ""),
        el("td", f"{entry.epoch:.1f}" if entry.epoch else "", class_="num"),
        el("td", seconds, class_="num"),
    )


def _named(metric: str, value: float) -> Markup:
    return join(say(label(metric)), f" {short(value)}")


def _pill(status: str) -> Markup:
    return el("span", say(status), class_=f"pill {_TONES.get(status, '')}")


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _spark(values: Sequence[float]) -> Markup:
    """A score over the validations, without axes."""
    there = [v for v in values if v == v and abs(v) != float("inf")]
    if len(there) < 2:
        return Markup("")
    step, low, high = max(1, len(there) // 60), min(there), max(there)
    there = there[::step]
    points = [(120 * i / (len(there) - 1), 23 - 20 * (v - low) / ((high - low) or 1)) for i, v in enumerate(there)]
    path = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return el("svg", el("path", d=path, class_="line c0"), class_="spark", viewBox="0 0 120 26", aria_hidden="true")


def run_page(entry: Entry) -> str:
    """One run: its curves and findings, which grow while it trains, and its recipe."""
    query = urlencode({"name": entry.name})
    live = el("div", run_part(entry), id="rows", data_poll=f"run-part?{query}")
    recipe = el("details", el("summary", say("Recipe")), el("pre", recipe_text(entry.folder)), class_="card")
    report = el("p", el("a", say("Report"), href=f"report?{query}")) if (entry.folder / "report.html").exists() else ""
    return _page(entry.name, str(entry.folder), join(live, recipe, report))


def run_part(entry: Entry) -> Markup:
    """What changes while a run trains."""
    run = Run.open(entry.folder)
    about = entry.about
    facts = [
        (f"validation {about['monitor']}", about["score"]),
        *((f"test {name}", value) for name, value in about["test"].items()),
    ]
    shown = [_fact(short(value), name) for name, value in facts if value is not None]
    shown += [_fact(f"{entry.epoch:.1f}", "epochs"), _fact(f"{about['steps']:,}", "steps")]
    head = el("div", _pill(entry.status), el("div", *shown, class_="facts"), class_="card")
    curves = training_curves(run.history.rows, about["monitor"])
    drawn = grid(curves) if curves else el("p", say("Nothing was measured yet."), class_="soft")
    findings = _findings(run)
    return join(head, el("h2", say("Training")), drawn, el("h2", say("Findings")), el("div", findings, class_="card"))


def _fact(value: str, name: str) -> Markup:
    return el("div", el("b", value), el("span", say(name)), class_="fact")


def _findings(run: Run) -> Markup:
    assert run.folder is not None
    if not (run.folder / "findings.json").exists():
        return el("p", say("The doctor has not looked yet."), class_="soft")
    return findings_section(read_findings(run.folder), [*run.history.rows, *run.signs.rows])


def compare_page(entries: Sequence[Entry]) -> str:
    """Runs beside each other: their scores, a figure per score that all of them measure, and what differs between them."""
    entries = entries[:MOST]
    runs = {entry.name: Run.open(entry.folder) for entry in entries}
    curves = [_together(runs, name) for name in _shared(runs)]
    scores = _beside("Scores", list(runs), _scores(entries))
    return _page("Runs beside each other", ", ".join(runs), join(scores, grid(curves), _different(runs)))


def _scores(entries: Sequence[Entry]) -> dict[Markup, Sequence[Markup | str]]:
    """State, score on validation rows, and every test score that some run has, with its interval; by row."""
    rows: dict[Markup, Sequence[Markup | str]] = {say("state"): [_pill(entry.status) for entry in entries]}
    monitors = dict.fromkeys(entry.about["monitor"] for entry in entries)
    for name in monitors:
        found = [entry.about["score"] if entry.about["monitor"] == name else None for entry in entries]
        rows[join(say("validation"), " ", say(label(name)))] = ["" if score is None else short(score) for score in found]
    tested = [_test_scores(entry) for entry in entries]
    for name in dict.fromkeys(name for scores in tested for name in scores):
        rows[join(say("test"), " ", say(label(name)))] = [scores.get(name, "") for scores in tested]
    rows[say("time")] = ["" if entry.about["seconds"] is None else _time(entry.about["seconds"]) for entry in entries]
    return rows


def _test_scores(entry: Entry) -> dict[str, str]:
    if not (entry.folder / "evaluation.json").exists():
        return {}
    return {
        name: f"{short(score.value)} ({short(score.low)} – {short(score.high)})"
        for name, score in Evaluation.load(entry.folder).scores.items()
    }


def _different(runs: Mapping[str, Run]) -> Markup:
    """Every key of the recipe in which some two of the runs differ, the seed and the data, one column a run."""
    first, *others = runs.values()
    keys = dict.fromkeys(key for other in others for key in differences(first, other) if not key.startswith("test "))
    whole = [key for key in keys if not any(key.startswith(f"{other}.") for other in keys)]
    rows: dict[Markup, Sequence[Markup | str]] = {
        el("code", key): [_said_of(_value(run, key)) for run in runs.values()] for key in whole
    }
    return _beside("What differs", list(runs), rows) if rows else el("p", say("Nothing differs."), class_="card soft")


def _value(run: Run, key: str) -> Any:
    """What a run has under a dotted key of its recipe, its seed, or the beginning of its data's fingerprint."""
    if key in ("seed", "data"):
        return run.plan.seed if key == "seed" else run.plan.data[:12]
    found: Any = run.recipe.model_dump()
    for step in key.split("."):
        found = found.get(step, "") if isinstance(found, Mapping) else ""
    return found


def _said_of(value: Any) -> str:
    """A value of a recipe as one would say it: `tabm (width 16, depth 2)`."""
    if isinstance(value, Mapping) and "name" in value:
        options = ", ".join(f"{name} {_said_of(option)}" for name, option in value.items() if name != "name")
        return f"{value['name']} ({options})" if options else str(value["name"])
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_said_of, value)) or "–"
    return short(value) if isinstance(value, float) else str(value)


def _beside(title: str, names: Sequence[str], rows: Mapping[Markup, Sequence[Markup | str]]) -> Markup:
    """A table with a column for each run."""
    head = el("tr", el("th", ""), *(el("th", el("a", name, href=f"run?{urlencode({'name': name})}")) for name in names))
    body = [el("tr", el("td", name), *(el("td", cell) for cell in cells)) for name, cells in rows.items()]
    return join(el("h2", say(title)), el("div", el("div", el("table", head, *body), class_="scroll"), class_="card"))


def _shared(runs: Mapping[str, Run]) -> list[str]:
    """Loss first, then the scores that every run measures."""
    seen = [{k for row in run.history.rows if row.get("split") == "valid" for k in row} for run in runs.values()]
    names = set.intersection(*seen) - {"step", "epoch", "split", "best", "seconds", "loss"} if seen else set()
    return ["loss", *sorted(names)][:6]


def _together(runs: Mapping[str, Run], name: str) -> Markup:
    lines = {run: [r for r in found.history.rows if r.get("split") == "valid" and name in r] for run, found in runs.items()}
    values = [float(row[name]) for rows in lines.values() for row in rows]
    epochs = [float(row["epoch"]) for rows in lines.values() for row in rows]
    if not values:
        return figure(name, el("p", say("Nothing was measured yet."), class_="soft"))
    panel = Panel(axis_of([0.0, *epochs], "epoch"), axis_of(values, ""), name=name)
    styles = dict(zip(lines, cycle(CLASS_STYLES), strict=False))
    for run, rows in lines.items():
        panel.line([float(r["epoch"]) for r in rows], [float(r[name]) for r in rows], styles[run], run)
    return figure(f"validation {name}", panel.svg(), keys=[(style, run) for run, style in styles.items()])


def refusal_page(error: TrainwellError) -> str:
    """Why a page cannot be shown."""
    return _page("This cannot be shown", "", el("p", str(error), class_="card"))


def _page(title: str, subtitle: str, content: Markup) -> str:
    header = masthead(title, el("p", say(subtitle), class_="soft"), home="./")
    script, style = (files("trainwell.report.board").joinpath(f"board.{s}").read_text(encoding="utf-8") for s in ("js", "css"))
    return document(title, join(header, content, el("script", Markup(script)), el("style", Markup(style))))
