"""Which tokens a network is trained with, and when: coarse ones first, full ones at the end."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitnas.arch.schema import Architecture
from vitnas.cost.pricer import price_architecture
from vitnas.errors import InvalidInput
from vitnas.formats.resolution import in_px

KEYS = ("until", "stride", "dilation")


@dataclass(frozen=True)
class Phase:
    """A part of the training.

    Attributes:
        until: share of the training at which it ends, above 0 and at most 1.
        stride: by which the stem's first convolution takes longer steps; the map that it gives, and with it
            the whole network, has 1 / stride of the side.
        dilation: by which its kernel is spread. Equal to the stride, the kernel covers the same part of the
            coarser map; 1 leaves pixels out that lie between.
    """

    until: float
    stride: int
    dilation: int


@dataclass(frozen=True)
class TokenSchedule:
    """Progressive tokenisation (As-ViT, arXiv 2202.11921): phases in order, full tokens after them.

    The paper's own values could not be read, so there is no default: a recipe states its schedule as
    ``tokens: [{until: 0.3, stride: 4}, {until: 0.6, stride: 2}]``, with ``dilation`` where it is not the
    stride.
    """

    phases: tuple[Phase, ...] = ()

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> TokenSchedule:
        """The schedule of a file's ``recipe``; full tokens throughout if it has none.

        Raises:
            InvalidInput: names the entry, what is wrong with it and what is expected.
        """
        entries = recipe.get("tokens") or []
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise InvalidInput(
                f"recipe.tokens: expected a list such as [{{until: 0.3, stride: 2}}], got {entries!r}"
            )
        phases = tuple(_phase(entry, f"recipe.tokens[{k}]") for k, entry in enumerate(entries))
        for k, (one, other) in enumerate(itertools.pairwise(phases), start=1):
            if other.until <= one.until:
                raise InvalidInput(
                    f"recipe.tokens[{k}].until: phases stand in order, and {other.until:g} does not come "
                    f"after {one.until:g}"
                )
        return cls(phases)

    @classmethod
    def parse(cls, text: str) -> TokenSchedule:
        """A schedule as an option: ``0.3:4,0.6:2`` (UNTIL:STRIDE[:DILATION]); ``none`` is full tokens.

        Raises:
            InvalidInput: the text is something else.
        """
        if text == "none":
            return cls()
        entries = []
        for part in text.split(","):
            fields = part.strip().split(":")
            if len(fields) not in (2, 3):
                raise InvalidInput(f"tokens: expected UNTIL:STRIDE[:DILATION] such as 0.3:2, got '{part}'")
            entries.append(dict(zip(KEYS, map(_number, fields), strict=False)))
        return cls.from_recipe({"tokens": entries})

    def phase_at(self, progress: float) -> Phase:
        """The phase after a share of the training (0 to 1)."""
        return next((phase for phase in self.phases if progress < phase.until), FULL)

    def macs(self, architecture: Architecture) -> float:
        """Multiply-accumulates of one image's forward pass, the mean over the training.

        Raises:
            InvalidArchitecture: an operator cannot work with the coarser maps.
        """
        total, start = 0.0, 0.0
        for phase in (*self.phases, FULL):
            total += (phase.until - start) * _macs(coarse(architecture, phase.stride))
            start = phase.until
        return total

    def describe(self, architecture: Architecture) -> str:
        """One line: the phases, and what they cost beside full tokens.

        Raises:
            InvalidArchitecture: an operator cannot work with the coarser maps.
        """
        full, mean = _macs(architecture), self.macs(architecture)
        phases = ", ".join(f"stride x{p.stride} until {100 * p.until:g} %" for p in self.phases)
        return (
            f"tokens: {phases + ', then all' if phases else 'all'}; {mean / 1e9:.3f} GMACs an image on "
            f"average, {100 * mean / full:.0f} % of full tokens ({full / 1e9:.3f})"
        )


FULL = Phase(until=1.0, stride=1, dilation=1)


def coarse(architecture: Architecture, stride: int) -> Architecture:
    """The architecture for maps of 1 / ``stride`` of the side.

    Raises:
        InvalidInput: the resolution is no multiple of the stride.
    """
    sides = architecture.image.map_px
    if any(side % stride for side in sides):
        raise InvalidInput(
            f"tokens: resolution {in_px(architecture.resolution_px)} is no multiple of stride x{stride}; "
            "change one of them"
        )
    return architecture.at_resolution([side // stride for side in sides])


def _macs(architecture: Architecture) -> float:
    macs = price_architecture(architecture)["macs"]
    assert macs is not None
    return float(macs)


def _phase(entry: Any, where: str) -> Phase:
    if not isinstance(entry, Mapping):
        raise InvalidInput(f"{where}: expected keys such as {{until: 0.3, stride: 2}}, got {entry!r}")
    for key in entry:
        if key not in KEYS:
            raise InvalidInput(f"{where}: unknown key '{key}'; known: {', '.join(KEYS)}")
    until, stride = entry.get("until"), entry.get("stride")
    if isinstance(until, bool) or not isinstance(until, int | float) or not 0 < until <= 1:
        raise InvalidInput(
            f"{where}.until: expected a share of the training above 0 and at most 1, got {until!r}"
        )
    dilation = entry.get("dilation", stride)
    for key, value in (("stride", stride), ("dilation", dilation)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(f"{where}.{key}: expected a whole number of at least 1, got {value!r}")
    return Phase(float(until), int(stride or 1), int(dilation or 1))


def _number(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
