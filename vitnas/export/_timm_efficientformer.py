"""EfficientFormer v1 and V2 in timm's words.

Facts about timm (1.0): ``EfficientFormerV2`` takes one ``num_vit`` for stages 3 and later, an MLP ratio for
each block, and fixes everything else about attention. ``EfficientFormer`` (v1) takes one MLP ratio and one
pooling window for the network, has attention in the last stage only (and cannot run without), two classifiers
always, and tables of attention biases for 7x7 tokens.
"""

from __future__ import annotations

from typing import Any

from vitnas.arch.schema import Architecture, Stage
from vitnas.export._timm_parts import Words, cannot, name_of, one_value, require_part, size_of
from vitnas.formats.resolution import in_px

TOKENS_PX = 7  # side of the map that v1's bias tables are for
ATTENTION = {"heads": 8, "key_dim": 32, "attention_ratio": 4}
DOWN_ATTENTION = {"heads": 8, "key_dim": 16, "attention_ratio": 4}

# timm's names and what they stand for: an equal network gets its own name, others that of the smallest.
_V2_NAMES: dict[str, dict[str, Any]] = {
    "efficientformerv2_s0": {
        "embed_dims": (32, 48, 96, 176), "depths": (2, 2, 6, 4), "num_vit": 2,
        "mlp_ratios": (4, 4, (4, 3, 3, 3, 4, 4), (4, 3, 3, 4)),
    },
    "efficientformerv2_s1": {
        "embed_dims": (32, 48, 120, 224), "depths": (3, 3, 9, 6), "num_vit": 2,
        "mlp_ratios": (4, 4, (4, 4, 3, 3, 3, 3, 4, 4, 4), (4, 4, 3, 3, 4, 4)),
    },
    "efficientformerv2_s2": {
        "embed_dims": (32, 64, 144, 288), "depths": (4, 4, 12, 8), "num_vit": 4,
        "mlp_ratios": (4, 4, (4, 4, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4), (4, 4, 3, 3, 3, 3, 4, 4)),
    },
    "efficientformerv2_l": {
        "embed_dims": (40, 80, 192, 384), "depths": (5, 5, 15, 10), "num_vit": 6,
        "mlp_ratios": (4, 4, (4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4), (4, 4, 4, 3, 3, 3, 3, 4, 4, 4)),
    },
}  # fmt: skip
_V1_NAMES: dict[str, dict[str, Any]] = {
    "efficientformer_l1": {"embed_dims": (48, 96, 224, 448), "depths": (3, 2, 6, 4), "num_vit": 1},
    "efficientformer_l3": {"embed_dims": (64, 128, 320, 512), "depths": (4, 4, 12, 6), "num_vit": 4},
    "efficientformer_l7": {"embed_dims": (96, 192, 384, 768), "depths": (6, 6, 18, 8), "num_vit": 8},
}


V2_BLOCKS = {"conv_ffn", "attention_ffn"}
V1_BLOCKS = {"pool_mixer", "attention_mlp"}


def v2(a: Architecture) -> Words:
    """Name and arguments of ``EfficientFormerV2``.

    Raises:
        InvalidArchitecture: the class cannot hold it.
    """
    kwargs = _v2(a)
    # timm builds the tables of attention biases for this size
    return name_of(kwargs, _V2_NAMES), {**kwargs, "img_size": size_of(a)}


def v1(a: Architecture) -> Words:
    """Name and arguments of ``EfficientFormer``.

    Raises:
        InvalidArchitecture: the class cannot hold it.
    """
    kwargs = _v1(a)
    return name_of(kwargs, _V1_NAMES), kwargs


def _v2(a: Architecture) -> dict[str, Any]:
    require_part("stem", a.stem, "conv_stem", activation="gelu")
    head = require_part("head", a.head, "pooled_classifier")
    if head["norm"] == "layer":
        raise cannot("head", "EfficientFormerV2 has batch norm before its classifiers, not layer norm")
    sides_px = [side // 4 for side in a.image.map_px]
    ratios: list[Any] = []
    for i, stage in enumerate(a.stages):
        path = f"stages.{i}"
        _require_down(path, stage, ("", "conv_down", "conv_down")[i] if i < 3 else "attention_down")
        sides_px = [-(-side // 2) if i else side for side in sides_px]
        stride = 2 if i == 2 else 1
        for k, block in enumerate(stage.blocks()):
            if block.op == "attention_ffn":
                if i < 2:
                    raise cannot(
                        f"{path}.blocks[{k}]", "EfficientFormerV2 has attention from the third stage on"
                    )
                if any(side % stride for side in sides_px):
                    size = " x ".join(map(str, sides_px))
                    raise cannot(path, f"EfficientFormerV2 cannot halve a map of {size} px for its attention")
                require_part(f"{path}.blocks[{k}]", block, "attention_ffn", stride=stride, **ATTENTION)
        each = tuple(block.full_args()["expansion"] for block in stage.blocks())
        ratios.append(each[0] if len(set(each)) == 1 else each)
    return {
        "embed_dims": tuple(stage.width for stage in a.stages),
        "depths": tuple(len(stage.blocks()) for stage in a.stages),
        "num_vit": _shared_attention(a.stages[2:], "attention_ffn"),
        "mlp_ratios": tuple(ratios),
        "distillation": bool(head["distilled"]),
    }


def _v1(a: Architecture) -> dict[str, Any]:
    require_part("stem", a.stem, "conv_stem", activation="relu")
    head = require_part("head", a.head, "pooled_classifier", distilled=True)
    if head["norm"] == "batch":
        raise cannot("head", "EfficientFormer has layer norm before its classifiers, not batch norm")
    map_px = [side // 4 for side in a.image.map_px]
    for i, stage in enumerate(a.stages):
        _require_down(f"stages.{i}", stage, "conv_down" if i else "")
        map_px = [-(-side // 2) for side in map_px] if i else map_px
        for k, block in enumerate(stage.blocks()):
            path = f"stages.{i}.blocks[{k}]"
            if block.op == "attention_mlp":
                require_part(path, block, "attention_mlp", **ATTENTION)
                if i < len(a.stages) - 1:
                    raise cannot(path, "EfficientFormer has attention in its last stage only")
    if map_px != [TOKENS_PX, TOKENS_PX]:
        raise cannot(
            "input.resolution_px", f"EfficientFormer is fixed to 224 px, not {in_px(a.resolution_px)}"
        )
    attention = _shared_attention(a.stages[-1:], "attention_mlp")
    if not attention:
        raise cannot("stages", "EfficientFormer needs one attention block at least")
    return {
        "embed_dims": tuple(stage.width for stage in a.stages),
        "depths": tuple(len(stage.blocks()) for stage in a.stages),
        "num_vit": attention,
        "mlp_ratios": one_value(a, "expansion", 4),
        "pool_size": one_value(a, "pool_px", 3),
    }


def _shared_attention(stages: tuple[Stage, ...], op: str) -> int:
    """timm's ``num_vit``: how many attention blocks end each stage; a shorter stage has only such."""
    counts = []
    for stage in stages:
        flags = [block.op == op for block in stage.blocks()]
        if flags != sorted(flags):
            raise cannot("stages", "attention must come last in a stage")
        counts.append(sum(flags))
    shared = max(counts, default=0)
    for stage, count in zip(stages, counts, strict=True):
        if count != min(shared, len(stage.blocks())):
            raise cannot("stages", f"one num_vit holds for all stages, not {' and '.join(map(str, counts))}")
    return shared


def _require_down(path: str, stage: Stage, op: str) -> None:
    given = stage.down.op if stage.down else ""
    if given != op:
        raise cannot(f"{path}.down", f"'{op or 'nothing'}' stands there, not '{given or 'nothing'}'")
    if stage.down is not None and op == "attention_down":
        require_part(f"{path}.down", stage.down, op, **DOWN_ATTENTION)
