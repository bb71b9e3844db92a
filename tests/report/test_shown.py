"""In a notebook every public object is HTML that keeps its style to itself, and a training draws over one place."""

from __future__ import annotations

import inspect
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module

import pytest

import trainwell as tw
from trainwell.core.default_observers import clear_default_observers, default_observers
from trainwell.doctor.finding import Finding
from trainwell.report import jupyter
from trainwell.report.live import LiveCurves
from trainwell.report.shown import DRAWN, html_of, style
from trainwell.study.compare import Comparison
from trainwell.study.verdict import Verdict

VOID = {"img", "meta", "br", "link"}


class Balance(HTMLParser):
    """Complains where a tag is closed that is not the last one opened."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if "style" not in self.open else ""


def words(thing) -> str:
    """The text of an object's HTML, which must be whole."""
    page = Balance()
    page.feed(html_of(thing))
    assert page.open == []
    return " ".join(page.text.split())


@pytest.fixture(scope="module")
def trained():
    data = tw.load("iris")
    return data, tw.fit(tw.Recipe(preset="quick", model="mlp", epochs=2), data, observers=[lambda row: None])


def test_every_public_type_shows_itself():
    public = {name for name in tw.__all__ if inspect.isclass(getattr(tw, name))}
    apart = {"TrainwellError", "TrainwellClassifier", "TrainwellRegressor"}  # an error, and scikit-learn's own display
    assert public - apart <= set(jupyter.SHOWN)
    for name, module in jupyter.SHOWN.items():
        assert inspect.isclass(getattr(import_module(module), name)), name
    assert {kind.__name__ for kind in DRAWN} <= set(jupyter.SHOWN)


def test_data_recipe_run_evaluation_and_layers(trained):
    data, run = trained
    assert "petal length (cm)" in words(data)
    assert "petal length (cm)" in words(data.card)
    assert "model" in words(run.recipe)
    assert "Every key has its default." in words(tw.Recipe())
    assert "validation" in words(run)
    assert "Free baselines" not in words(tw.evaluate(run, data, baselines=False))
    assert "Linear" in words(run.layers())
    assert words(run.recipe.model).startswith("mlp(")


def test_a_finding_that_another_explains_says_which():
    said = words(Finding("every unit is <silent>", code="TW104", name="dead_relu", remedy="Set it.", because_of="TW301"))
    assert "Every unit is <silent>" in said
    assert "Probably because of TW301." in said


def test_a_study_shows_its_page():
    from trainwell.study.compare import judge

    ours, theirs = [0.8, 0.9, 0.85], [0.7, 0.75, 0.8]
    verdict = judge(ours, theirs, higher_is_better=True)
    assert isinstance(verdict, Verdict)
    found = Comparison(("a", "b"), "accuracy", "valid", [0, 1, 2], (ours, theirs), verdict, None, (1.0, 1.0))
    assert "a against b" in words(found)


def test_the_style_reaches_nothing_outside():
    css = style()
    assert css.startswith(".trainwell {")
    depth = 0
    for place, sign in enumerate(css):
        depth += (sign == "{") - (sign == "}")
        assert depth > 0 or place == len(css) - 1 or "{" not in css[:place], "everything lies inside one rule"
    assert ":root" not in css


@pytest.fixture
def shell():
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    made = interactive.InteractiveShell()
    jupyter.register(made)
    yield made
    clear_default_observers()
    interactive.InteractiveShell.clear_instance()


@pytest.mark.filterwarnings("ignore::Warning:IPython", "ignore::ResourceWarning")
def test_a_shell_that_knows_them_shows_them_and_draws_trainings(shell, trained):
    _, run = trained
    formats, _ = shell.display_formatter.format(run)
    assert formats["text/html"].startswith('<div class="trainwell">')
    assert "Run(" in formats["text/plain"]
    assert [type(onlooker) for onlooker in default_observers()] == [LiveCurves]


def test_a_training_draws_one_place_over_and_over(monkeypatch, trained):
    display = pytest.importorskip("IPython.display")
    drawn = []

    class Handle:
        def update(self, page):
            drawn.append(("over", page.data))

    def show(page, *, display_id):
        drawn.append(("new", page.data))
        return Handle()

    monkeypatch.setattr(display, "display", show)
    data, _ = trained
    run = tw.fit(tw.Recipe(preset="quick", model="mlp", epochs=2), data, observers=[LiveCurves()])
    assert [how for how, _ in drawn] == ["new"] + ["over"] * (len(drawn) - 1)
    assert len(drawn) >= 2
    assert f"mlp: finished, step {run.plan.steps} of {run.plan.steps}" in drawn[-1][1]


def test_outside_a_notebook_nothing_is_registered():
    assert jupyter.running_shell() is None
    code = (
        "import IPython, trainwell; from trainwell.core.default_observers import default_observers; print(default_observers())"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
