"""The ``timm.create_model`` call that builds an architecture, where one of timm's classes can hold it.

Facts about timm (1.0): ``EfficientFormerV2`` takes one ``num_vit`` for stages 3 and later, an MLP ratio for
each block, and fixes everything else about attention. ``EfficientFormer`` (v1) takes one MLP ratio and one
pooling window for the network, has attention in the last stage only (and cannot run without), two classifiers
always, and tables of attention biases for 7x7 tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vitnas.arch.build import build
from vitnas.arch.operators import Scalar, arguments
from vitnas.arch.schema import Architecture, Block, Stage
from vitnas.errors import InvalidArchitecture, VitnasError, missing_extra
from vitnas.export import Exported
from vitnas.export.weights import convert_timm_state

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


@dataclass(frozen=True)
class TimmSpec:
    """A network in timm's words.

    Attributes:
        name: what ``timm.create_model`` is given first.
        kwargs: the rest, complete: nothing is left to timm's defaults for that name.
        params: parameters of the network built so, equal to ours.
    """

    name: str
    kwargs: Mapping[str, Any]
    params: int

    @property
    def call(self) -> str:
        """The call, on one line."""
        return f"timm.create_model({', '.join(self._arguments())})"

    def program(self, title: str) -> str:
        """Python text that builds the network as ``model``."""
        lines = "".join(f"    {argument},\n" for argument in self._arguments())
        note = f"{title}: {self.params:,} parameters."
        return f'"""{note}"""\n\nimport timm\n\nmodel = timm.create_model(\n{lines})\n'

    def _arguments(self) -> list[str]:
        return [f'"{self.name}"', *(f"{key}={value!r}" for key, value in self.kwargs.items())]


def export_timm(architecture: Architecture) -> TimmSpec:
    """The call that builds the architecture in timm, proven by building it there and comparing parameters.

    Raises:
        InvalidArchitecture: none of timm's classes can hold it; says why.
        MissingExtra: timm is not installed.
        VitnasError: the installed timm builds other parameters from this call.
    """
    name, kwargs = _words(architecture)
    try:
        import timm
    except ImportError:
        raise missing_extra("timm", "timm") from None
    with torch.device("meta"):
        ours, theirs = build(architecture), timm.create_model(name, pretrained=False, **kwargs)
    wanted = {key: tuple(value.shape) for key, value in ours.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in convert_timm_state(theirs.state_dict()).items()}
    params = _params(ours)
    if wanted != found or params != _params(theirs):
        different = sorted(key for key in wanted | found if wanted.get(key) != found.get(key))
        raise VitnasError(
            f"timm {timm.__version__} builds another network from {name} ({_params(theirs):,} parameters, "
            f"not {params:,}; first difference: {different[0] if different else 'shared parameters'}); "
            f"try another version of timm"
        )
    return TimmSpec(name, kwargs, params)


def write_timm(architecture: Architecture, path: str | Path, model: nn.Module | None = None) -> Exported:
    """Write a Python file that builds the network in timm; see :func:`export_timm`.

    Raises:
        VitnasError: ``model`` is given: the file holds no weights.
    """
    if model is not None:
        raise VitnasError(
            "a timm file holds a call and no weights: leave them out, or export to torch or onnx"
        )
    spec = export_timm(architecture)
    Path(path).write_text(spec.program(architecture.name), encoding="utf-8")
    proof = f"built in timm: {spec.params:,} parameters, names and shapes equal ours"
    return Exported(Path(path), proof, call=spec.call)


def _params(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _words(a: Architecture) -> tuple[str, dict[str, Any]]:
    """Name and arguments for timm; the operators tell the class."""
    ops = {block.op for stage in a.stages for block in stage.blocks()}
    ends = {"num_classes": a.classes, "in_chans": a.in_channels}
    _require_part("stem", a.stem, "conv_stem")
    _require_part("head", a.head, "pooled_classifier")
    if ops <= {"conv_ffn", "attention_ffn"}:
        kwargs = _v2(a)
        # fixed_input_size: timm builds the tables of attention biases for this size
        return _name(kwargs, _V2_NAMES), {**kwargs, **ends, "img_size": a.resolution_px}
    if ops <= {"pool_mixer", "attention_mlp"}:
        kwargs = _v1(a)
        return _name(kwargs, _V1_NAMES), {**kwargs, **ends}
    raise _cannot("stages", f"no class has blocks of {', '.join(sorted(ops))} together")


def _name(kwargs: Mapping[str, Any], names: Mapping[str, Mapping[str, Any]]) -> str:
    for name, meaning in names.items():
        if all(kwargs[key] == value for key, value in meaning.items()):
            return name
    return next(iter(names))


def _v2(a: Architecture) -> dict[str, Any]:
    _require_part("stem", a.stem, "conv_stem", activation="gelu")
    head = _full(a.head)
    if head["norm"] == "layer":
        raise _cannot("head", "EfficientFormerV2 has batch norm before its classifiers, not layer norm")
    side_px = a.resolution_px // 4
    ratios: list[Any] = []
    for i, stage in enumerate(a.stages):
        path = f"stages.{i}"
        _require_down(path, stage, ("", "conv_down", "conv_down")[i] if i < 3 else "attention_down")
        side_px = -(-side_px // 2) if i else side_px
        stride = 2 if i == 2 else 1
        for k, block in enumerate(stage.blocks()):
            if block.op == "attention_ffn":
                if i < 2:
                    raise _cannot(
                        f"{path}.blocks[{k}]", "EfficientFormerV2 has attention from the third stage on"
                    )
                if side_px % stride:
                    raise _cannot(
                        path, f"EfficientFormerV2 cannot halve a map of {side_px} px for its attention"
                    )
                _require_part(f"{path}.blocks[{k}]", block, "attention_ffn", stride=stride, **ATTENTION)
        each = tuple(_full(block)["expansion"] for block in stage.blocks())
        ratios.append(each[0] if len(set(each)) == 1 else each)
    return {
        "embed_dims": tuple(stage.width for stage in a.stages),
        "depths": tuple(len(stage.blocks()) for stage in a.stages),
        "num_vit": _shared_attention(a.stages[2:], "attention_ffn"),
        "mlp_ratios": tuple(ratios),
        "distillation": bool(head["distilled"]),
    }


def _v1(a: Architecture) -> dict[str, Any]:
    _require_part("stem", a.stem, "conv_stem", activation="relu")
    head = _require_part("head", a.head, "pooled_classifier", distilled=True)
    if head["norm"] == "batch":
        raise _cannot("head", "EfficientFormer has layer norm before its classifiers, not batch norm")
    side_px = a.resolution_px // 4
    for i, stage in enumerate(a.stages):
        _require_down(f"stages.{i}", stage, "conv_down" if i else "")
        side_px = -(-side_px // 2) if i else side_px
        for k, block in enumerate(stage.blocks()):
            path = f"stages.{i}.blocks[{k}]"
            if block.op == "attention_mlp":
                _require_part(path, block, "attention_mlp", **ATTENTION)
                if i < len(a.stages) - 1:
                    raise _cannot(path, "EfficientFormer has attention in its last stage only")
    if side_px != TOKENS_PX:
        raise _cannot("input.resolution_px", f"EfficientFormer is fixed to 224 px, not {a.resolution_px}")
    attention = _shared_attention(a.stages[-1:], "attention_mlp")
    if not attention:
        raise _cannot("stages", "EfficientFormer needs one attention block at least")
    return {
        "embed_dims": tuple(stage.width for stage in a.stages),
        "depths": tuple(len(stage.blocks()) for stage in a.stages),
        "num_vit": attention,
        "mlp_ratios": _one_value(a, "expansion", 4),
        "pool_size": _one_value(a, "pool_px", 3),
    }


def _shared_attention(stages: tuple[Stage, ...], op: str) -> int:
    """timm's ``num_vit``: how many attention blocks end each stage; a shorter stage has only such."""
    counts = []
    for stage in stages:
        flags = [block.op == op for block in stage.blocks()]
        if flags != sorted(flags):
            raise _cannot("stages", "attention must come last in a stage")
        counts.append(sum(flags))
    shared = max(counts, default=0)
    for stage, count in zip(stages, counts, strict=True):
        if count != min(shared, len(stage.blocks())):
            raise _cannot("stages", f"one num_vit holds for all stages, not {' and '.join(map(str, counts))}")
    return shared


def _one_value(a: Architecture, argument: str, default: Scalar) -> Scalar:
    """The value that all blocks with this argument share."""
    blocks = [_full(block) for stage in a.stages for block in stage.blocks()]
    values = sorted({block[argument] for block in blocks if argument in block}, key=str)
    if len(values) > 1:
        raise _cannot("stages", f"one {argument} holds for the network, not {' and '.join(map(str, values))}")
    return values[0] if values else default


def _require_down(path: str, stage: Stage, op: str) -> None:
    given = stage.down.op if stage.down else ""
    if given != op:
        raise _cannot(f"{path}.down", f"'{op or 'nothing'}' stands there, not '{given or 'nothing'}'")
    if stage.down is not None and op == "attention_down":
        _require_part(f"{path}.down", stage.down, op, **DOWN_ATTENTION)


def _require_part(path: str, block: Block, op: str, **fixed: Scalar) -> dict[str, Scalar]:
    """All arguments of a block that has to be ``op`` with these values."""
    if block.op != op:
        raise _cannot(path, f"'{op}' stands there, not '{block.op}'")
    full = _full(block)
    for name, value in fixed.items():
        if full[name] != value:
            raise _cannot(path, f"{name} is {value!r} there, not {full[name]!r}")
    return full


def _full(block: Block) -> dict[str, Any]:
    return {name: block.args.get(name, argument.default) for name, argument in arguments(block.op).items()}


def _cannot(path: str, reason: str) -> InvalidArchitecture:
    return InvalidArchitecture(f"timm's classes cannot hold this network: {path}: {reason}")
