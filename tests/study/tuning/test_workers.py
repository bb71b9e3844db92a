"""Any number of workers, stopped and started anywhere, make the same study."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import numpy as np
import pytest

from study.tuning.small import TINY, table
from trainwell.core.errors import CheckpointError, TrainingError
from trainwell.study.tuning import workers as module
from trainwell.study.tuning.journal import Journal
from trainwell.study.tuning.prepare import Wishes, prepare
from trainwell.study.tuning.sampling import Trial
from trainwell.study.tuning.verify import done_twice, verify_tuning
from trainwell.study.tuning.workers import Crew, Deadline, ended, work, workable

RECIPE = TINY.but(target="y")
SPACE = {"learning_rate": "1e-2..1:log", "model.width": [2, 4]}


@pytest.fixture(scope="module")
def data():
    return table()


def wishes(folder=None, **changes) -> Wishes:
    kept = {"space": SPACE, "trials": 6, "batch": 2, "parallel": 2, "method": "tpe", "seed": 1, "metric": "log_loss"} | changes
    return Wishes(folder=str(folder) if folder else None, **kept)


def found(study):
    return [(t.number, t.params, t.state, t.score, t.rungs) for t in study.ledger.trials()]


def run(data, asked: Wishes, **options):
    study = prepare(RECIPE, data, asked)
    work(study.search, study.ledger, data, trials=study.trials, folder=study.runs, **options)
    return study


@pytest.fixture(scope="module")
def undisturbed(data):
    return found(run(data, wishes()))


class Killed(BaseException):
    """Stops a worker at an instant of the test's choice, as a kill would: nothing is written after it."""


def test_in_memory_and_on_disk_are_the_same(data, undisturbed, tmp_path):
    assert found(run(data, wishes(tmp_path))) == undisturbed


@pytest.mark.parametrize("url", ["sqlite:///{}/tune.db", "{}/elsewhere.log"])
def test_every_storage_holds_the_same_study(url, data, undisturbed, tmp_path):
    study = run(data, wishes(tmp_path / "study", storage=url.format(tmp_path)))
    assert found(study) == undisturbed


@pytest.mark.parametrize("at", range(0, 36, 5))
def test_a_study_stopped_at_any_line_of_its_journal_goes_on_to_the_same(at, data, undisturbed, tmp_path, monkeypatch):
    """The worker dies right before line `at`; what it held is free, and the next one ends the study."""
    lines = 0
    append = Journal.append_logs

    def counted(self, logs):
        nonlocal lines
        lines += 1
        if lines > at:
            raise Killed
        append(self, logs)

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append_logs", counted)
        with suppress(Killed):
            run(data, wishes(tmp_path))
    assert found(run(data, wishes(tmp_path))) == undisturbed
    assert done_twice(tmp_path / "journal.log") == 0


def test_more_trials_later_are_the_same_as_all_at_once(data, undisturbed, tmp_path):
    for trials in (1, 3, 6):
        study = run(data, wishes(tmp_path, trials=trials))
    again = found(study)
    assert [(number, params, state) for number, params, state, *_ in again] == [(n, p, s) for n, p, s, *_ in undisturbed]
    # Batches of other sizes are other stacks, which add in another order.
    np.testing.assert_allclose([score for *_, score, _ in again], [score for *_, score, _ in undisturbed], rtol=1e-6)


def test_other_terms_are_refused_by_name(data, tmp_path):
    prepare(RECIPE, data, wishes(tmp_path))
    for change in ({"method": "random"}, {"seed": 2}, {"space": {"learning_rate": "1e-2..1:log"}}, {"batch": 3}, {"seeds": 2}):
        with pytest.raises(CheckpointError, match=next(iter(change))):
            prepare(RECIPE, data, wishes(tmp_path, **change))
    with pytest.raises(CheckpointError, match="recipe"):
        prepare(RECIPE.but(epochs=3), data, wishes(tmp_path))


def test_what_is_left_open_stays_as_it_was_begun(data, tmp_path):
    prepare(RECIPE, data, wishes(tmp_path, batch=3, parallel=4))
    search = prepare(RECIPE, data, wishes(tmp_path, batch=None, parallel=None)).search
    assert (search.brackets.size, search.parallel) == (3, 4)


def trial(number: int, state="done") -> Trial:
    return Trial(number, {}, state, 0.5 if state == "done" else None)


def test_a_batch_waits_for_the_scores_that_it_looks_at(data):
    search = prepare(RECIPE, data, wishes()).search  # batches of 2, two in flight
    assert list(workable(search, [], 8)) == [0]  # batch 1 has to know what batch 0 tries
    assert list(workable(search, [trial(0, "open"), trial(1, "open")], 8)) == [0, 1]
    begun = [trial(n, "open") for n in range(4)]
    assert list(workable(search, begun, 8)) == [0, 1]
    assert list(workable(search, [trial(0, "open"), trial(1), trial(2), trial(3)], 8)) == [0]
    assert list(workable(search, [trial(0), trial(1), *begun[2:]], 8)) == [1, 2]
    assert ended(search, [trial(n) for n in range(8)], 8)
    assert not ended(search, [trial(n) for n in range(7)], 8)


def test_a_proposal_does_not_look_at_scores_that_another_run_might_not_have_yet(data):
    search = prepare(RECIPE, data, wishes(parallel=2)).search
    early = [Trial(n, {"learning_rate": 0.1, "model.width": 2}, "done", float(n)) for n in range(24)]
    late = [t if t.number < 22 else Trial(t.number, t.params, "open") for t in early]
    assert search.propose(24, early) == search.propose(24, late)


def test_the_time_is_up_before_a_batch_that_would_take_too_long(data):
    study = prepare(RECIPE, data, wishes())
    late = Deadline(at=0.0)
    assert not work(study.search, study.ledger, data, trials=6, folder=None, deadline=late)
    assert study.ledger.trials() == []


def test_a_crew_leaves_when_its_parent_does(monkeypatch):
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen

    def waiting(_command, **options):
        started.append(popen(["cat"], **{**options, "stdout": subprocess.DEVNULL}))
        return started[-1]

    monkeypatch.setattr(module.subprocess, "Popen", waiting)
    with Crew({}, 2) as crew:
        assert crew.alive()
    assert [process.poll() for process in started] == [0, 0]


def test_a_worker_that_gives_up_is_an_error_and_one_that_was_killed_is_not(monkeypatch):
    popen = subprocess.Popen
    for code, kind in (("exit 3", TrainingError), ("kill -9 $$", None)):
        monkeypatch.setattr(module.subprocess, "Popen", lambda _c, code=code, **o: popen(["sh", "-c", f"read x; {code}"], **o))
        with Crew({}, 1) as crew:
            crew.processes[0].wait()
            if kind is None:
                assert not crew.alive()
            else:
                with pytest.raises(kind, match="gave up"):
                    crew.alive()


@pytest.mark.slow
def test_killed_workers_lose_and_change_nothing():
    asked = Wishes(space=SPACE, trials=8, batch=2, folder=".", seed=1, metric="log_loss")
    outcome = verify_tuning("iris", TINY, asked, kills=5, workers=2, say=lambda _: None)
    assert outcome.kills == 5
    assert outcome.sound, str(outcome)
