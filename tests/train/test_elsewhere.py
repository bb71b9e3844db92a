"""What trains on a GPU keeps its tensors together: shown on a device that is none, see `elsewhere.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_is_left_on_the_cpu_when_another_device_trains(tmp_path: Path) -> None:
    program = [sys.executable, str(Path(__file__).with_name("elsewhere.py"))]
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) > 10
    assert {name: trouble for name, trouble in found.items() if trouble} == {}
