"""The rungs of a funnel: ``--then QUALITY:N``, and what each of them did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitnas.errors import InvalidInput
from vitnas.searching.objectives import QUALITY
from vitnas.units import parse_count

OPTION = "`then`"
FORM = "write QUALITY:N, such as naswot:1000"


@dataclass(frozen=True)
class Rung:
    """What is asked of a rung.

    Attributes:
        quality: that scores its candidates, as ``--quality`` names it.
        take: candidates that it takes from the front before, or all of it if it holds fewer.
    """

    quality: str
    take: int

    def __str__(self) -> str:
        return f"{self.quality}:{self.take}"


def parse_rungs(texts: Iterable[str], quality: str) -> tuple[Rung, ...]:
    """``naswot:1000`` and so on as rungs.

    Args:
        texts: of each rung.
        quality: of the search before them.

    Raises:
        InvalidInput: one is not so written, or names a score that all candidates have already.
    """
    rungs: list[Rung] = []
    before = [_same(quality)]
    for text in texts:
        name, colon, number = (part.strip() for part in text.rpartition(":"))
        where = f"{OPTION} {text}"
        if not colon or not number:
            raise InvalidInput(f"{where}: how many networks does it take? {FORM}")
        if not name:
            raise InvalidInput(f"{where}: what does it score with? {FORM}")
        if _same(name) in before:
            raise InvalidInput(f"{where}: '{name}' has scored its candidates already; leave it out")
        before.append(_same(name))
        rungs.append(Rung(name, parse_count(number, where)))
    return tuple(rungs)


def check_choosable(rungs: Sequence[Rung], objectives: Sequence[str]) -> None:
    """Whether rungs can choose among networks.

    Raises:
        InvalidInput: quality is not among the objectives of the run.
    """
    if rungs and QUALITY not in objectives:
        raise InvalidInput(
            f"{OPTION} {rungs[0]}: a rung chooses by its quality, which is not among the objectives "
            f"({', '.join(objectives)}); add `objectives` quality"
        )


def _same(quality: str) -> str:
    """One spelling of a quality: ``b+a`` is ``a+b``, and a dash is an underscore."""
    return "+".join(sorted(member.strip().replace("-", "_") for member in quality.split("+")))


@dataclass(frozen=True)
class RungResult:
    """What a rung did, or (the first of a run's) the search before the rungs.

    Attributes:
        quality: that scored.
        take: candidates that it was to take; None for the search.
        input: candidates that came in; those that the search priced.
        scored: that got a score.
        failed: that got none.
        output: its front.
        seconds: it took, over all sessions of the run.
        failures: kind of failure -> candidates, ``failed`` in all.
        notes: what a reader of the scores should know; one line each.
        whole: False where it was interrupted.
    """

    quality: str
    take: int | None
    input: int
    scored: int
    failed: int
    output: int
    seconds: float
    failures: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    whole: bool = True

    def to_dict(self) -> dict[str, Any]:
        """For the manifest; what does not apply is absent."""
        found = vars(self) | {"seconds": round(self.seconds, 3), "notes": list(self.notes)}
        absent: dict[str, Any] = {"take": None, "failures": {}, "notes": [], "whole": True}
        return {name: value for name, value in found.items() if absent.get(name, ...) != value}
