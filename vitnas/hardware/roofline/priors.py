"""What is known of classes of hardware before any row is read: proportions of a roofline's coefficients.

A fit takes the common scale from its rows, so only proportions count; they decide what the rows leave open.
A coefficient whose prior is 0 stays 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vitnas.hardware.roofline.roofline import (
    ACTIVATIONS,
    BASE,
    BYTES,
    CALL,
    RATES,
    WEIGHTS,
)

DEPTHWISE, MATMUL = "depthwise_ms_per_gmac", "matmul_ms_per_gmac"


@dataclass(frozen=True)
class Hardware:
    """A class of hardware.

    Attributes:
        what: one line.
        prior: of every coefficient, see `roofline.COEFFICIENTS`.
        ridge: how strongly logarithms are pulled to it, against residuals that are relative errors.
    """

    what: str
    prior: Mapping[str, float]
    ridge: float = 0.2


def _prior(
    *, base: float, rate: float, activations: float, weights: float, other: float, fused: float, call: float
) -> dict[str, float]:
    """Milliseconds, a GMAC or a MB; arrays and vector units half idle in depthwise and small products."""
    return {
        BASE: base,
        **dict.fromkeys(RATES, rate),
        DEPTHWISE: 4 * rate,
        MATMUL: 2 * rate,
        ACTIVATIONS: activations,
        WEIGHTS: weights,
        **dict.fromkeys(BYTES.values(), other),
        BYTES["nonlinearity"]: fused,
        CALL: call,
    }


# Proportions of an accelerator that somebody measured by direct dispatch (Apple M1's, arXiv 2606.22283):
# 0.23 ms for any dispatch, 12 TFLOP/s of float16 (0.17 ms a GMAC; a kernel gets some 70 % of it), 85 GB/s
# (0.012 ms a MB). Hardly a published network is bound by depthwise convolutions or products of activations:
# there the prior decides, and most of the array idles. ReLU and GELU fuse, and a network is one call.
_ACCELERATOR = _prior(
    base=0.23, rate=0.25, activations=0.012, weights=0.012, other=0.012, fused=0.0, call=0.0
)  # fmt: skip

# Snapdragon 8 Gen 3: 45 TOPS of int8, half of it in float16 (0.09 ms a GMAC); 77 GB/s, of which a stream gets
# 80 % (0.016 ms a MB of weights). Activations mostly stay in 8 MB of tightly coupled memory: four times that.
# What a call costs, and the strong ridge (thirty rows for 14 coefficients), were chosen on AI Hub's rows.
_HEXAGON = _prior(
    base=0.3, rate=0.09, activations=0.004, weights=0.016, other=0.004, fused=0.0, call=0.001
)  # fmt: skip

# A laptop's six fast cores: two 8-wide fused multiply-adds at 4 GHz are 0.77 TFLOP/s of float32 (2.6 ms a
# GMAC); two channels of memory 51 GB/s (0.02 ms a MB); some 10 us for a kernel. Nothing is free.
_PROCESSOR = _prior(base=0.5, rate=2.6, activations=0.02, weights=0.02, other=0.02, fused=0.02, call=0.01)

# RTX 4090, an image in a large batch: 165 TFLOP/s of float16 (0.012 ms a GMAC), 1008 GB/s (0.001 ms a MB);
# weights and calls are paid once a batch. A compiler fuses ReLU and GELU, and the rows then say so.
_GPU = _prior(base=0.001, rate=0.012, activations=0.001, weights=1e-6, other=0.001, fused=0.001, call=0.0)

HARDWARE: dict[str, Hardware] = {
    "accelerator": Hardware("one call a network, ReLU and GELU fuse (Apple's Neural Engine)", _ACCELERATOR),
    "hexagon": Hardware("weights stream, activations stay on the chip (Qualcomm's NPU)", _HEXAGON, ridge=0.4),
    "processor": Hardware("every kernel is a call and nothing fuses (a CPU)", _PROCESSOR),
    "gpu": Hardware("an image in a large batch: calls and weights cost next to nothing", _GPU),
}
"""Classes of hardware by the name that ``vitnas profile fit --hardware`` takes."""
DEFAULT_HARDWARE = "accelerator"
