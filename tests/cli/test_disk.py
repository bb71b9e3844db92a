"""A folder that cannot be written is one sentence, not a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_run_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("taken")
    command = [sys.executable, "-m", "trainwell", "fit", "iris", "epochs=1", "--out", str(tmp_path / "file" / "run")]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 1
    assert "Traceback" not in outcome.stderr
    assert "Not a directory" in outcome.stderr
    assert "choose another folder" in outcome.stderr
    assert (tmp_path / "file").read_text() == "taken"
