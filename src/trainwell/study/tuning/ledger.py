"""The ledger of a study: candidates and their scores in one of Optuna's storages, which any number of workers share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trainwell.core.errors import CheckpointError, UsageError
from trainwell.study.tuning.claims import Alone, Both, Claims, FileClaims, TableClaims, hold
from trainwell.study.tuning.journal import Journal
from trainwell.study.tuning.sampling import Trial, frozen, need_optuna, quiet, to_value
from trainwell.study.tuning.space import Space

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

#: The study's attribute under which its terms are kept.
TERMS = "trainwell"


class Ledger:
    """A study in a storage.

    Args:
        storage: one of Optuna's.
        name: of the study in it.
        claims: how workers keep out of each other's way.
        space: what is searched.
        maximize: whether a high score is good.
        terms: everything that decides the candidates and their scores, as JSON can say it. A study that exists must have the
            same ones.

    Raises:
        CheckpointError: the storage holds a study of this name under other terms.
    """

    def __init__(
        self, storage: BaseStorage, name: str, claims: Claims, *, space: Space, maximize: bool, terms: Mapping[str, Any]
    ) -> None:
        self.storage, self.name, self.claims, self.space = storage, name, claims, space
        self.maximize = maximize
        with quiet(), hold(claims, "study"):
            self._id = self._open(json.loads(json.dumps(terms)))

    def _open(self, terms: dict[str, Any]) -> int:
        from optuna.study import StudyDirection

        study = study_number(self.storage, self.name)
        if study is None:
            direction = StudyDirection.MAXIMIZE if self.maximize else StudyDirection.MINIMIZE
            study = self.storage.create_new_study([direction], study_name=self.name)
        kept = self.storage.get_study_user_attrs(study).get(TERMS)
        if kept is None:  # new, or its maker died between the two lines
            self.storage.set_study_user_attr(study, TERMS, terms)
        elif different := [key for key in terms if kept.get(key) != terms[key]]:
            key = different[0]
            what = f"the study {self.name!r} was begun with {key}={kept.get(key)!r}, now {key}={terms[key]!r}"
            raise CheckpointError(what, remedy="Give the study another name or folder.")
        return study

    def trials(self) -> list[Trial]:
        """Every candidate proposed so far, by number."""
        found: dict[int, Trial] = {}
        for one in self.storage.get_all_trials(self._id, deepcopy=False):
            # A worker that slept through the loss of its claim may propose a candidate again: the first one counts.
            if "number" in one.user_attrs and one.user_attrs["number"] not in found:
                found[one.user_attrs["number"]] = self._read(one)
        return [found[number] for number in sorted(found)]

    def _read(self, one: Any) -> Trial:
        dimensions = self.space.dimensions
        params = {key: to_value(dimensions[key], one.params[key]) for key in dimensions if key in one.params}
        state = {"COMPLETE": "done", "PRUNED": "dropped"}.get(one.state.name, "open")
        return Trial(
            number=one.user_attrs["number"],
            params=params,
            state=state,  # type: ignore[arg-type]  # one of the three words
            score=one.value if state != "open" else None,
            rungs=dict(one.intermediate_values),
            seconds=one.user_attrs.get("seconds", 0.0),
            place=one.number,
        )

    def add(self, number: int, params: Mapping[str, Any]) -> None:
        """Write a candidate down, whole or not at all."""
        with quiet():
            self.storage.create_new_trial(self._id, template_trial=frozen(Trial(number, dict(params)), self.space))

    def finish(self, trial: Trial) -> bool:
        """Write a candidate's scores down; False when another worker was quicker."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        known = self.storage.get_trial_id_from_study_id_trial_number(self._id, trial.place)
        try:
            for rung, score in trial.rungs.items():
                self.storage.set_trial_intermediate_value(known, rung, score)
            self.storage.set_trial_user_attr(known, "seconds", round(trial.seconds, 3))
            state = TrialState.PRUNED if trial.state == "dropped" else TrialState.COMPLETE
            self.storage.set_trial_state_values(known, state, [float(trial.score or 0.0)])
        except UpdateFinishedTrialError:
            return False
        return True

    def importance(self, *, seed: int = 0) -> dict[str, float]:
        """The share of the scores' variance that each key explains (fANOVA), the largest first; empty with too few scores.

        Keys that only some candidates have are left out: what they explain cannot be told from what the part's choice does.

        Source: Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014.
        """
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances
        from optuna.study import load_study

        done = {t.score for t in self.trials() if t.state == "done" and t.score not in (None, float("inf"), -float("inf"))}
        if len(done) < 4:
            return {}
        with quiet():
            study = load_study(study_name=self.name, storage=self.storage)
            found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
        return {key: float(share) for key, share in found.items()}


def study_number(storage: BaseStorage, name: str) -> int | None:
    """The storage's number of a study, or None if it has none of this name."""
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        return None


def kept_terms(storage: BaseStorage, name: str) -> dict[str, Any]:
    """The terms of a study that was begun before; empty for a new one."""
    study = study_number(storage, name)
    return {} if study is None else storage.get_study_user_attrs(study).get(TERMS, {})


def open_storage(where: str | None, folder: Path | None, *, name: str) -> tuple[BaseStorage, Claims]:
    """A storage and the claims that go with it.

    Args:
        where: the URL of a database (`sqlite:///tune.db`, `postgresql://…`), the path of a journal file, or None for a journal
            in the folder, or for memory where there is no folder.
        folder: of the study.
        name: of the study.

    Raises:
        UsageError: a storage without a folder, or a file that is neither.
        MissingExtra: Optuna is not installed.
    """
    need_optuna()
    from optuna.storages import InMemoryStorage, JournalStorage

    if folder is None:
        if where is not None:
            raise UsageError(
                "a storage is shared between workers, and they need a folder for their runs", remedy="Give folder=…"
            )
        return InMemoryStorage(), Alone()
    folder.mkdir(parents=True, exist_ok=True)
    files = FileClaims(folder / "claims")
    if where is not None and "://" in where:
        return _database(where, files, name)
    path = Path(where) if where else folder / "journal.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    if where:  # a journal that is shared between folders: its claims lie beside it
        files = FileClaims(path.with_name(f"{path.name}.claims"))
    return JournalStorage(Journal(path)), files  # type: ignore[arg-type]  # it has the two methods that are called


def _database(url: str, files: FileClaims, name: str) -> tuple[BaseStorage, Claims]:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

    waiting = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    try:
        with quiet(), hold(files, "database"):
            storage = RDBStorage(url, engine_kwargs={"pool_pre_ping": True, **waiting})
    except (ArgumentError, NoSuchModuleError, OperationalError, ImportError) as error:
        place = urlsplit(url)
        raise UsageError(
            f"the database cannot be used ({str(error).splitlines()[0]})",
            where=f"{place.scheme}://{place.hostname or place.path}",
            remedy="Write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; each kind needs its driver.",
        ) from None
    return storage, Both(TableClaims(storage.engine, name), files)
