"""What a strategy is: the base class, and how it declares options of its own.

A strategy is one file with one class, in ``vitnas/strategies`` or in the user's ``./strategies``. What a file
needs is importable from ``vitnas.strategies``.

A search makes one object and goes round (`vitnas.searching.loop`): it calls ``ask(n)``, prices what comes
back, rates what is within the budgets, and calls ``tell`` with all rows of the ask. ``state`` is called
between asks, to save the search; ``restore`` right after the constructor, to go on with one; ``choice`` at
the end. Everything that a strategy does must follow from its problem, its seed and what it was told: it draws
from ``self.rng`` alone, and never looks at the clock. Then a resumed search proposes what an uninterrupted
one would.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.arch.operators import Scalar, coerce
from vitnas.errors import InvalidInput, unknown
from vitnas.searching.problem import Batch, Problem
from vitnas.searching.rounds import State
from vitnas.space.activity import Genomes

T = TypeVar("T", bool, int, float, str)


@dataclass(frozen=True)
class Option(Generic[T]):
    """An option of a strategy: stands in the class, and reads as its value in an object.

    ``tournament = Option(2, "candidates that compete to be a parent", least=1)`` is set with
    ``--strategy-option tournament=3``; ``self.tournament`` is then 3.

    Attributes:
        default: without it; its type (bool, int, float or str) is the option's.
        help: a line for ``vitnas strategies``.
        least, most: bounds of a number, both allowed.
        choices: of a text.
    """

    default: T
    help: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()

    @overload
    def __get__(self, strategy: None, kind: type) -> Option[T]: ...
    @overload
    def __get__(self, strategy: object, kind: type) -> T: ...
    def __get__(self, strategy: object | None, kind: type) -> Option[T] | T:
        return self if strategy is None else self.default  # a value that was given hides this

    def read(self, value: Any) -> Scalar:
        """``value`` as this option's type.

        Raises:
            ValueError: it is of another type, or out of bounds.
        """
        kind: type = type(self.default)
        found: Scalar = str(value) if kind is str else kind(coerce(value, kind))
        if self.choices and found not in self.choices:
            raise ValueError(f"expected one of {', '.join(self.choices)}, got '{found}'")
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError(f"expected a finite number, got {found}")
        if self.least is not None and not float(found) >= self.least:
            raise ValueError(f"expected at least {self.least:g}, got {found}")
        if self.most is not None and not float(found) <= self.most:
            raise ValueError(f"expected at most {self.most:g}, got {found}")
        return found


class Strategy:
    """Base class of strategies; ``vitnas strategies`` prints the first line of a strategy's docstring.

    Only ``ask`` and ``tell`` must be written. A constructor of one's own takes ``(problem, seed,
    **settings)`` and passes all of it on.

    Attributes:
        batch: candidates of an ask where rating them costs nothing; None for as many as the quality wants.
        trials: default number of trials, whatever the quality; None for the quality's.
        max_trials: what that default is at most, for a strategy that becomes slow with what it was told.
        takes_late: it can be asked again before it is told, which keeps workers busy: several asks are then
            open, and they are told in order (not so with ``--unordered``).
        counts_repeats: a candidate that is proposed again is a trial again.
        learns_parts: it wants `Batch.parts`, the members of a combined quality one by one.
        stream: second number of the generator's seed, so that strategies of equal seeds draw differently.
        problem: what is searched.
        population: how many candidates it begins with or keeps; None for its own number.
        planned: trials that the search is to have; None where nobody says.
        rng: the generator to draw from.

    Args:
        problem: what is searched.
        seed: of all that it draws.
        population: see above.
        planned: see above.
        options: values of its `Option` attributes, by name.

    Raises:
        InvalidInput: there is no such option, or a value is wrong; says all that is wrong.
    """

    batch: ClassVar[int | None] = None
    trials: ClassVar[int | None] = None
    max_trials: ClassVar[int | None] = None
    takes_late: ClassVar[bool] = False
    counts_repeats: ClassVar[bool] = False
    learns_parts: ClassVar[bool] = False
    stream: ClassVar[int] = 100

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        population: int | None = None,
        planned: int | None = None,
        **options: Scalar,
    ) -> None:
        self.problem = problem
        self.population = population
        self.planned = planned
        self.rng = np.random.default_rng([seed, self.stream])
        vars(self).update(self.read_options(options))

    @classmethod
    def options(cls) -> dict[str, Option[Any]]:
        """Its options by name, those of its base classes first."""
        kinds = reversed(cls.__mro__)
        return {name: own for kind in kinds for name, own in vars(kind).items() if isinstance(own, Option)}

    @classmethod
    def read_options(cls, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """Values for options of this strategy, checked.

        Raises:
            InvalidInput: there is no such option, or a value is wrong; says all that is wrong.
        """
        declared, found, wrong = cls.options(), dict[str, Scalar](), list[str]()
        for name, value in given.items():
            try:
                if name not in declared:
                    raise unknown(f"option of {cls.__name__}", name, declared)
                found[name] = declared[name].read(value)
            except InvalidInput as problem:
                wrong.append(str(problem))
            except ValueError as problem:
                wrong.append(f"{name}: {problem}")
        if wrong:
            raise InvalidInput(f"`strategy_options`: {'; '.join(wrong)}")
        return found

    @classmethod
    def default_trials(cls, of_quality: int) -> int:
        """Trials of a search whose settings name none; ``of_quality`` is what its quality suggests."""
        wanted = cls.trials if cls.trials is not None else of_quality
        return wanted if cls.max_trials is None else min(wanted, cls.max_trials)

    def ask(self, n: int) -> Genomes:
        """Up to ``n`` canonical genomes (<= n, G), at least one; they may repeat or exceed the budgets.

        Begin with ``self.problem.sample_feasible(n, self.rng)``: where budgets are tight, random genomes are
        hardly ever within them.

        Raises:
            NothingFeasible: no genome meets the budgets.
        """
        raise NotImplementedError

    def tell(self, batch: Batch) -> None:
        """Learn from all rows of an ask, in its order: the last ask, unless it ``takes_late``.

        Objectives are minimised. They are nan where the violation is above 0 (over a budget), and where
        rating failed (violation 0, see `failed`).
        """
        raise NotImplementedError

    def state(self) -> State | None:
        """Arrays from which ``restore`` goes on exactly; None where only a replay brings it back.

        A replay asks and tells a new object all over again, with what the log holds.
        """
        return None

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what ``state`` gave; called only where that was not None."""
        raise NotImplementedError

    def choice(self) -> Genomes:
        """What it would take itself (k, G), if it has a view beside the front; none (0, G) by default.

        The first is written as ``choice.yaml``.
        """
        return np.zeros((0, len(self.problem.space.genes)), np.uint8)


def load_strategy(name: str) -> type[Strategy]:
    """The class of a strategy, by name or file.

    Raises:
        UnknownName: nothing of that name.
        PluginError: the file defines no strategy, or one that cannot ask or be told.
    """
    return plugins.load_class("strategy", name, Strategy, "ask", "tell")


def failed(batch: Batch) -> NDArray[np.bool_]:
    """Which rows (n,) are within the budgets but could not be rated."""
    missing = np.isnan(batch.objectives).any(axis=1)
    return np.asarray(missing & (batch.violation == 0))


def rng_state(rng: np.random.Generator) -> NDArray[Any]:
    """A generator's state as an array that a state may hold."""
    return np.array(json.dumps(rng.bit_generator.state))


def restore_rng(rng: np.random.Generator, state: NDArray[Any]) -> None:
    """Put a generator into the state that ``rng_state`` gave."""
    rng.bit_generator.state = json.loads(str(state))
