"""Every notebook runs from top to bottom in an empty folder, and its objects show themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::RuntimeWarning:zmq")


def executed(path: Path, folder: Path) -> Any:
    """The notebook with the outputs of a fresh kernel that has `folder` as its own."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    book = nbformat.read(path, as_version=4)
    return nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


def pages(cell: Any) -> list[str]:
    """What a cell shows as HTML."""
    shown = [output for output in cell.get("outputs", []) if output["output_type"] in ("display_data", "execute_result")]
    return [output["data"]["text/html"] for output in shown if "text/html" in output["data"]]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kernels want another event loop there")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    book = executed(path, tmp_path)
    fitted = [cell for cell in book.cells if cell.cell_type == "code" and ".fit(" in cell.source and "= " in cell.source]
    assert fitted
    for cell in fitted:
        curves = [page for page in pages(cell) if "trainwell" in page]
        assert len(curves) == 1, "a training leaves one drawing, however often it was drawn over"
        assert "<svg" in curves[0]
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], "and no lines of a training beside it"
    assert sum(len(pages(cell)) for cell in book.cells) >= 4


def test_there_are_three_and_they_are_executed() -> None:
    nbformat = pytest.importorskip("nbformat")
    assert [path.stem for path in NOTEBOOKS] == ["own_module", "pictures", "table"]
    for path in NOTEBOOKS:
        book = nbformat.read(path, as_version=4)
        assert all(cell.execution_count for cell in book.cells if cell.cell_type == "code"), path.name
