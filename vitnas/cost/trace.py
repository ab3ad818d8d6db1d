"""The kernels of a module, learned by running it once without data.

The module runs on ``torch.device("meta")``, where tensors have shapes and no values, under a dispatch mode
that sees every aten call. So parameters, MACs, activations and the kernel list of anything that torch can
run come from the code that computes it, and no operator needs a formula.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vitnas.cost.kernels import (
    COMPUTE_KINDS,
    KIND_OF_ATEN,
    MATRIX_PRODUCTS,
    Kernel,
    KernelKind,
    convolution_kind,
)

__all__ = ["COMPUTE_KINDS", "Kernel", "KernelKind", "Trace", "trace"]


@dataclass(frozen=True)
class Trace:
    """What one forward pass of a module does.

    Attributes:
        kernels: in the order of execution; views, and what depends on parameters alone, are no kernels
            (a matrix product of parameters stays, marked ``constant``).
        params: elements of the module's parameters, each counted once.
        output_shape: shape of the (first) output.
        storages: elements of each storage that depends on the input, by id.
        inputs: storages of the module's inputs.
        outputs: storages of its outputs.
    """

    kernels: tuple[Kernel, ...]
    params: int
    output_shape: tuple[int, ...]
    storages: Mapping[int, int]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products."""
        return sum(kernel.macs for kernel in self.kernels)

    @property
    def activations(self) -> int:
        """Output elements of convolutions, linear layers and matrix products: fvcore's and timm's count."""
        return sum(kernel.output_elements for kernel in self.kernels if kernel.kind in COMPUTE_KINDS)


def trace(module: nn.Module, *input_shapes: tuple[int, ...]) -> Trace:
    """Record the kernels of one forward pass in eval mode.

    Attention is always unfused, so that its two matrix products are counted. A module on meta is run as it is
    (its train/eval state comes back); any other is copied there without its weights, and stays untouched.

    Args:
        module: any module whose forward pass does not depend on the values of its tensors.
        input_shapes: shape of each positional input, batch first.

    Returns:
        the trace; ids of storages are small and depend on the pass alone.
    """
    is_on_meta = all(tensor.is_meta for tensor in _own_tensors(module))
    subject = module if is_on_meta else _copy_to_meta(module)
    recorder = _Recorder()
    with ExitStack() as stack:
        stack.enter_context(_eval_mode(subject))
        stack.enter_context(_plain_attention())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.device("meta"))
        inputs = [torch.empty(shape) for shape in input_shapes]
        input_ids = tuple(recorder.activation(tensor) for tensor in inputs)
        with recorder:
            result = subject(*inputs)
    outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
    return Trace(
        kernels=tuple(recorder.kernels),
        params=sum(parameter.numel() for parameter in module.parameters()),
        output_shape=tuple(outputs[0].shape) if outputs else (),
        storages=dict(recorder.sizes),
        inputs=input_ids,
        outputs=tuple(dict.fromkeys(i for out in outputs if (i := recorder.id_of(out)) is not None)),
    )


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns aten calls into kernels while it lets them run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernels: list[Kernel] = []
        self.sizes: dict[int, int] = {}
        self._ids: dict[int, int] = {}  # address of a storage -> id; only storages that depend on the input
        self._alive: list[Tensor] = []  # an address is an identity only as long as its storage lives

    def id_of(self, tensor: Tensor) -> int | None:
        """Id of the tensor's storage, None for a constant."""
        return self._ids.get(tensor.untyped_storage()._cdata)

    def activation(self, tensor: Tensor) -> int:
        """Id of the tensor's storage, which depends on the input from now on."""
        storage = tensor.untyped_storage()
        address = storage._cdata
        if address not in self._ids:
            self._ids[address] = len(self.sizes)
            self.sizes[self._ids[address]] = storage.nbytes() // max(1, tensor.element_size())
            self._alive.append(tensor)
        return self._ids[address]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        operands = list(_tensors((args, kwargs) if kwargs else args))
        outputs = list(_tensors(result))
        if outputs:
            self._record(func, args, operands, outputs)
        return result

    def _record(
        self, func: Any, args: tuple[Any, ...], operands: list[Tensor], outputs: list[Tensor]
    ) -> None:
        name = func._schema.name.removeprefix("aten::")
        mutates = func._schema.is_mutable and torch.Tag.inplace_view not in func.tags
        reads = tuple(dict.fromkeys(i for t in operands if (i := self.id_of(t)) is not None))
        kind, macs = _classify(name, args, outputs[0], lambda tensor: self.id_of(tensor) is None)
        if not reads:
            if macs:
                self._append(kind, name, macs, operands, outputs, (), ())
            self._alive.extend(outputs)  # a later storage must not take a constant's address
            return
        if not mutates and _shares_storage(outputs[0], operands):  # a view
            if kind is KernelKind.move and _permutes(operands[0], outputs[0]):
                self._append(kind, name, 0, operands, outputs, reads, reads)
            return
        if self._is_bias(name, operands, reads):
            self._ids[outputs[0].untyped_storage()._cdata] = reads[0]
            self._alive.append(outputs[0])
            return
        written = outputs if kind is KernelKind.other or name.startswith(("split", "unbind")) else outputs[:1]
        writes = tuple(dict.fromkeys(self.activation(t) for t in written))
        self._append(kind, name, macs, operands, outputs, reads, writes)
        self._alive.extend(outputs)

    def _append(
        self,
        kind: KernelKind,
        name: str,
        macs: int,
        operands: Sequence[Tensor],
        outputs: Sequence[Tensor],
        reads: tuple[int, ...],
        writes: tuple[int, ...],
    ) -> None:
        moving = [t.numel() for t in operands if self.id_of(t) is not None]
        self.kernels.append(
            Kernel(
                kind=kind,
                aten=name,
                macs=macs,
                inputs_elements=sum(moving),
                output_elements=outputs[0].numel(),
                weight_elements=sum(t.numel() for t in operands) - sum(moving),
                reads=reads,
                writes=writes,
                output_shape=tuple(outputs[0].shape),
                constant=not reads,
            )
        )

    def _is_bias(self, name: str, operands: list[Tensor], reads: tuple[int, ...]) -> bool:
        """Whether this adds the bias of the product before it: torch splits linears on strided tokens."""
        if name not in ("add", "add_") or len(operands) != 2 or len(reads) != 1 or not self.kernels:
            return False
        last = self.kernels[-1]
        return (
            operands[1].dim() == 1
            and self.id_of(operands[1]) is None
            and last.kind is KernelKind.linear
            and last.aten in ("mm", "bmm")
            and last.writes == reads
        )


def _classify(
    name: str, args: tuple[Any, ...], output: Tensor, is_constant: Callable[[Tensor], bool]
) -> tuple[KernelKind, int]:
    """Kind and MACs of an aten call."""
    if name == "convolution":
        x, weight, transposed, groups = args[0], args[1], args[6], args[8]
        positions = (x if transposed else output).shape[2:]  # each uses every weight once
        macs = x.shape[0] * math.prod(positions) * weight.numel()
        return convolution_kind(weight.shape, groups, transposed), macs
    if name in MATRIX_PRODUCTS:
        a, b = args[MATRIX_PRODUCTS[name] :][:2]
        kind = KernelKind.linear if is_constant(a) or is_constant(b) else KernelKind.matmul
        return kind, a.numel() * (b.shape[-1] if b.dim() > 1 else 1)
    if "batch_norm" in name:
        has_fixed_statistics = "no_training" in name or not any(a is True for a in args[:6])
        return (KernelKind.batch_norm if has_fixed_statistics else KernelKind.norm), 0
    return KIND_OF_ATEN.get(name.removesuffix("_"), KernelKind.other), 0


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            yield from _tensors(item)
    elif isinstance(tree, dict):
        yield from _tensors(tuple(tree.values()))


def _shares_storage(output: Tensor, operands: Iterable[Tensor]) -> bool:
    address = output.untyped_storage()._cdata
    return any(tensor.untyped_storage()._cdata == address for tensor in operands)


def _permutes(before: Tensor, after: Tensor) -> bool:
    """Whether the axes that are longer than one change their order."""
    return [s for n, s in zip(before.shape, before.stride(), strict=True) if n > 1] != [
        s for n, s in zip(after.shape, after.stride(), strict=True) if n > 1
    ]


def _own_tensors(module: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers, and tensors that modules keep as plain attributes."""
    yield from module.parameters()
    yield from module.buffers()
    for child in module.modules():
        yield from _tensors([value for key, value in vars(child).items() if not key.startswith("_")])


def _copy_to_meta(module: nn.Module) -> nn.Module:
    """Copy without a byte of weights: deepcopy takes what the memo already holds."""
    memo: dict[int, Any] = {}
    for tensor in _own_tensors(module):
        empty = torch.empty_like(tensor, device="meta")
        is_parameter = isinstance(tensor, nn.Parameter)
        memo[id(tensor)] = nn.Parameter(empty, requires_grad=False) if is_parameter else empty
    return copy.deepcopy(module, memo)


@contextmanager
def _eval_mode(module: nn.Module) -> Iterator[None]:
    training = [child for child in module.modules() if child.training]
    for child in training:
        child.training = False
    try:
        yield
    finally:
        for child in training:
            child.training = True


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Make torch decompose attention and skip the fused transformer layers."""
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)
