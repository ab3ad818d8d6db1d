"""PyTorch as Python runs it."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.hardware.measure.runtime import CannotConvert, first_line
from vitnas.hardware.measure.runtimes._pytorch import OnPytorch, TimedCall


class TorchEager(OnPytorch):
    """PyTorch, eager: ranks networks unlike anything that is deployed; GPU if there is one."""

    eager = True
    how = "eager"

    def prepare(self, module: nn.Module, example: Tensor) -> TimedCall:
        """The module itself.

        Raises:
            CannotConvert: it cannot be run.
        """
        timed = TimedCall(self._place, *self._place.move(module, example))
        try:
            timed.outputs()
        except Exception as problem:  # a module may raise anything
            raise CannotConvert(f"it cannot be run: {first_line(problem)}") from None
        return timed
