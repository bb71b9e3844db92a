"""Hook of MkDocs: puts the generated reference pages among the written ones."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

from reference import pages

generated = cache(pages)


def on_config(config: Any) -> Any:
    """Called by MkDocs first: the reference's part of the navigation, before the decisions."""
    titled = [{content.split("\n", 1)[0].removeprefix("# "): path} for path, content in generated().items()]
    before = next(i for i, entry in enumerate(config.nav) if "Decisions" in entry)
    config.nav.insert(before, {"Reference": titled})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Called by MkDocs when it has found the written pages."""
    for path, content in generated().items():
        files.append(File.generated(config, path, content=content))
    return files
