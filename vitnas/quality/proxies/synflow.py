"""What all paths through a network's weights let through."""

from __future__ import annotations

import math

from vitnas.quality.proxies._base import Gradients, Proxy


class Synflow(Proxy):
    """ln of the sum over weights of |weight x gradient| without signs (SynFlow); no data; mostly width.

    Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow"
    (NeurIPS 2020, arXiv 2006.05467), summed over the network as in Abdelfattah et al. (arXiv 2101.08134):
    all parameters get their absolute value, one all-ones image goes in, the summed logits go back; weights
    of convolutions and linear layers. In float64, since the sum grows exponentially with depth where nothing
    is normalised. The logarithm is ours; ranks do not change.

    Known on plain ViTs (80 to 120 networks): Kendall tau .24 on AutoFormer-T, .71 on -S, .09 on -B, .43 on
    PiT, where the number of parameters has .47, .77, .04 and .78.
    """

    needs = "synaptic"

    def score(self, gradients: Gradients | None) -> float:
        """ln(sum of absolute products)."""
        assert gradients is not None
        return math.log(sum(map(gradients.saliency, gradients.mean)))
