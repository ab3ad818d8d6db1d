"""Writes trials into an Optuna study; Optuna 4.5 to 5."""

from __future__ import annotations

import contextlib
import datetime
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from vitnas.arch.operators import Scalar
from vitnas.errors import StorageError
from vitnas.study.spec import GENOME, RUN, StudySpec, StudyTrial, progression
from vitnas.study.url import StorageUrl

HAS_CONSTRAINTS = hasattr(FrozenTrial, "set_constraint")  # from version 5 on
PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
MADE_MEANWHILE = ("already exists", "alembic_version", "version_info")  # errors of two who make the tables
WORST = 1e3  # of a constraint: an unknown cost is infinitely bad, which JSON does not have


class StudyWriter:
    """A study, made if there is none of this name.

    Args:
        url: of the storage.
        spec: what its trials share.

    Raises:
        StorageError: the storage cannot be used, or its study of this name is of something else.
    """

    def __init__(self, url: StorageUrl, spec: StudySpec) -> None:
        self.url = url
        self.spec = spec
        self._distributions = {name: distribution(choices) for name, choices in spec.choices.items()}
        with self._reported():
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            self._storage = _connected(url)
            self._study = self._load()
            self._tables = _tables(self._storage, self._storage.get_study_id_from_name(spec.name))
            self._genomes = set(self._tables.trials) if self._tables else self._read_genomes()

    def __len__(self) -> int:
        """Architectures in the study."""
        return len(self._genomes)

    def __contains__(self, genome: object) -> bool:
        return genome in self._genomes

    def add(self, trials: Sequence[StudyTrial]) -> int:
        """Add whole trials; those whose genome is there are left out. How many were new.

        Raises:
            StorageError: the storage refused them. None was added, unless its tables are unknown and it was
                given them one by one.
        """
        unknown = {trial.genome: trial for trial in trials if trial.genome not in self._genomes}
        if not unknown:
            return 0
        with self._reported():
            frozen = [self._frozen(trial) for trial in unknown.values()]
            if self._tables is None:
                self._study.add_trials(frozen)
                added = len(frozen)
            else:
                added = int(self._tables.add(frozen))
        self._genomes.update(unknown)
        return added

    def amend(self, attributes: Mapping[str, Mapping[str, Any]]) -> int:
        """Add user attributes to trials that are there, by genome; how many trials lacked one.

        Optuna has no way to change a finished trial, so nothing happens where its tables are unknown.

        Raises:
            StorageError: the storage refused them.
        """
        if self._tables is None or not attributes:
            return 0
        with self._reported():
            return int(self._tables.amend(attributes))

    def mark(self, key: str, values: Mapping[str, Any]) -> int:
        """As ``amend`` for one attribute, which changes where it was another, and goes from other trials."""
        if self._tables is None:
            return 0
        with self._reported():
            self._tables.drop(key, set(values))
            return int(self._tables.amend({g: {key: value} for g, value in values.items()}, replace=True))

    def close(self) -> None:
        """Let go of the connections."""
        with self._reported():
            self._storage.engine.dispose()

    def _load(self) -> optuna.Study:
        """The study, checked, or a new one."""
        directions = [direction for _, direction in self.spec.metrics]
        study = optuna.create_study(
            storage=self._storage,
            study_name=self.spec.name,
            directions=directions,
            sampler=optuna.samplers.RandomSampler(),
            load_if_exists=True,
        )
        self._refuse_others(study)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # metric names are marked experimental
            names = [name for name, _ in self.spec.metrics]
            if study.metric_names != names:
                study.set_metric_names(names)
        wanted = {**self.spec.attributes, "constraints": list(self.spec.constraints), RUN: self.spec.run}
        known = study.user_attrs
        for name, value in wanted.items():
            if known.get(name) != value:
                study.set_user_attr(name, value)
        return study

    def _refuse_others(self, study: optuna.Study) -> None:
        where = f"{self.url.option}: the study '{self.spec.name}' in {self.url}"
        run = study.user_attrs.get(RUN)
        if run is None and study.get_trials(deepcopy=False):
            raise StorageError(f"{where} was not written by vitnas; take another `name`")
        if run not in (None, self.spec.run):
            raise StorageError(f"{where} is of another run; take another `name`")
        if [d.name.lower() for d in study.directions] != [d for _, d in self.spec.metrics]:
            raise StorageError(f"{where} has other objectives; take another `name`")

    def _read_genomes(self) -> set[str]:
        return {str(t.user_attrs.get(GENOME)) for t in self._study.get_trials(deepcopy=False)}

    def _frozen(self, trial: StudyTrial) -> FrozenTrial:
        """As Optuna's `create_trial` makes it."""
        limits = dict(zip(self.spec.constraints, map(_bounded, trial.constraints), strict=True))
        marks: dict[str, Any] = {"constraints": limits} if limits and HAS_CONSTRAINTS else {}
        if not HAS_CONSTRAINTS or any(value > 0 for value in limits.values()):
            # the only form of Optuna 4, and the only one that optuna-dashboard 0.21 reads: without it, what
            # exceeds a budget stands among the best
            marks["system_attrs"] = {"constraints": list(limits.values())} if limits else {}
        made = create_trial(
            state=TrialState.FAIL if trial.values is None else TrialState.COMPLETE,
            values=trial.values,
            params=dict(trial.params),
            distributions={name: self._distributions[name] for name in trial.params},
            user_attrs={GENOME: trial.genome, **trial.attributes},
            **marks,
        )
        if made.datetime_complete is not None:  # an evaluation that ended now
            made.datetime_start = made.datetime_complete - datetime.timedelta(seconds=trial.seconds)
        return made

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """What goes wrong in a storage as one line without a password."""
        try:
            yield
        except StorageError:
            raise
        except Exception as problem:
            raise StorageError(_message(self.url, problem)) from None


def require_driver(url: StorageUrl) -> None:
    """Whether there is a driver for a database, as far as can be said without asking the database.

    Raises:
        StorageError: no such kind of database, or its driver is not installed; names the package.
    """
    try:
        sqlalchemy.create_engine(url.text).dispose()
    except Exception as problem:
        raise StorageError(_message(url, problem)) from None


def _connected(url: StorageUrl) -> optuna.storages.RDBStorage:
    settings = {"connect_args": url.connect_args()}
    try:
        return optuna.storages.RDBStorage(url.text, engine_kwargs=settings)
    except Exception as problem:
        if not any(sign in str(problem) for sign in MADE_MEANWHILE):
            raise
    return optuna.storages.RDBStorage(url.text, engine_kwargs=settings)  # somebody made the tables meanwhile


def _tables(storage: Any, study_id: int) -> Any | None:
    """The study's rows; None where this vitnas does not know how they are kept."""
    try:
        from vitnas.study import _tables as tables
    except (ImportError, AttributeError):  # they are no public part of Optuna
        return None
    return tables.Tables(storage, study_id) if tables.is_known(storage) else None


def distribution(choices: Sequence[Scalar]) -> BaseDistribution:
    """Evenly spaced numbers as a range with a step, anything else as categories."""
    step = progression(choices)
    if isinstance(step, int):
        return IntDistribution(int(choices[0]), int(choices[-1]), step=step)
    if step is not None:
        return FloatDistribution(float(choices[0]), float(choices[-1]), step=step)
    return CategoricalDistribution(tuple(choices))


def _bounded(value: float) -> float:
    return min(max(value, -WORST), WORST) if value == value else WORST


def _message(url: StorageUrl, problem: Exception) -> str:
    """One line: where, and what the storage said."""
    where = f"{url.option}: {url}"
    missing = _missing_driver(problem)
    if missing:
        package = PACKAGES.get(missing, missing)
        return f"{where}: this needs the package '{missing}': pip install '{package}'"
    reasons = [found for found in _chain(problem) if getattr(found, "orig", None) is not None]
    said = reasons[0].orig if reasons else problem  # type: ignore[attr-defined]
    return f"{where}: {url.scrub(str(said)) or type(said).__name__}"


def _missing_driver(problem: Exception) -> str:
    names = (found.name for found in _chain(problem) if isinstance(found, ModuleNotFoundError))
    return next((name for name in names if name), "")


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that it came from."""
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__
