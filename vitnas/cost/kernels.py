"""A traced primitive with its shapes, and which kind of work each aten call is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class KernelKind(StrEnum):
    """What a kernel does, as far as its price depends on it."""

    conv = "conv"  # dense k x k convolution
    pointwise = "pointwise"  # dense 1 x 1 convolution
    linear = "linear"  # matrix product with a weight
    grouped = "grouped"  # 1 < groups < input channels
    depthwise = "depthwise"  # groups = input channels
    matmul = "matmul"  # matrix product of two activations
    elementwise = "elementwise"
    pool = "pool"  # pooling and reductions
    resize = "resize"
    move = "move"  # permutations, copies, concatenations, padding, gathers
    softmax = "softmax"
    norm = "norm"  # layer, group, instance and RMS norm
    batch_norm = "batch_norm"  # with fixed statistics: folds into its neighbour
    swish = "swish"  # silu, sigmoid, hard-swish, tanh: gates and their like
    activation = "activation"  # relu, gelu: fuse into the kernel before them
    other = "other"


COMPUTE_KINDS = (
    KernelKind.conv,
    KernelKind.pointwise,
    KernelKind.linear,
    KernelKind.grouped,
    KernelKind.depthwise,
    KernelKind.matmul,
)
"""Kinds that do MACs: the ones `Trace.macs` and `Trace.activations` count. The order is a roofline's."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One aten call of a trace.

    Attributes:
        kind: class of work.
        aten: name of the call without its namespace, e.g. ``convolution``.
        macs: multiply-accumulates; 0 outside `COMPUTE_KINDS`.
        inputs_elements: elements of the operands that depend on the module's input.
        output_elements: elements of the first output.
        weight_elements: elements of the operands that do not (parameters, buffers).
        reads: ids of the storages read, of activations only.
        writes: ids of the storages written; a permutation is a view to torch and writes what it reads.
        output_shape: shape of the first output.
        constant: nothing here depends on the module's input, so an exported graph holds the result.
    """

    kind: KernelKind
    aten: str
    macs: int
    inputs_elements: int
    output_elements: int
    weight_elements: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    output_shape: tuple[int, ...]
    constant: bool = False


_ATEN_OF_KIND: dict[KernelKind, str] = {
    KernelKind.elementwise: (
        "add sub rsub mul div pow exp log log1p expm1 sqrt rsqrt neg abs reciprocal square maximum minimum "
        "fmod remainder floor ceil round sign sin cos addcmul addcdiv lerp where eq ne lt le gt ge "
        "logical_and logical_or logical_not bitwise_and bitwise_or bitwise_not masked_fill fill zero erf"
    ),
    KernelKind.pool: (
        "avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices max_pool3d_with_indices mean sum amax amin "
        "max min prod _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d cumsum std var"
    ),
    KernelKind.resize: (
        "upsample_nearest1d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d upsample_linear1d "
        "_upsample_bilinear2d_aa _upsample_bicubic2d_aa _upsample_nearest_exact2d grid_sampler_2d"
    ),
    KernelKind.move: (
        "permute transpose clone copy _to_copy cat stack constant_pad_nd reflection_pad2d replication_pad2d "
        "index index_select gather roll flip repeat im2col col2im pixel_shuffle pixel_unshuffle "
        "channel_shuffle native_channel_shuffle slice_scatter select_scatter index_put scatter tril triu"
    ),
    KernelKind.softmax: "_softmax _safe_softmax _log_softmax",
    KernelKind.norm: (
        "native_layer_norm native_group_norm _fused_rms_norm var_mean std_mean linalg_vector_norm norm"
    ),
    KernelKind.swish: "silu sigmoid hardswish hardsigmoid mish tanh softplus log_sigmoid_forward",
    KernelKind.activation: (
        "relu relu6 gelu hardtanh leaky_relu clamp clamp_min clamp_max _prelu_kernel elu celu selu threshold"
    ),
}

KIND_OF_ATEN: dict[str, KernelKind] = {
    name: kind for kind, names in _ATEN_OF_KIND.items() for name in names.split()
}
"""Kind of the aten calls whose arguments don't decide it; names without the underscore of in-place calls."""

MATRIX_PRODUCTS: dict[str, int] = {
    "mm": 0,
    "bmm": 0,
    "mv": 0,
    "dot": 0,
    "addmm": 1,
    "baddbmm": 1,
    "addbmm": 1,
    "addmv": 1,
    "_addmm_activation": 1,
}
"""Position of the first factor among the arguments of each matrix product; the second follows it."""


def convolution_kind(weight_shape: Sequence[int], groups: int, transposed: bool) -> KernelKind:
    """Class of a convolution; weight (out, in / groups, *kernel), transposed (in, out / groups, *kernel)."""
    if groups > 1:
        channels_per_group = weight_shape[0] // groups if transposed else weight_shape[1]
        return KernelKind.depthwise if channels_per_group == 1 else KernelKind.grouped
    return KernelKind.pointwise if all(side == 1 for side in weight_shape[2:]) else KernelKind.conv
