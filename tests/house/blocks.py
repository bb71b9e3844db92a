"""Code blocks of the documentation, and how each language is run.

`python -m house.blocks PAGE` runs the blocks of one page in the folder it is started in: a process of its own, for what a page
registers and imports must not be seen by other tests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from house.tree import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = {"python", "bash", "console", "yaml"}
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*).*?\n(?P<code>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+?) -->\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page; `excuse` says why it is not run, and is empty when it is."""

    page: Path
    line: int
    language: str
    code: str
    excuse: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page in the languages that are run."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        excuse = _NOT_RUN.search(text, 0, match.start())
        code = "".join(line[len(match["indent"]) :] for line in match["code"].splitlines(keepends=True))
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(page, line, match["language"], code, excuse["reason"] if excuse else ""))
    return [block for block in found if block.language in RUN]


def run_block(block: Block, namespace: dict[str, Any], folder: Path) -> None:
    """Run a block in `folder`; a failure names page and line."""
    if block.language == "python":
        source = "\n" * (block.line - 1) + block.code  # tracebacks show the line of the page
        exec(compile(source, str(block.page), "exec"), namespace)
    elif block.language == "yaml":
        check_recipe(block, folder)
    else:
        run_shell(block, folder)


def check_recipe(block: Block, folder: Path) -> None:
    from trainwell.core.recipe_file import read_recipe

    path = folder / "block.yaml"
    path.write_text(block.code, encoding="utf-8")
    read_recipe(path)


def run_shell(block: Block, folder: Path) -> None:
    code = block.code
    if block.language == "console":
        code = "\n".join(line[2:] for line in code.splitlines() if line.startswith(("$ ", "> ")))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {**os.environ, "PATH": path, "COLUMNS": "100"}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], cwd=folder, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, f"{block.place} ended with {done.returncode}\n{code}\n{done.stdout}\n{done.stderr}"


def run_page(page: Path, folder: Path) -> None:
    """Run a page's blocks in order; its Python blocks share their names."""
    sys.path.insert(0, str(folder))
    namespace: dict[str, Any] = {"__name__": "__page__"}
    for block in blocks_of(page):
        if not block.excuse:
            run_block(block, namespace, folder)


if __name__ == "__main__":
    run_page(Path(sys.argv[1]), Path.cwd())
