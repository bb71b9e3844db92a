"""The page in a real browser: by keyboard alone, at desktop and phone width, in English and Chinese."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

import trainwell as tw
from ship.serve.kit import serving, table

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser, server, *, width=1280, locale="en-US", token=""):
    """The page, on which nothing may be logged and nothing may go wrong."""
    context = browser.new_context(viewport={"width": width, "height": 850}, locale=locale)
    page = context.new_page()
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
    own = (server.url, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else page.wrong.append(request.url))
    page.goto(server.url)
    if not token:
        page.wait_for_selector("#answer .said")
    return page


def said(page):
    return page.inner_text("#answer .said")


def test_a_row_is_filled_by_keyboard_alone(rich, browser):
    page = opened(browser, rich.server)
    page.focus("#tab-row")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "f0"
    page.keyboard.press("Control+A")
    page.keyboard.type("19")
    page.wait_for_function("document.querySelector('#answer .said').textContent === 'low'")
    page.keyboard.press("Control+A")
    page.keyboard.type("900")
    page.wait_for_function("document.querySelector('.field.odd .hint')")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    page.focus("#tab-row")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#file")
    assert page.evaluate("document.activeElement.id") == "tab-file"
    assert page.wrong == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_and_every_control_has_a_name(rich, browser, width):
    page = opened(browser, rich.server, width=width)
    for tab in ("#tab-row", "#tab-file", "#tab-code"):
        page.click(tab)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    controls = "[...document.querySelectorAll('input:not([hidden]),select,textarea')]"
    nameless = f"{controls}.filter(e => !e.labels?.length && !e.ariaLabel).length"
    assert page.evaluate(nameless) == 0
    assert page.wrong == []


def test_the_language_is_the_browsers_and_can_be_switched(rich, browser):
    page = opened(browser, rich.server, locale="zh-CN")
    assert page.inner_text("h1") == "预测 class"
    page.fill("#f0", "old")
    page.wait_for_selector("#problems li")
    assert "按空值处理" in page.inner_text("#problems")
    page.click("#language")
    assert page.inner_text("h1") == "Predict class"
    assert "treated as empty" in page.inner_text("#problems")


def test_a_table_is_answered_and_a_wrong_one_is_told(rich, browser, tmp_path):
    (tmp_path / "rows.csv").write_text(table(30).drop("class", "pay").write_csv())
    (tmp_path / "wrong.csv").write_text("colour\nred\n")
    page = opened(browser, rich.server)
    page.click("#tab-file")
    page.set_input_files("#table", tmp_path / "rows.csv")
    page.wait_for_selector("#answers-table tbody tr")
    assert page.locator("#answers-table tbody tr").count() == 30
    with page.expect_download() as saved:
        page.click("#save")
    assert len(pl.read_csv(saved.value.path())) == 30
    page.set_input_files("#table", tmp_path / "wrong.csv")
    page.wait_for_selector("#file-problems li")


def test_a_token_is_asked_for(classifier, browser):
    with serving(classifier, token="secret") as client:
        page = opened(browser, client.server, token="secret")
        page.wait_for_selector("#gate:not([hidden])")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('#gate-note').textContent")
        page.fill("#token", "secret")
        page.keyboard.press("Enter")
        page.wait_for_selector("#answer .said")


def test_a_picture_is_dropped_and_named(digits, browser, tmp_path):
    from PIL import Image

    Image.new("L", (20, 20), 90).save(tmp_path / "grey.png")
    with serving(digits) as client:
        page = browser.new_context().new_page()
        page.goto(client.server.url)
        page.set_input_files("#f0", tmp_path / "grey.png")
        page.wait_for_selector("#answer .said")
        assert said(page) in set(digits.preparation.classes)
        assert page.locator(".drop img").count() == 1


@pytest.mark.parametrize(
    ("width", "locale", "head"), [(1280, "en-US", "Most alike in training"), (390, "zh-CN", "训练数据中最相似的")]
)
def test_the_nearest_training_rows_are_shown(browser, tmp_path, width, locale, head):
    table().drop("pay").write_csv(tmp_path / "rich.csv")
    run = tw.fit(
        tw.Recipe(model="mlp", epochs=1, preset="quick"), tw.load(tmp_path / "rich.csv", "class"), folder=tmp_path / "run"
    )
    with serving(tw.open_bundle(tw.bundle(run, tmp_path / "a.tw", examples=30))) as client:
        page = opened(browser, client.server, width=width, locale=locale)
        page.wait_for_selector("#nearest li:nth-child(3)")
        assert page.inner_text("#near-head") == head
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        first = page.inner_text("#nearest li:first-child")
        page.locator("#fields input[type=text]").first.fill("69")
        page.wait_for_function("first => document.querySelector('#nearest li:first-child').innerText !== first", arg=first)
        page.locator("#clear").click()
        page.wait_for_selector("#near", state="hidden")
        assert page.wrong == []
