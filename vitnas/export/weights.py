"""Weights of timm's EfficientFormer v1 and V2 and of its plain vision transformers in our networks."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.arch.resize import OFFSET_BIASES, POSITIONS, resize
from vitnas.errors import InvalidData, import_extra, unknown

State = dict[str, Tensor]

FILE_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
CLASSIFIERS = ("head.head.", "head.head_distilled.")
_SHOWN_KEYS = 4

# timm's name -> ours, applied in this order. v1 and V2 spell convolution and norm differently; those without
# stages are plain vision transformers.
_RENAMES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^patch_embed\.proj\.", "stem.proj."),
        (r"^cls_token$", "stem.class_token"),
        (r"^pos_embed$", f"stem.{POSITIONS}"),
        (r"^blocks\.", "stages.0.blocks."),
        (r"(^stages\.0\.blocks\.\d+)\.attn\.", r"\1.attention."),
        (r"^stem\.conv(\d)\.(weight|bias)$", r"stem.conv\1.conv.\2"),
        (r"^stem\.norm(\d)\.", r"stem.conv\1.norm."),
        (r"\.downsample\.conv\.(weight|bias)$", r".down.conv.conv.\1"),
        (r"\.downsample\.norm\.", ".down.conv.norm."),
        (r"\.downsample\.attn\.q\.local\.", ".down.attention.q_local."),
        (r"\.downsample\.attn\.q\.proj\.", ".down.attention.q."),
        (r"\.downsample\.attn\.", ".down.attention."),
        (r"\.downsample\.", ".down."),
        (r"\.token_mixer\.", ".attention."),
        (r"\.attention_biases$", f".{OFFSET_BIASES}"),
        (r"\.mlp\.fc(\d)\.conv\.", r".mlp.fc\1."),
        (r"\.mlp\.fc(\d)\.bn\.", r".mlp.norm\1."),
        (r"\.mlp\.mid\.", ".mlp.local."),
        (r"\.bn\.", ".norm."),
        (r"\.ls(\d)\.", r".scale\1."),
        (r"^head\.(weight|bias)$", r"head.head.\1"),
        (r"^head_dist\.", "head.head_distilled."),
        (r"^norm\.", "head.norm."),
    )
)


def load_timm_weights(
    model: nn.Module, source: str | Path | Mapping[str, Tensor] | nn.Module, *, pretrained: bool = True
) -> None:
    """Load weights of timm's EfficientFormer or VisionTransformer into the network of the same architecture.

    Tables of attention biases and of positions are resized where the resolution differs. Where the number of
    classes differs, the classifiers keep the weights that they have, with a warning. Two classifiers become
    one by their mean (the same function in evaluation) if the network has one.

    Args:
        model: a network of :func:`vitnas.build` or :func:`vitnas.create_model`, on a real device.
        source: a timm model name, a file (.safetensors, .pth, .pt, .bin), a state dict or a timm module.
        pretrained: for a timm model name: its published weights, which timm downloads, or fresh ones.

    Raises:
        InvalidData: the file cannot be read, or the weights are of another architecture; names keys.
        UnknownName: timm has no such model.
        MissingExtra: a model name is given and timm is not installed.
    """
    label, raw = _read(source, pretrained)
    target = model.state_dict()
    state = convert_timm_state(raw)
    _merge_classifiers(state, target)
    _keep_classifiers(state, target, label)
    _resize_tables(state, target)
    for key, value in target.items():
        if key.endswith("num_batches_tracked"):
            state.setdefault(key, value)
    _check(state, target, label)
    model.load_state_dict(state)


def convert_timm_state(state: Mapping[str, Tensor]) -> State:
    """timm's state dict under our names, a joint projection split into q, k and v."""
    kept = {key: value for key, value in state.items() if not key.endswith("attention_bias_idxs")}
    numbers = _block_numbers(kept)
    converted: State = {}
    for key, value in kept.items():
        name = re.sub(r"^stages\.\d+\.blocks\.\d+\.", lambda match: numbers[match.group()], key)
        if key.endswith("ls2.gamma") and key.replace("ls2", "ls1") not in kept:
            name = name.replace(".ls2.", ".scale.")  # a block with one branch has one scale
        for pattern, replacement in _RENAMES:
            name = pattern.sub(replacement, name)
        converted[name] = value
    for key in [key for key in converted if ".qkv." in key]:
        _split_qkv(converted, key)
    return converted


def _block_numbers(state: Mapping[str, Tensor]) -> dict[str, str]:
    """New prefix of every block: timm counts v1's flattening as a block, we don't."""
    stages: dict[str, set[int]] = {}
    for key in state:
        if match := re.match(r"^stages\.(\d+)\.blocks\.(\d+)\.", key):
            stages.setdefault(match[1], set()).add(int(match[2]))
    return {
        f"stages.{stage}.blocks.{old}.": f"stages.{stage}.blocks.{new}."
        for stage, blocks in stages.items()
        for new, old in enumerate(sorted(blocks))
    }


def _split_qkv(state: State, key: str) -> None:
    """Replace a joint projection by three.

    Its rows are all of q, then k, then v in a vision transformer, and head by head (q, k, v) in
    EfficientFormer v1, which has attention biases.
    """
    prefix, leaf = key.split(".qkv.")
    joint = state.pop(key)
    if f"{prefix}.{OFFSET_BIASES}" not in state:
        for name, part in zip("qkv", joint.chunk(3), strict=True):
            state[f"{prefix}.{name}.{leaf}"] = part
        return
    heads = state[f"{prefix}.{OFFSET_BIASES}"].shape[0]
    value_dim = state[f"{prefix}.proj.weight"].shape[1] // heads
    by_head = joint.reshape(heads, -1, *joint.shape[1:])  # (heads, 2 * key_dim + value_dim, ...)
    key_dim = (by_head.shape[1] - value_dim) // 2
    parts = torch.split(by_head, [key_dim, key_dim, value_dim], dim=1)
    for name, part in zip("qkv", parts, strict=True):
        state[f"{prefix}.{name}.{leaf}"] = part.flatten(0, 1)


def _merge_classifiers(state: State, target: Mapping[str, Tensor]) -> None:
    single, taught = CLASSIFIERS
    for leaf in ("weight", "bias"):
        if taught + leaf in state and taught + leaf not in target and single + leaf in state:
            state[single + leaf] = (state[single + leaf] + state.pop(taught + leaf)) / 2


def _keep_classifiers(state: State, target: Mapping[str, Tensor], label: str) -> None:
    names = [key for key in target if key.startswith(CLASSIFIERS) and key in state]
    other = [key for key in names if state[key].shape[0] != target[key].shape[0]]
    if not other:
        return
    given, wanted = state[other[0]].shape[0], target[other[0]].shape[0]
    warnings.warn(
        f"{label} has {given} classes and the network {wanted}: its classifier keeps the weights it has",
        stacklevel=3,
    )
    for key in names:
        state[key] = target[key]


def _resize_tables(state: State, target: Mapping[str, Tensor]) -> None:
    """Tables of attention biases and of positions, for the network's resolution."""
    for key, wanted in target.items():
        if key in state and key.endswith((OFFSET_BIASES, POSITIONS)):
            state[key] = resize(key, state[key], wanted.shape)


def _check(state: Mapping[str, Tensor], target: Mapping[str, Tensor], label: str) -> None:
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(target[key].shape)}"
        for key in target
        if key in state and state[key].shape != target[key].shape
    ]
    found = {
        "missing": [key for key in target if key not in state],
        "unexpected": [key for key in state if key not in target],
        "of another shape": shapes,
    }
    problems = [f"{what}: {_listed(keys)}" for what, keys in found.items() if keys]
    if problems:
        raise InvalidData(f"{label} holds weights of another architecture; {'; '.join(problems)}")


def _listed(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN_KEYS
    return ", ".join(keys[:_SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")


def _read(source: Any, pretrained: bool) -> tuple[str, Mapping[str, Tensor]]:
    """What to call the source in messages, and its state dict."""
    if isinstance(source, nn.Module):
        return type(source).__name__, source.state_dict()
    if isinstance(source, Mapping):
        return "the state dict", source
    if isinstance(source, Path) or str(source).endswith(FILE_SUFFIXES):
        return str(source), _read_file(Path(source))
    return str(source), _timm_model(str(source), pretrained).state_dict()


def _timm_model(name: str, pretrained: bool) -> nn.Module:
    timm = import_extra("timm", "timm")
    if not timm.is_model(name):
        raise unknown("timm model", name, timm.list_models(["efficientformer*", "deit*", "vit*"]))
    model: nn.Module = timm.create_model(name, pretrained=pretrained)
    return model


def _read_file(path: Path) -> Mapping[str, Tensor]:
    """State dict of a file, read without pickle's code execution."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise InvalidData(f"{path}: no such weights file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as problem:
        raise InvalidData(f"{path}: cannot be read as weights: {problem}") from None
    except Exception as problem:  # pickle's own errors; torch raises several kinds for a file that is none
        raise InvalidData(f"{path}: cannot be read as weights: {type(problem).__name__}") from None
    for wrapper in ("state_dict_ema", "state_dict", "model_ema", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InvalidData(f"{path}: holds no state dict (names and tensors)")
    return {key.removeprefix("module."): value for key, value in loaded.items()}
