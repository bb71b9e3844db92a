"""The pictures of the READMEs, in English and Chinese: pages in Chromium, terminal and notebook as they are, of real runs.

Needs `pip install playwright nbclient` and a Chromium, or `playwright install chromium`:

    python scripts/pictures.py /tmp/pictures --adult adult.csv
"""

from __future__ import annotations

import argparse
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console
from rich.text import Text

OUT = Path(__file__).parents[1] / "docs" / "pictures"
#: Width and height of what is shown, in CSS pixels, and how much finer it is drawn.
SIZE, FINER = (1180, 760), 1.4
#: What is trained before the pictures are taken.
RUNS = {
    "mlp": ["model=mlp", "epochs=12"],
    "wide": ["model=mlp", "model.width=512", "model.dropout=0.3", "epochs=12"],
    "residual": ["model=residual_mlp", "epochs=12"],
    "hot": ["model=mlp", "learning_rate=3", "epochs=4"],
    "tabm": ["model=tabm", "epochs=8"],
}
LANGUAGES = {"en": "en-US", "zh": "zh-CN"}


def main() -> None:
    """Train, serve, look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where runs are kept; those that are there are not trained again")
    parser.add_argument("--adult", type=Path, required=True, help="the table of incomes, its names file beside it")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    table = given.adult.resolve()
    os.chdir(given.folder)
    train(table)
    with chromium() as browser:
        for language in LANGUAGES:
            for name, draw in PICTURES.items():
                draw(browser, language, OUT / f"{name}.{language}.webp", table)


def train(table: Path) -> None:
    """The runs that are shown."""
    for name, keys in RUNS.items():
        if not Path(f"adult/{name}/report.html").exists():
            command("fit", str(table), "-t", "income", *keys, "--out", f"adult/{name}", "--seed", "0")
    if not Path("digits/report.html").exists():
        command("demo", "--out", "digits")


def command(*words: str) -> None:
    """A command as a user types it."""
    subprocess.run([sys.executable, "-m", "trainwell", *words], check=True)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        own = shutil.which("chromium") or shutil.which("google-chrome")
        browser = started.chromium.launch(executable_path=own, args=["--no-sandbox"])
        yield browser
        browser.close()


def taken(
    browser: Any, url: str, path: Path, language: str, *, act: Callable[[Any], None] | None = None, height: int = SIZE[1]
) -> None:
    """A picture of a page, as small as WebP makes it."""
    shape = {"width": SIZE[0], "height": height}
    context = browser.new_context(viewport=shape, device_scale_factor=FINER, locale=LANGUAGES[language], color_scheme="light")
    page = context.new_page()
    page.add_init_script(f"try {{ localStorage.setItem('trainwell-language', '{language}') }} catch {{}}")
    page.goto(url)
    if act is not None:
        act(page)
    page.wait_for_timeout(600)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.save(path, "WEBP", quality=72, method=6)
    context.close()
    print(f"{path} {path.stat().st_size / 1000:.0f} kB")


def report(browser: Any, language: str, path: Path, table: Path) -> None:  # noqa: ARG001  drawn like the others
    """The report of a table."""
    taken(browser, Path("adult/tabm/report.html").resolve().as_uri(), path, language)


def serve(browser: Any, language: str, path: Path, table: Path) -> None:  # noqa: ARG001
    """The page that tries a model."""
    from trainwell.ship.serve.start import serve as start
    from trainwell.train.run import Run

    with start(Run.open("adult/tabm"), port=0, block=False) as server:
        taken(browser, server.url, path, language, act=lambda page: page.wait_for_selector("#answer .said"))


def board(browser: Any, language: str, path: Path, table: Path) -> None:  # noqa: ARG001
    """All runs."""
    from trainwell.report.board.serve import open_board

    with open_board(Path("adult"), port=0) as server:
        taken(browser, server.url, path, language, height=560)


def terminal(browser: Any, language: str, path: Path, table: Path) -> None:
    """A training, as the terminal shows it."""
    shutil.rmtree("adult/shown", ignore_errors=True)
    words = ["fit", table.name, "-t", "income", "model=mlp", "epochs=5", "--out", "adult/shown", "--no-report"]
    shown = [*typed(words, language, table.parent), *typed(["evaluate", "adult/shown"], language, table.parent)]
    drawn = Console(record=True, width=110, file=StringIO(), force_terminal=True)
    for line in shown:
        drawn.print(line)
    page = Path("terminal.html")
    page.write_text(
        drawn.export_html(inline_styles=True, code_format=SCREEN.replace("FONT", FONTS[language])), encoding="utf-8"
    )
    taken(browser, page.resolve().as_uri(), path, language)


SCREEN = """<!doctype html><meta charset="utf-8"><body style="margin:0;background:#10141a;color:#d7dde5;padding:18px 24px">
<pre style="font:15px/1.42 FONT,monospace">{code}</pre>"""
#: Fonts in which a Chinese letter is as wide as two Latin ones.
FONTS = {"en": "'DejaVu Sans Mono'", "zh": "'WenQuanYi Zen Hei Mono'"}


def typed(words: list[str], language: str, place: Path) -> list[Text]:
    """What a command prints in a terminal, below what was typed; bars and what they overwrote are left out."""
    ours, theirs = pty.openpty()
    speech = os.environ | {"TRAINWELL_LANGUAGE": language, "COLUMNS": "110", "TERM": "xterm-256color"}
    work = Path.cwd()
    linked = work / words[1]
    if not linked.exists():
        linked.symlink_to(place / words[1])
    with subprocess.Popen([sys.executable, "-m", "trainwell", *words], stdout=theirs, stderr=theirs, env=speech) as process:
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65_536):
                said += part
        except OSError:  # how a terminal says that its other end is closed
            pass
        process.wait()
    lines = [Text.from_ansi(line) for line in said.decode().replace("\r\n", "\n").replace("\r", "\n").splitlines()]
    bars = [line for line in lines if "━" in line.plain]  # drawn over one another; the last one stays
    lines = [line for line in lines if line.plain.strip() and line not in bars[:-1]]
    return [Text(f"$ trainwell {' '.join(words)}", "bold cyan"), *lines, Text("")]


def notebook(browser: Any, language: str, path: Path, table: Path) -> None:  # noqa: ARG001
    """The example notebook, executed, from its training on."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(OUT.parents[1] / "examples" / "table.ipynb", as_version=4)
    book.cells = [cell for cell in book.cells if cell.cell_type == "code" and "%pip" not in cell.source]
    os.environ["TRAINWELL_LANGUAGE"] = language
    NotebookClient(book, timeout=600).execute()
    shown = "".join(cell_html(cell) for cell in book.cells[SHOWN_FROM:])
    page = Path("notebook.html")
    page.write_text(PAPER.format(cells=shown), encoding="utf-8")
    taken(browser, page.resolve().as_uri(), path, language)


#: The first code cell that is shown: the one that trains.
SHOWN_FROM = 2
PAPER = """<!doctype html><meta charset="utf-8"><style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 0; padding: 14px 24px; background: #fff }}
.cell {{ display: grid; grid-template-columns: 64px 1fr; margin-bottom: 12px }}
.cell > span {{ color: #307fc1; font: 13px/2.4 monospace }}
pre.code {{ margin: 0; padding: 8px 12px; background: #f5f5f5; border: 1px solid #e0e0e0; font: 13px/1.45 monospace }}
.out {{ grid-column: 2; padding-top: 8px }}</style>{cells}"""


def cell_html(cell: Any) -> str:
    """A cell as notebooks draw it: what was typed, and what was shown."""
    shown = ["".join(o["data"]["text/html"]) for o in cell.outputs if "text/html" in o.get("data", {})]
    number = f"<span>[{cell.execution_count}]:</span>"
    return (
        f'<div class="cell">{number}<pre class="code">{escape(cell.source)}</pre><div class="out">{"".join(shown)}</div></div>'
    )


PICTURES = {"report": report, "board": board, "serve": serve, "terminal": terminal, "notebook": notebook}
if __name__ == "__main__":
    main()
