"""Peak memory of activations, from the life of every storage of a trace."""

from __future__ import annotations

from dataclasses import dataclass

from vitnas.cost.kernels import Kernel, KernelKind
from vitnas.cost.trace import Trace

_IN_PLACE_KINDS = frozenset(
    {KernelKind.batch_norm, KernelKind.activation, KernelKind.swish, KernelKind.elementwise}
)


@dataclass(frozen=True)
class Peak:
    """The most elements of activations that are alive at once, and the first kernel during which they are.

    ``kernel`` is None where the module's input alone is the most.
    """

    elements: int
    kernel: Kernel | None


def peak_activation_bytes(trace: Trace, bytes_per_element: int) -> int:
    """Most bytes of activations that are alive at once during the forward pass.

    Counted: the module's input (until its last use), every intermediate result from the kernel that writes
    it to the last kernel that reads it, views as the storage they look into, outputs to the end. While a
    kernel runs, what it reads and what it writes are both alive, except that batch norm with fixed
    statistics, activations and elementwise kernels write into an operand of the same size that dies there,
    as runtimes do. Not counted: weights, results that depend on weights alone, scratch space in a kernel.

    The peak of a chain of modules is the largest peak of its members, because each member's input dies in it.

    Args:
        trace: one forward pass.
        bytes_per_element: 1 for int8, 2 for float16, 4 for float32.
    """
    return peak_of(trace).elements * bytes_per_element


def peak_of(trace: Trace) -> Peak:
    """The peak that `peak_activation_bytes` tells in bytes, with the kernel that sets it."""
    home, last_use = _homes(trace)
    births: dict[int, int] = {}
    for storage in trace.inputs:
        births.setdefault(home[storage], -1)
    for step, kernel in enumerate(trace.kernels):
        for storage in kernel.writes:
            births.setdefault(home[storage], step)
    change = [0] * (len(trace.kernels) + 3)  # elements that come to life (+) or have died (-), at step + 1
    for storage, born in births.items():
        change[born + 1] += trace.storages[storage]
        change[max(last_use.get(storage, born), born) + 2] -= trace.storages[storage]
    peak, at, alive = 0, 0, 0
    for position, delta in enumerate(change):
        alive += delta
        if alive > peak:
            peak, at = alive, position
    return Peak(peak, trace.kernels[at - 1] if 0 < at <= len(trace.kernels) else None)


def _homes(trace: Trace) -> tuple[dict[int, int], dict[int, int]]:
    """Which storage each one really lives in after in-place writes, and the last step that uses each home.

    Steps are positions in ``trace.kernels``; outputs are used one step after the last.
    """
    last_read: dict[int, int] = {}
    for step, kernel in enumerate(trace.kernels):
        for storage in (*kernel.reads, *kernel.writes):
            last_read[storage] = step
    for storage in trace.outputs:
        last_read[storage] = len(trace.kernels)
    home = {storage: storage for storage in trace.storages}
    last_use = dict(last_read)
    for step, kernel in enumerate(trace.kernels):
        if kernel.kind not in _IN_PLACE_KINDS or len(kernel.writes) != 1 or kernel.writes[0] in kernel.reads:
            continue
        out = kernel.writes[0]
        for storage in kernel.reads:
            target = home[storage]
            same_size = trace.storages[target] == trace.storages[out]
            if same_size and last_use[target] == step:
                home[out] = target
                last_use[target] = last_read[out]
                break
    return home, last_use
