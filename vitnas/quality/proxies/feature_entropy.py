"""Entropy of tokens at all linear sub-modules."""

from __future__ import annotations

from vitnas.quality.proxies._entropy import QKV, ModuleEntropy


class FeatureEntropy(ModuleEntropy):
    """Entropy of the least uncertain token at QKV, attention output, fc1 and fc2; mostly a count of modules.

    As ``token_entropy``, over all linear sub-modules of a block: the best choice of Nguyen and Cheung's
    token-entropy proxies (QKV + MHSA + fc1 + fc2, published Kendall tau .676 on 1,000 AutoFormer-T networks).
    Convolutions that play these roles count, before their norm; depthwise ones and the stem do not.

    Known on plain ViTs (80 to 120 networks): Kendall tau .65 on AutoFormer-T, .47 on -S and -.21 on -B, .68
    on PiT; depth and widths explain all of it.
    """

    roles = (*QKV, "qkv", "proj", "fc1", "fc2")
