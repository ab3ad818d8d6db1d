"""A run in a study's words: parameters, metrics, constraints and trials, without Optuna."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from vitnas.arch.operators import Scalar

Direction = Literal["minimize", "maximize"]
RUN = "vitnas.run"  # study attribute: which run its trials are of
GENOME = "genome"  # trial attribute: which architecture it is; no genome stands twice in a study


@dataclass(frozen=True)
class StudySpec:
    """What all trials of a study share.

    Attributes:
        name: of the study.
        run: says which run it is, wherever its folder lies.
        metrics: name and direction (``minimize`` or ``maximize``) of each value.
        choices: of each parameter.
        constraints: their names; a value of at most 0 is feasible.
        attributes: of the study.
    """

    name: str
    run: str
    metrics: tuple[tuple[str, Direction], ...]
    choices: Mapping[str, tuple[Scalar, ...]]
    constraints: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyTrial:
    """One architecture.

    Attributes:
        genome: a byte a gene, hexadecimal; what the trial is known by.
        params: of the genes that have an effect.
        values: by the study's metrics; None for a candidate that could not be scored.
        constraints: by the study's constraints; empty where there is none.
        attributes: of the trial, JSON.
        seconds: that its evaluation took; 0 where it cost nothing.
    """

    genome: str
    params: Mapping[str, Scalar]
    values: tuple[float, ...] | None
    constraints: tuple[float, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def progression(choices: Sequence[Scalar]) -> float | int | None:
    """The step between choices that are evenly spaced, ascending numbers; None for any others."""
    if len(choices) < 2 or any(isinstance(c, bool | str) for c in choices):
        return None
    numbers = [Decimal(str(c)) for c in choices]  # as Optuna counts, and people do
    step = numbers[1] - numbers[0]
    if step <= 0 or any(a + step != b for a, b in itertools.pairwise(numbers)):
        return None
    return int(step) if all(isinstance(c, int) for c in choices) else float(step)
