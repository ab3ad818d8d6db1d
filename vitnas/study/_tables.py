"""Whole batches of trials in one transaction, into the tables of Optuna's `RDBStorage`.

`Study.add_trial` takes one transaction for each trial and two statements for each parameter: 30 ms and more.
The rows written here are the same. Where the tables are not those that this file knows (Optuna 4.5 to 5.0),
`is_known` says so, and trials go the slow way.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.orm import Session

from vitnas.study.spec import GENOME

COLUMNS = {  # that a finished trial without intermediate values fills
    "TrialModel": {"trial_id", "number", "study_id", "state", "datetime_start", "datetime_complete"},
    "TrialValueModel": {"trial_value_id", "trial_id", "objective", "value", "value_type"},
    "TrialParamModel": {"param_id", "trial_id", "param_name", "param_value", "distribution_json"},
    "TrialUserAttributeModel": {"trial_user_attribute_id", "trial_id", "key", "value_json"},
    "TrialSystemAttributeModel": {"trial_system_attribute_id", "trial_id", "key", "value_json"},
}
AT_ONCE = 500  # identifiers in one statement: SQLite once took at most 999


def is_known(storage: object) -> bool:
    """Whether the storage is a database with the tables that this file knows."""
    if type(storage) is not RDBStorage:
        return False
    found = {name: getattr(models, name, None) for name in COLUMNS}
    return all(
        model is not None and {column.name for column in model.__table__.columns} == COLUMNS[name]
        for name, model in found.items()
    )


class Tables:
    """The rows of one study.

    Attributes:
        trials: genome -> trial, of all that the study holds as far as it was read or written here.
    """

    def __init__(self, storage: RDBStorage, study_id: int) -> None:
        self._engine = storage.engine
        self._study_id = study_id
        self._last = -1  # trial, of those in ``trials``
        self.trials: dict[str, int] = {}
        with Session(self._engine) as session:
            self._read_genomes(session)

    def add(self, trials: Sequence[FrozenTrial]) -> int:
        """Add those whose genome the study does not hold, all or none; how many that were."""
        with Session(self._engine) as session, session.begin():
            self._lock(session)
            before, last = dict(self.trials), self._last
            try:
                self._read_genomes(session)
                new = [t for t in trials if t.user_attrs[GENOME] not in self.trials]
                if new:
                    self._insert(session, new)
                session.flush()
            except BaseException:
                self.trials, self._last = before, last
                raise
        return len(new)

    def _lock(self, session: Session) -> None:
        """Keep everybody else who adds trials to this study out until the transaction ends.

        Optuna itself locks this row. A write is what locks an SQLite database.
        """
        study = models.StudyModel.__table__
        mine = study.c.study_id == self._study_id
        session.execute(update(study).where(mine).values(study_name=study.c.study_name))

    def _read_genomes(self, session: Session) -> None:
        trial, attribute = models.TrialModel.__table__, models.TrialUserAttributeModel.__table__
        found = session.execute(
            select(trial.c.trial_id, attribute.c.value_json)
            .join(attribute, attribute.c.trial_id == trial.c.trial_id)
            .where(trial.c.study_id == self._study_id, trial.c.trial_id > self._last)
            .where(attribute.c.key == GENOME)
        )
        self._note((json.loads(value), trial_id) for trial_id, value in found)

    def _note(self, found: Iterable[tuple[str, int]]) -> None:
        for genome, trial_id in found:
            self.trials[genome] = trial_id
            self._last = max(self._last, trial_id)

    def _insert(self, session: Session, trials: Sequence[FrozenTrial]) -> None:
        mine = models.TrialModel.study_id == self._study_id
        count = session.execute(select(func.count(models.TrialModel.trial_id)).where(mine)).scalar_one()
        rows = [
            models.TrialModel(
                number=count + k,
                study_id=self._study_id,
                state=trial.state,
                datetime_start=trial.datetime_start,
                datetime_complete=trial.datetime_complete,
            )
            for k, trial in enumerate(trials)
        ]
        session.add_all(rows)
        session.flush()  # which gives them their identifiers
        pairs = [(int(row.trial_id), trial) for row, trial in zip(rows, trials, strict=True)]
        _insert_rows(session, models.TrialValueModel, (v for p in pairs for v in _values(*p)))
        _insert_rows(session, models.TrialParamModel, _params(pairs))
        for model, kind in _ATTRIBUTES.items():
            _insert_rows(session, model, (a for i, t in pairs for a in _attributes(i, getattr(t, kind))))
        self._note((trial.user_attrs[GENOME], trial_id) for trial_id, trial in pairs)

    def amend(self, attributes: Mapping[str, Mapping[str, Any]], *, replace: bool = False) -> int:
        """Give trials that are there further user attributes; how many trials had to change.

        Args:
            attributes: by genome; attributes that are not named stay.
            replace: those that are there take the new value.
        """
        wanted = {
            (self.trials[genome], key): json.dumps(value)
            for genome, own in attributes.items()
            if genome in self.trials
            for key, value in own.items()
        }
        changed: set[int] = set()
        with Session(self._engine) as session, session.begin():
            self._lock(session)
            trials = sorted({trial for trial, _ in wanted})
            for start in range(0, len(trials), AT_ONCE):
                changed |= self._amend(session, trials[start : start + AT_ONCE], wanted, replace)
        return len(changed)

    def drop(self, key: str, keep: Collection[str]) -> None:
        """Take a user attribute away from all trials but those of some genomes."""
        trial, attribute = models.TrialModel.__table__, models.TrialUserAttributeModel.__table__
        kept = {self.trials.get(genome) for genome in keep}
        with Session(self._engine) as session, session.begin():
            found = session.execute(
                select(attribute.c.trial_user_attribute_id, attribute.c.trial_id)
                .join(trial, attribute.c.trial_id == trial.c.trial_id)
                .where(trial.c.study_id == self._study_id, attribute.c.key == key)
            ).all()
            _delete_rows(session, [row for row, trial_id in found if trial_id not in kept])

    def _amend(
        self,
        session: Session,
        trials: Sequence[int],
        wanted: Mapping[tuple[int, str], str],
        replace: bool,
    ) -> set[int]:
        table = models.TrialUserAttributeModel.__table__
        columns = (table.c.trial_user_attribute_id, table.c.trial_id, table.c.key, table.c.value_json)
        known = session.execute(select(*columns).where(table.c.trial_id.in_(trials))).all()
        stored = {(trial, key): value for _, trial, key, value in known}
        own = set(trials)
        new = {
            place: value
            for place, value in wanted.items()
            if place[0] in own and (stored.get(place) != value if replace else place not in stored)
        }
        _delete_rows(session, [row for row, trial, key, _ in known if (trial, key) in new])
        rows = ({"trial_id": t, "key": k, "value_json": v} for (t, k), v in new.items())
        _insert_rows(session, models.TrialUserAttributeModel, rows)
        return {trial for trial, _ in new}


_ATTRIBUTES = {
    models.TrialUserAttributeModel: "user_attrs",
    models.TrialSystemAttributeModel: "system_attrs",
}


def _values(trial_id: int, trial: FrozenTrial) -> Iterable[dict[str, Any]]:
    for objective, value in enumerate(trial.values or ()):
        stored, kind = models.TrialValueModel.value_to_stored_repr(value)
        yield {"trial_id": trial_id, "objective": objective, "value": stored, "value_type": kind}


def _params(trials: Iterable[tuple[int, FrozenTrial]]) -> Iterable[dict[str, Any]]:
    spelled: dict[str, str] = {}  # of a study, a parameter has one distribution
    for trial_id, trial in trials:
        for name, value in trial.params.items():
            kind = trial.distributions[name]
            if name not in spelled:
                spelled[name] = distribution_to_json(kind)
            yield {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": kind.to_internal_repr(value),
                "distribution_json": spelled[name],
            }


def _attributes(trial_id: int, attributes: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for key, value in attributes.items():
        yield {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}


def _delete_rows(session: Session, attributes: Sequence[int]) -> None:
    table = models.TrialUserAttributeModel.__table__
    for start in range(0, len(attributes), AT_ONCE):
        rows = attributes[start : start + AT_ONCE]
        session.execute(delete(table).where(table.c.trial_user_attribute_id.in_(rows)))


def _insert_rows(session: Session, model: Any, rows: Iterable[dict[str, Any]]) -> None:
    table: Table = model.__table__
    listed = list(rows)
    if listed:
        session.execute(insert(table), listed)
