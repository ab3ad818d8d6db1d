"""What a quality is: what a search maximises. It rates genomes, built networks, or trainings.

A quality is one file in ``vitnas/qualities`` (or in the user's ``./qualities``) with one class. What it
``rates`` says where its scores come from, and so what the run does for it:

- ``genomes``: ``score`` rates whole populations without building a network, in microseconds;
- ``networks``: a worker calls ``measure`` for one architecture after the other, and the run keeps what it
  returns as a line of its log, so that nothing is measured twice;
- ``trainings``: the run trains networks briefly, and ``read`` says what a line about a training is worth.

The run calls ``fit`` once, before anything is scored, and keeps ``state``; a resumed run calls ``from_state``
instead. Workers get a quality by its name and its attributes: they load the plug-in anew.

Every proxy is such a quality (`vitnas.quality.proxy`), and so are several qualities together
(`vitnas.quality.combined`).
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitnas import plugins
from vitnas.arch.schema import Architecture
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput
from vitnas.quality.labels import Labels
from vitnas.space.activity import Genomes
from vitnas.space.space import Space

if TYPE_CHECKING:
    from vitnas.quality.data.dataset import Dataset
    from vitnas.quality.data.images import Images

Rates = Literal["genomes", "networks", "trainings"]
Needs = Literal["labels", "data"]
Record = Mapping[str, Any]  # a line of a run's log: what was learned of one network
Details = dict[str, dict[str, Any]]  # quality -> its value and what stands beside it, or why it has none

TRIALS: Mapping[Rates, int] = {"genomes": 2_000_000, "networks": 300, "trainings": 32}
BATCH: Mapping[Rates, int] = {"genomes": 16_384, "networks": 32, "trainings": 16}
NOT_AN_ACCURACY = "A score is not an accuracy."


@dataclass(frozen=True)
class FitContext:
    """What a quality may be fitted on.

    Attributes:
        space: that is searched.
        table: prices its genomes.
        pool: (m, G) feasible canonical genomes, the same for every seed.
        name: by which the user asked for the quality.
        labels: architectures with known accuracies; None unless the quality needs them.
        data: labelled images; None unless the quality needs them.
        settings: of the run, by the names of `SearchConfig`; what nobody set may be absent.
    """

    space: Space
    table: CostTable
    pool: Genomes
    name: str = ""
    labels: Labels | None = None
    data: Dataset | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


class Quality:
    """Base class of qualities; the first line of a quality's docstring is what lists print.

    A class sets what differs from these values, for all of its objects or in ``fit``.

    Attributes:
        name: by which the user asked for it; it is set after ``fit``.
        rates: where its scores come from, see above.
        needs: what a run must be given: ``labels`` or ``data``.
        higher_is_better: whether a search maximises the score or minimises it.
        standardised: alone, it is given in standard deviations of the run's reference networks.
        repeats: seeds that ``measure`` is averaged over.
        trials: candidates of a search that is not told how many; None for what is usual for what it rates.
        batch: candidates that are scored together; None for what is usual.
        span: the worst and the best score; trainings have one. None takes it from the run's networks.
        unit: of a score, such as ``%``.
        notes: what a reader of the scores should know; one line each.
    """

    name: str = ""
    rates: Rates = "genomes"
    needs: tuple[Needs, ...] = ()
    higher_is_better: bool = True
    standardised: bool = False
    repeats: int = 1
    trials: int | None = None
    batch: int | None = None
    span: tuple[float, float] | None = None
    unit: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """Make the quality of a run, once, before anything is scored."""
        return cls()

    def state(self) -> dict[str, Any]:
        """All that the scores' meaning rests on, as JSON; the run keeps it beside the name."""
        return {}

    @classmethod
    def from_state(cls, context: FitContext, state: Mapping[str, Any]) -> Self:
        """The quality whose ``state`` it is, with the same scores to the last bit.

        By default it is fitted anew, which is right where equal contexts give equal qualities.

        Raises:
            InvalidData: the state is damaged, or belongs to another space.
        """
        return cls.fit(context)

    def score(self, genomes: Genomes) -> NDArray[np.float64]:
        """Scores (n,) of canonical genomes (n, G), finite; called if it rates genomes."""
        raise NotImplementedError

    def measure(self, architecture: Architecture, *, seed: int, images: Images | None, device: str) -> float:
        """The score of one architecture; called in a worker, if it rates networks.

        What it raises fails the candidate, with this reason, and so does a score that is not finite.

        Args:
            architecture: `vitnas.arch.build.build` makes a network of it.
            seed: of everything that is drawn.
            images: real ones of the run; None where it has none.
            device: where to compute: ``cpu``, ``cuda`` or ``cuda:N``.
        """
        raise NotImplementedError

    def read(self, records: Sequence[Record]) -> NDArray[np.float64]:
        """Scores (n,) by what the log says of networks; nan where it says none. Not for genomes."""
        found = [(record.get("scores") or {}).get(self.name) for record in records]
        return np.array([math.nan if value is None else value for value in found], dtype=np.float64)

    def values(self, genomes: Genomes, records: Sequence[Record]) -> NDArray[np.float64]:
        """Scores (n,) of genomes (n, G), or by what the log says of them; nan where there is none."""
        scores = self.score(genomes) if self.rates == "genomes" else self.read(records)
        if not (isinstance(scores, np.ndarray) and scores.shape == (len(genomes),)):
            found = getattr(scores, "shape", type(scores).__name__)
            raise plugins.nonsense(self, f"must give an array ({len(genomes)},) of scores, not {found}")
        return scores

    def rate(self, genomes: Genomes, records: Sequence[Record]) -> NDArray[np.float64]:
        """What a search maximises (n,): `values`, turned so that higher is better."""
        return self.oriented(self.values(genomes, records))

    def part_scores(self, genomes: Genomes, records: Sequence[Record]) -> NDArray[np.float64] | None:
        """What `rate` combines (n, K), higher is better; None if it combines nothing."""
        return None

    def failure(self, record: Record) -> str:
        """Why a network has no score; empty where it has one, or was not measured."""
        return str(record.get("failure") or (record.get("failures") or {}).get(self.name) or "")

    def details(self, genomes: Genomes, records: Sequence[Record]) -> list[Details]:
        """What stands beside the score of each genome (n, G), by what the log says of them.

        By default that is nothing where genomes are rated, and else the score as it was measured, or why
        there is none.
        """
        if self.rates == "genomes":
            return [{} for _ in genomes]
        return [
            {self.name: {"failure": reason}}
            if (reason := self.failure(record))
            else {self.name: {"value": value}}
            if math.isfinite(value)
            else {}
            for record, value in zip(records, self.read(records).tolist(), strict=True)
        ]

    def unseen(self, context: FitContext) -> tuple[str, ...]:
        """Names of genes without a say: changed alone, none ever changes the score."""
        from vitnas.quality.genomes.unseen import unseen_genes

        if self.rates != "genomes":
            return ()
        return unseen_genes(context.space, context.pool, lambda genomes: self.values(genomes, ()))

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """What stands about the scores below a table.

        Args:
            name: of the quality.
            notes: its notes.
        """
        return " ".join([f"{name}.", NOT_AN_ACCURACY, *(f"{note}." for note in notes)])

    @property
    def is_expensive(self) -> bool:
        """Whether every score is worth a line of the log."""
        return self.rates != "genomes"

    def oriented(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores turned so that higher is better."""
        return scores if self.higher_is_better else -scores

    def __reduce__(self) -> tuple[Any, ...]:
        """By name: a worker loads the plug-in, and has the attributes of the driver's object.

        Raises:
            InvalidInput: an attribute cannot be pickled.
        """
        state = self.__getstate__()
        try:
            pickle.dumps(state)
        except Exception as error:
            raise InvalidInput(
                f"quality '{self.name}': its attributes cannot be sent to workers ({error})"
            ) from None
        return _by_name, (self.name,), state


def _by_name(name: str) -> Quality:
    cls: type[Quality] = plugins.load_plugin("quality", name)
    return cls.__new__(cls)
