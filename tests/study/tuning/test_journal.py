"""The journal is Optuna's own format, and a torn last line costs that line and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from study.tuning.small import TINY, table
from trainwell.core.errors import CheckpointError
from trainwell.study.tuning.journal import Journal, locked, whole_length
from trainwell.study.tuning.prepare import Wishes, prepare
from trainwell.study.tuning.verify import done_twice
from trainwell.study.tuning.workers import work

SPACE = {"learning_rate": "1e-2..1:log", "model.width": [2, 4]}


def study_in(folder: Path):
    return prepare(TINY.but(target="y"), table(), Wishes(space=SPACE, trials=2, batch=2, method="random", folder=str(folder)))


def work_on(folder: Path):
    study = study_in(folder)
    work(study.search, study.ledger, table(), trials=study.trials, folder=study.runs)
    return [(t.number, t.params, t.score) for t in study.ledger.trials()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "study"
    work_on(folder)
    return folder


def test_optunas_own_backend_reads_the_file(finished, tmp_path):
    copy = shutil.copy(finished / "journal.log", tmp_path / "copy.log")
    study = optuna.load_study(study_name="study", storage=JournalStorage(JournalFileBackend(str(copy))))
    assert [(t.number, t.state.name) for t in study.trials] == [(0, "COMPLETE"), (1, "COMPLETE")]
    assert study.best_trial.params.keys() == {"learning_rate", "model.width"}


def last_lines(journal: Path, n: int) -> list[tuple[bytes, bytes]]:
    """What stands before each of the last n lines, and the line."""
    lines = journal.read_bytes().splitlines(keepends=True)
    return [(b"".join(lines[:i]), lines[i]) for i in range(len(lines) - n, len(lines))]


@pytest.mark.parametrize("which", [-1, 0], ids=["a score", "a candidate"])
def test_a_journal_torn_at_every_byte_of_its_last_line_goes_on(finished, tmp_path, which):
    """The storage opens with what was whole before, and takes the next line, whatever the length of the rest."""
    lines = (finished / "journal.log").read_bytes().splitlines(keepends=True)
    created = next(i for i, line in enumerate(lines) if json.loads(line)["op_code"] == 4)
    cut = len(lines) - 1 if which == -1 else created
    before, torn = b"".join(lines[:cut]), lines[cut]
    expected = list(Journal(_file(tmp_path, before)).read_logs(0))
    for length in range(len(torn)):
        path = _file(tmp_path, before + torn[:length])
        assert list(Journal(path).read_logs(0)) == expected
        storage = JournalStorage(Journal(path))
        storage.set_study_user_attr(0, "again", length)
        assert path.read_bytes().startswith(before)
        assert JournalStorage(Journal(path)).get_study_user_attrs(0)["again"] == length


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "journal.log"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("back", range(1, 7))
def test_a_study_whose_journal_was_torn_ends_with_the_same_scores(finished, tmp_path, back, share):
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    before, torn = last_lines(finished / "journal.log", 6)[-back]
    (folder / "journal.log").write_bytes(before + torn[: int(share * len(torn))])
    assert work_on(folder) == work_on(finished)
    assert done_twice(folder / "journal.log") == 0


def test_damage_in_the_middle_is_said_with_its_line(finished, tmp_path):
    lines = (finished / "journal.log").read_bytes().splitlines(keepends=True)
    path = _file(tmp_path, b"".join([lines[0], b'{"op_co\n', *lines[1:]]))
    with pytest.raises(CheckpointError, match="line 2 is damaged"):
        list(Journal(path).read_logs(0))


def test_reading_goes_on_where_it_ended(tmp_path):
    writer, reader = Journal(tmp_path / "a"), Journal(tmp_path / "a")
    for i in range(3):
        writer.append_logs([{"i": i}, {"i": -i}])
        assert [log["i"] for log in reader.read_logs(2 * i)] == [i, -i]
    assert len(list(reader.read_logs(0))) == 6
    assert list(reader.read_logs(6)) == []


def test_the_last_line_break_is_found_across_blocks(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 10 + b"\n" + b"y" * 25)
    assert [whole_length(path, block=b) for b in (1, 7, 25, 26, 1000)] == [11] * 5


def test_a_lock_dies_with_its_holder(tmp_path):
    code = "import sys; from pathlib import Path; from trainwell.study.tuning.journal import locked\n"
    code += "with locked(Path(sys.argv[1])): print('mine', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "l")], stdin=-1, stdout=-1, text=True)
    with holder:
        assert holder.stdout.readline() == "mine\n"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with locked(tmp_path / "l"):  # hangs if the dead could hold it
            pass
