"""What the user asked for: everything that decides a run's result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitnas.errors import InvalidInput, RunCorrupt

DEFAULT_QUALITY = "capacity"
DEFAULT_STRATEGY = "evolution"


@dataclass(frozen=True)
class SearchConfig:
    """Settings of a run; equal settings give equal fronts, whatever the machine or number of workers.

    Attributes:
        space: name or file.
        target: device name or profile file; None searches without latency.
        quality: what is maximised.
        strategy: who proposes.
        objectives: names of ``problem.OBJECTIVES``; empty means quality, latency (or macs), params.
        budgets: option such as ``max-latency`` -> text such as ``1.6ms``.
        trials: feasible candidates to score; None means a default that fits the quality and strategy.
        time_s: stop proposing after this many seconds; a run stopped by the clock is not reproducible.
        seed: of everything that is drawn.
        population: of the strategy; None for its own default.
        front: how many networks of the front are checked and written to files.
        random_arm: run random search beside the strategy, to measure what it gains; None does where scoring
            costs nothing.
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

    def __post_init__(self) -> None:
        for name, least in (("trials", 1), ("time_s", 0), ("population", 4), ("front", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and (value < least or value != value):
                raise InvalidInput(f"--{name.removesuffix('_s')}: expected at least {least}, got {value}")

    @property
    def resolved_objectives(self) -> tuple[str, ...]:
        """The objectives, with the default filled in."""
        return self.objectives or ("quality", "latency" if self.target else "macs", "params")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {
            **dataclasses.asdict(self),
            "budgets": dict(self.budgets),
            "objectives": list(self.objectives),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchConfig:
        """Read what ``to_dict`` wrote.

        Raises:
            RunCorrupt: a setting is unknown.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise RunCorrupt(
                f"manifest.json: unknown setting '{unknown[0]}'; was it written by a newer vitnas?"
            )
        values = dict(data)
        values["budgets"] = tuple((str(k), str(v)) for k, v in values.get("budgets", {}).items())
        values["objectives"] = tuple(values.get("objectives", ()))
        return cls(**values)
