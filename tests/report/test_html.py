"""The page is one whole file: well-formed, small, safe against what the data say, and needs no network."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from report.stories import NASTY, story_about
from trainwell.data.card import Card, Check
from trainwell.report.html import page, write_report
from trainwell.report.run import data_uri, recipe_lines, report
from trainwell.report.story import Story

VOID = {"meta", "img"}


class Checker(HTMLParser):
    """Collects tags and complains about those that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.ids, self.links, self.words = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [v for k, v in attrs if k == "id"]
        self.links += [v for k, v in attrs if k in {"href", "src"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def checked(text):
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    return checker


@pytest.fixture(scope="module", params=["classification", "regression"])
def story(request):
    return story_about(request.param)


def test_the_page_is_well_formed_and_small(story):
    text = page(story)
    found = checked(text)
    assert len(text.encode()) < 500_000
    for link in found.links:
        assert link.startswith(("#", "data:"))
        assert not link.startswith("#") or link[1:] in found.ids


def test_nothing_is_fetched(story):
    text = page(story).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|@import|url\(|<link|fetch\(|XMLHttp", text)


def test_names_from_the_data_cannot_break_the_page(story):
    found = checked(page(story))
    assert sum(tag == "script" for tag, _ in found.seen) == 1
    if story.evaluation.task == "classification":
        assert any(NASTY in w for w in found.words)
    assert any("<b>x</b>" in w for w in found.words)


def test_every_section_is_there_and_linked(story):
    found = checked(page(story))
    expected = {"scores", "training", "errors", "weak-spots", "data", "network", "recipe", "reproduce"}
    assert expected <= set(found.ids)
    assert {f"#{name}" for name in expected} <= set(found.links)
    text = " ".join(found.words)
    assert story.evaluation.gap.sentence[4:] in text
    assert "tables are flat" in text


def test_lines_under_the_pointer_lie_inside_their_frame(story):
    drawn = [json.loads(a["data-lines"]) for _, a in checked(page(story)).seen if "data-lines" in a]
    assert len(drawn) >= 3
    for panel in drawn:
        left, right, top, bottom = panel["frame"]
        for line in panel["lines"]:
            assert all(left - 0.1 <= x <= right + 0.1 and top - 0.1 <= y <= bottom + 0.1 for x, y, *_ in line["points"])


def test_a_story_without_evaluation_shows_what_there_is():
    card = Card("a.csv", rows={"train": 3}, checks=[Check("leak", "FAIL", "x tells y")])
    found = checked(page(Story(title="t", subtitle="s", evaluation=None, card=card)))
    assert "scores" not in found.ids
    assert "x tells y" in found.words


def test_the_file_goes_where_it_was_asked_for(tmp_path):
    story = Story(title="t", subtitle="s", evaluation=None, card=Card("a.csv"))
    assert write_report(story, tmp_path) == tmp_path / "report.html"
    assert write_report(story, tmp_path / "other.html").read_text(encoding="utf-8") == page(story)


def test_reasons_stand_beside_what_they_explain():
    from trainwell.core.recipe import Recipe
    from trainwell.core.recipe_file import to_yaml

    recipe = Recipe(model={"name": "mlp", "width": 64}, lr=0.01)
    lines = recipe_lines(recipe, to_yaml(recipe, {"model": "flat rows", "learning_rate": "found"}))
    assert {(x.key, x.value, x.why) for x in lines} >= {("learning_rate", "0.01", "found")}
    assert "flat rows" in {x.why for x in lines if x.key.startswith("model")}


def test_pictures_are_kept_small():
    rng = np.random.default_rng(0)
    small, large = rng.integers(0, 256, (1, 8, 8), dtype=np.uint8), rng.integers(0, 256, (3, 300, 400), dtype=np.uint8)
    assert data_uri(small).startswith("data:image/png;base64,")
    assert data_uri(large).startswith("data:image/jpeg;base64,")
    assert len(data_uri(large)) < 20_000


def test_a_run_with_pictures_gets_its_report(tmp_path):
    import trainwell as tw

    data = tw.load("digits")
    run = tw.fit(tw.Recipe(preset="quick", epochs=1), data, folder=tmp_path / "run")
    path = report(run, data)
    text = path.read_text(encoding="utf-8")
    found = checked(text)
    assert path.parent == run.folder
    assert sum(tag == "img" for tag, _ in found.seen) == min(18, len(tw.evaluate(run, data, baselines=False).worst))
    assert len(text.encode()) < 500_000
    assert (run.folder / "evaluation.json").exists()
