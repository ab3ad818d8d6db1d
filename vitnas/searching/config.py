"""What the user asked for: everything that decides a run's result."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vitnas.arch.operators import Scalar
from vitnas.errors import InvalidInput, RunCorrupt
from vitnas.formats.fields import check_fields
from vitnas.formats.resolution import Resolution, read_resolution
from vitnas.searching.rungs import Rung, parse_rungs

DEFAULT_QUALITY = "capacity"
LABELLED_QUALITY = "fitted"  # of a search that is given labels
DEFAULT_STRATEGY = "evolution"
DEFAULT_EPOCHS = 9  # of a brief training: early stopping looks after 1, 3 and 9
DEFAULT_TRAIN_BATCH = 128
LEAST = {
    "trials": 1,
    "time_s": 0,
    "population": 4,
    "front": 1,
    "seed": 0,
    "batch": 1,
    "in_flight": 1,
    "epochs": 1,
    "train_batch": 1,
}


def split_targets(target: str | None) -> tuple[str, ...]:
    """``a,b`` as two names; nothing is no device.

    Raises:
        InvalidInput: a name is empty.
    """
    names = tuple(name.strip() for name in target.split(",")) if target else ()
    if not all(names):
        raise InvalidInput(f"`target`: a name is missing in '{target}' (write one device, or A,B)")
    return names


def as_budgets(given: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Budgets as texts, from a mapping or pairs, with texts or numbers.

    Raises:
        InvalidInput: they are none.
    """
    pairs = list(given.items() if isinstance(given, Mapping) else given)
    for pair in pairs:
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise InvalidInput(
                f"`budgets`: expected names and limits such as ('max-latency', '5ms'), got {pair!r:.60}"
            )
        if isinstance(pair[1], bool) or not isinstance(pair[1], str | int | float):
            raise InvalidInput(f"`budgets` {pair[0]}: expected a limit such as '5ms', got {pair[1]!r:.60}")
    return tuple((name, str(limit)) for name, limit in pairs)


@dataclass(frozen=True)
class SearchConfig:
    """Settings of a run; equal settings give equal fronts, whatever the machine or number of workers.

    Attributes:
        space: name or file.
        target: device name or profile file, several with commas between; None searches without latency.
        quality: what is maximised; ``a+b`` for several scores in one.
        combine: how: ``standard`` (the sum of standardised scores, also for None) or ``log-rank``.
        labels: table or run folder that quality ``fitted`` learns from; a run keeps a copy of what it read.
        label: the column of ``labels``; None where there is one.
        images: folder or ``.npz`` of real images that proxies see; None for Gaussian ones.
        device: where proxies compute: ``cpu``, ``cuda`` or ``cuda:N``.
        then: rungs that choose among the front, such as ``naswot:1000``; see `rungs.Rung`.
        data: labelled images that quality ``train`` trains on: a folder or an ``.npz`` file.
        epochs: of a training at most; None for `DEFAULT_EPOCHS`.
        seconds: of a training, in place of epochs, see `vitnas.training.length`; none is ended early.
        train_batch: images a step of a training; None for `DEFAULT_TRAIN_BATCH`.
        learning_rate: of trainings, at the recipe's batch; None for the recipe's.
        early_stop: whether ASHA ends the trainings of weak candidates; None for yes. Which are ended depends
            on the order in which trainings finish, so that equal settings need not give equal fronts.
        strategy: who proposes.
        objectives: names of `objectives.objective_names`, of a device as ``latency@iphone12``; empty means
            what `objectives.resolve_objectives` says.
        budgets: option such as ``max-latency`` -> text such as ``1.6ms`` or ``iphone12=1.6ms,other=3ms``.
        batch: images in a call; None for what each device was measured with.
        resolution_px: of the images, in place of the space's own.
        trials: feasible candidates to score; None means a default that fits the quality and strategy.
        time_s: stop proposing after this many seconds; a run stopped by the clock is not reproducible.
        seed: of everything that is drawn.
        population: of the strategy; None for its own default.
        strategy_options: name -> value of the strategy's own options, in pairs; see ``vitnas strategies``.
        front: how many networks of the front are checked and written to files.
        random_arm: run random search beside the strategy, to measure what it gains; None does where scoring
            costs nothing.
        in_flight: candidates that are being scored at once, where networks are built; None for 32. Later
            ones are proposed without knowing the scores of those, so it is a setting of the search, and no
            matter of how many workers there are.
        ordered: scores are told to the strategy in the order in which they were asked for; False tells them
            as they come, which wastes no worker's time, but equal settings need not give equal fronts.
    """

    space: str
    target: str | None = None
    quality: str = DEFAULT_QUALITY
    strategy: str = DEFAULT_STRATEGY
    objectives: tuple[str, ...] = ()
    budgets: tuple[tuple[str, str], ...] = ()
    trials: int | None = None
    time_s: float | None = None
    seed: int = 0
    population: int | None = None
    front: int = 20
    random_arm: bool | None = None
    batch: int | None = None
    resolution_px: Resolution | None = None
    combine: str | None = None
    labels: str | None = None
    label: str | None = None
    images: str | None = None
    device: str = "cpu"
    data: str | None = None
    epochs: int | None = None
    seconds: float | None = None
    train_batch: int | None = None
    learning_rate: float | None = None
    early_stop: bool | None = None
    then: tuple[str, ...] = ()
    in_flight: int | None = None
    ordered: bool = True
    strategy_options: tuple[tuple[str, Scalar], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "budgets", as_budgets(self.budgets))
        if self.resolution_px is not None:
            sides = read_resolution(self.resolution_px, "`resolution_px`")
            object.__setattr__(self, "resolution_px", sides)
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and (value < least or value != value):
                raise InvalidInput(f"`{name.removesuffix('_s')}`: expected at least {least}, got {value}")
        if self.seconds is not None and self.epochs is not None:
            raise InvalidInput("`seconds`, `epochs`: both say how long a training is; leave one out")
        if self.seconds is not None and self.early_stop:
            raise InvalidInput("`early_stop`: it looks at epochs, and `seconds` has none; leave one out")
        parse_rungs(self.then, self.quality)

    @property
    def ends_early(self) -> bool:
        """Whether the trainings of weak candidates are ended early."""
        return self.early_stop is not False and self.seconds is None

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """What ``then`` says."""
        return parse_rungs(self.then, self.quality)

    @property
    def qualities(self) -> tuple[str, ...]:
        """Of the search and of its rungs."""
        return (self.quality, *(rung.quality for rung in self.rungs))

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of all that is code, or paths."""
        return (self.strategy, *self.qualities)

    @property
    def targets(self) -> tuple[str, ...]:
        """The devices, as the user named them."""
        return split_targets(self.target)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        found = {
            **dataclasses.asdict(self),
            "budgets": dict(self.budgets),
            "objectives": list(self.objectives),
            "then": list(self.then),
            "strategy_options": dict(self.strategy_options),
        }
        if not self.strategy_options:  # as in runs from before there were any
            del found["strategy_options"]
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchConfig:
        """Read what ``to_dict`` wrote.

        Raises:
            RunCorrupt: a setting is unknown.
        """
        values = dict(data)
        for name in ("budgets", "strategy_options"):
            if isinstance(values.setdefault(name, {}), Mapping):
                values[name] = tuple(values[name].items())
        check_fields(cls, values, "manifest.json: config", RunCorrupt)
        values["objectives"] = tuple(values.get("objectives", ()))
        values["then"] = tuple(values.get("then", ()))
        return cls(**values)
