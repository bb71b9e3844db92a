"""What lies in the repository: text that people wrote, and no outputs."""

from __future__ import annotations

import subprocess

import pytest

from house.tree import ROOT

OUTPUTS = {".safetensors", ".ckpt", ".jsonl", ".pt", ".pyc", ".log"}
FOLDERS = {"runs", "site", "dist", "build", ".venv", "__pycache__"}
LARGEST = 1 << 20


@pytest.fixture(scope="module")
def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert files
    return [file for file in files if file.exists()]


def test_no_outputs_are_committed(tracked):
    wrong = [f for f in tracked if f.suffix in OUTPUTS or FOLDERS & set(f.relative_to(ROOT).parts)]
    assert not wrong


def test_files_are_small(tracked):
    assert not [f for f in tracked if f.stat().st_size > LARGEST]


def test_pinned_versions_cover_every_dependency():
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(r) for lines in (project["dependencies"], *project["optional-dependencies"].values()) for r in lines]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pinned = {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}
    for requirement in wanted:
        name = requirement.name.lower().replace("_", "-")
        if name != "trainwell":
            assert requirement.specifier.contains(pinned[name]), requirement
