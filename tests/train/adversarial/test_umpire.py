"""The doctor beside a game tells each finding once, and begins again where a resumed run does."""

from __future__ import annotations

from trainwell.core.history import History
from trainwell.train.adversarial.umpire import Umpire

COLLAPSED = [{"split": "valid", "step": 10 * n, "manifold_recall": 0.0, "diversity": 0.1} for n in range(1, 8)]


def watched(rows) -> tuple[Umpire, list[dict]]:
    history, told = History(), []
    umpire = Umpire(history, History(), [lambda row: told.append(row) or False])
    umpire({"split": "plan", "step": 0})
    for row in rows:
        history.add(**row)
        umpire(row)
    return umpire, told


def test_a_finding_is_told_once_when_it_is_sure():
    umpire, told = watched(COLLAPSED)
    assert [(row["code"], row["split"]) for row in told] == [("TW601", "finding")]
    assert [f.code for f in umpire.close(70, "finished")] == ["TW601"]
    assert [row["split"] for row in umpire.signs.rows] == ["facts", "finding", "end"]


def test_nothing_is_told_of_a_game_that_learns():
    umpire, told = watched([{**row, "manifold_recall": 0.6, "diversity": 0.9} for row in COLLAPSED])
    assert told == []
    assert umpire.close(70, "finished") == []


def test_a_run_that_begins_again_forgets_what_it_will_see_again():
    umpire, _ = watched(COLLAPSED)
    umpire({"split": "plan", "step": 0})
    assert [row["split"] for row in umpire.signs.rows] == ["facts"]
