"""PyTorch as Python runs it."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.hardware.measure.runtime import CannotConvert, RuntimeConditions, first_line
from vitnas.hardware.measure.runtimes._pytorch import Place, TimedCall


class TorchEager:
    """PyTorch, eager: ranks networks unlike anything that is deployed; GPU if there is one."""

    eager = True

    def __init__(self, threads: int = 1) -> None:
        self._place = Place(threads)

    def conditions(self) -> RuntimeConditions:
        """Version, device and threads."""
        return self._place.conditions("eager")

    def prepare(self, module: nn.Module, example: Tensor) -> TimedCall:
        """The module itself.

        Raises:
            CannotConvert: it cannot be run.
        """
        module, example = self._place.move(module, example)
        timed = TimedCall(self._place, module, example)
        try:
            timed.outputs()
        except Exception as problem:  # a module may raise anything
            raise CannotConvert(f"it cannot be run: {first_line(problem)}") from None
        return timed
