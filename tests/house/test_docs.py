"""Every code block of README, CONTRIBUTING and docs runs; the reference covers everything; the site builds."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from house.blocks import PAGES, blocks_of
from house.registries import ENTRIES, REGISTRIES
from house.sample_data import write_samples
from house.tree import ROOT
from house.verbs import verbs
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import json_schema

MOST_EXCUSES = 8
WITH_BLOCKS = [page for page in PAGES if blocks_of(page)]


def page_id(page) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=page_id)
def test_every_block_runs(page, tmp_path):
    write_samples(tmp_path)
    settings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    settings["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    command = [sys.executable, "-W", "error", "-m", "house.blocks", str(page)]
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_few_blocks_are_excused_and_each_says_why():
    excused = [block for page in PAGES for block in blocks_of(page) if block.excuse]
    assert len(excused) <= MOST_EXCUSES, [block.place for block in excused]
    assert all(len(block.excuse.split()) >= 3 for block in excused)


def test_pages_open_no_network():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "![](http" not in text


def reference_pages() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_the_reference_has_every_name_key_and_verb():
    pages = reference_pages()
    text = "\n".join(pages.values())
    for registry, name, _ in ENTRIES:
        for option in registry.options(name):
            assert f"| `{option}` |" in text
        assert f"\n## {name}\n" in text
    for key in Recipe.model_fields:
        assert f"| `{key}` |" in pages["reference/recipe.md"]
    for words in verbs():
        assert f"\n## trainwell {' '.join(words)}\n" in pages["reference/command-line.md"]
    assert len(pages) == 4 + len(REGISTRIES)


def test_the_schema_on_disk_is_current():
    assert (ROOT / "schema" / "recipe.schema.json").read_text(encoding="utf-8") == json_schema(), "run: make schema"


def test_every_page_is_in_the_navigation():
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in site
