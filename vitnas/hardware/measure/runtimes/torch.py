"""PyTorch, compiled."""

from __future__ import annotations

import types

import torch
from torch import Tensor, nn

from vitnas.errors import InvalidInput
from vitnas.hardware.measure.runtime import CannotConvert, first_line
from vitnas.hardware.measure.runtimes._pytorch import Call, OnPytorch, TimedCall

NO_COMPILER = {
    "InvalidCxxCompiler": "a C++ compiler: install g++ (Debian: apt install g++)",
    "TritonMissing": "the package triton: pip install triton",
}
"""What inductor raises where it lacks a compiler -> what it needs."""


class Torch(OnPytorch):
    """PyTorch, compiled by inductor in one graph of fixed shapes; GPU if there is one."""

    how = "compiled by inductor"

    def prepare(self, module: nn.Module, example: Tensor) -> TimedCall:
        """The compiled module; takes seconds.

        Raises:
            CannotConvert: it is not one graph, or cannot be compiled.
            InvalidInput: inductor has no compiler here; says what to install.
        """
        module, example = self._place.move(module, example)
        compiled: Call = torch.compile(_with_own_code(module), fullgraph=True, dynamic=False)
        timed = TimedCall(self._place, compiled, example)
        settings = {"cpp.threads": self._place.threads} if self._place.threads else {}
        try:
            with torch._inductor.config.patch(settings):
                TimedCall(self._place, module, example).outputs()  # the module's own errors are clearer
                timed.outputs()  # compiles it
        except Exception as problem:  # the compiler raises anything
            for sign, needed in NO_COMPILER.items():
                if sign in f"{type(problem).__name__} {problem}":
                    raise InvalidInput(f"torch.compile needs {needed}, or choose another `runtime`") from None
            raise CannotConvert(f"it cannot be compiled: {first_line(problem)}") from None
        return timed


def _with_own_code(module: nn.Module) -> Call:
    """The module as a function with a code object of its own.

    What was compiled is kept by code object, and only eight times each: after eight blocks of an operator the
    ninth would be refused. A reset would throw away the reference block, which is timed beside every other.
    """

    def call(x: Tensor) -> Tensor:
        out: Tensor = module(x)
        return out

    code = call.__code__.replace()
    return types.FunctionType(code, call.__globals__, call.__name__, call.__defaults__, call.__closure__)
