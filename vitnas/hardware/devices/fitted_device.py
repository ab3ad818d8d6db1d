"""A device from a profile: prices kernels with the profile's roofline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.cost.kernels import Kernel, KernelKind
from vitnas.cost.trace import Trace
from vitnas.formats.resolution import Resolution
from vitnas.hardware.devices.profiled import ProfiledDevice
from vitnas.hardware.roofline.roofline import BASE, RooflineFeatures, kernels_ms, roofline_features

_SLACK = 0.01  # a profile's ranges are rounded, and the network at the edge is inside
_WATCHED_KINDS = frozenset({KernelKind.move, KernelKind.pool, KernelKind.resize, KernelKind.other})


class FittedDevice(ProfiledDevice):
    """A `vitnas.cost.device.Device` that prices kernels."""

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits of what prices depend on: equal fingerprints, equal prices."""
        priced = json.dumps([self.dtype, self.metric, sorted(self.profile.coefficients.items())])
        return hashlib.sha256(priced.encode()).hexdigest()[:12]

    def kernels_ms(self, kernels: Sequence[Kernel]) -> float:
        """Price of these kernels without the constant part of a network, in milliseconds."""
        return kernels_ms(self._features(kernels), self.profile.coefficients)

    def base_ms(self) -> float:
        """What every network pays once, in milliseconds."""
        return self.profile.coefficients[BASE]

    def network_ms(self, kernels: Sequence[Kernel]) -> float:
        """Latency of a whole network, in milliseconds."""
        return self.base_ms() + self.kernels_ms(kernels)

    def out_of_domain(self, trace: Trace, resolution_px: Resolution | None = None) -> list[str]:
        """Why a prediction for this network would be a guess; empty if the fit has seen its like."""
        domain = self.profile.domain
        reasons = [] if resolution_px is None else [*filter(None, [self.unseen(resolution_px)])]
        if domain is None:
            return reasons
        for name, value in domain_quantities(self._features(trace.kernels)).items():
            least, most = domain.ranges.get(name, (value, value))
            if not least * (1 - _SLACK) <= value <= most * (1 + _SLACK):
                reasons.append(f"{name} {value:.3g} is outside {least:.3g} to {most:.3g}")
        unseen = sorted(watched_calls(trace.kernels) - set(domain.calls))
        reasons += [f"no network of the fit does '{call}'" for call in unseen]
        return reasons

    def _features(self, kernels: Sequence[Kernel]) -> RooflineFeatures:
        return roofline_features(kernels, BYTES_OF_DTYPE[self.dtype])


def domain_quantities(features: RooflineFeatures) -> dict[str, float]:
    """The quantities of a network whose ranges bound a fit's domain."""
    quantities = {
        "gmacs": float(features.counts @ features.gmacs),
        "activation_mb": float(features.counts @ features.activation_mb),
        "weight_mb": features.weight_mb,
    }
    return quantities | {f"{term}_mb": value for term, value in features.bytes_mb.items()}


def watched_calls(kernels: Sequence[Kernel]) -> set[str]:
    """Calls that an accelerator may lack, so that the graph leaves it: moves, pools, resizes, unknowns.

    Accelerators know four dimensions; a call in more is another one: ``permute 6-D``.
    """
    watched = [k for k in kernels if k.kind in _WATCHED_KINDS and not k.constant]
    return {
        k.aten.removesuffix("_") + (f" {rank}-D" if (rank := len(k.output_shape)) > 4 else "")
        for k in watched
    }
