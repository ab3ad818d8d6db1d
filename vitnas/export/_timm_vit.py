"""Plain vision transformers in timm's words.

Facts about timm (1.0): ``VisionTransformer`` takes one number of heads and one MLP ratio for the network, and
shares the width among the heads; with ``fc_norm=False`` the last norm comes before the mean of the tokens, as
ours does.
"""

from __future__ import annotations

from typing import Any

from vitnas.arch.schema import Architecture
from vitnas.export._timm_parts import Words, cannot, name_of, one_value, require_part, size_of

BLOCKS = {"transformer_block"}

_NAMES: dict[str, dict[str, Any]] = {
    f"deit_{size}_patch16_224": {
        "patch_size": 16,
        "embed_dim": 64 * heads,
        "depth": 12,
        "num_heads": heads,
        "mlp_ratio": 4,
    }
    for size, heads in {"tiny": 3, "small": 6, "base": 12}.items()
}


def vit(a: Architecture) -> Words:
    """Name and arguments of ``VisionTransformer``.

    Raises:
        InvalidArchitecture: the class cannot hold it.
    """
    stem = require_part("stem", a.stem, "patch_embed")
    head = require_part("head", a.head, "token_classifier")
    if len(a.stages) > 1 or a.stages[0].down is not None:
        raise cannot("stages", "VisionTransformer has one stage and no down-sampling")
    width, heads = a.stages[0].width, int(one_value(a, "heads", 3))
    head_dim = int(one_value(a, "head_dim", 64))
    if heads * head_dim != width:
        problem = f"VisionTransformer shares its width among the heads: {width} is not {heads} x {head_dim}"
        raise cannot("stages.0", problem)
    class_token = bool(stem["class_token"])
    kwargs = {
        "img_size": size_of(a),
        "patch_size": stem["patch_px"],
        "embed_dim": width,
        "depth": len(a.stages[0].blocks()),
        "num_heads": heads,
        "mlp_ratio": one_value(a, "expansion", 4),
        "class_token": class_token,
        "global_pool": "token" if class_token and head["pool"] != "mean" else "avg",
        "fc_norm": False,
    }
    return name_of(kwargs, _NAMES), kwargs
