"""Weights of ours, of timm's EfficientFormers and of its plain vision transformers in our networks."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.arch.resize import OFFSET_BIASES, POSITIONS, Map, maps_of, resize
from vitnas.errors import InvalidData
from vitnas.export.checkpoints import USUAL, Candidate, listed, read_checkpoint

State = dict[str, Tensor]

CLASSIFIERS = ("head.head.", "head.head_distilled.")
COUNTED = "num_batches_tracked"  # the end of keys that may be missing
IMAGE_CHANNELS = 3  # of published weights

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
    model: nn.Module, source: str | Path | Mapping[str, Any] | nn.Module, *, pretrained: bool = True
) -> None:
    """Load weights of ours, or of timm's EfficientFormer or VisionTransformer, of the same architecture.

    Whatever is not used exactly as given is said in a warning. Tables of attention biases and of positions
    are resized where the resolution differs. Where the number of classes differs, the classifiers keep the
    weights that they have. Two classifiers become one by their mean (the same function in evaluation) if the
    network has one. Three input channels become any other number as in timm.

    Args:
        model: a network of :func:`vitnas.build` or :func:`vitnas.create_model`, on a real device.
        source: a timm model name, a checkpoint's file or folder, a state dict or a module. What training
            tools put around a state dict (wrappers, prefixes, averages, settings) is taken off; of a
            training's own weights and their average the average is loaded. Pickled code is never executed.
        pretrained: for a timm model name: its published weights, which timm downloads, or fresh ones.

    Raises:
        InvalidData: the file cannot be read, or the weights are of another architecture; names keys.
        UnknownName: timm has no such model.
        MissingExtra: a model name is given and timm is not installed.
    """
    for note in load_weights(model, source, pretrained=pretrained):
        warnings.warn(note, stacklevel=2)


def load_weights(
    model: nn.Module,
    source: str | Path | Mapping[str, Any] | nn.Module,
    *,
    pretrained: bool = True,
    keep_classifiers: bool = True,
) -> tuple[str, ...]:
    """As `load_timm_weights`, and says what of the weights was not used exactly as given.

    Args:
        model: the network.
        source: the weights.
        pretrained: for a timm model name: its published weights or fresh ones.
        keep_classifiers: where the number of classes differs, keep the network's own; else that is an error.

    Raises:
        InvalidData, UnknownName, MissingExtra: as `load_timm_weights`.
    """
    target = model.state_dict()
    label, candidates = read_checkpoint(source, set(target), pretrained=pretrained)
    maps = maps_of(model)
    fitted = [(found, *_fitted(found, target, maps, label, keep_classifiers)) for found in candidates]
    whole = [(found, state, notes) for found, state, notes, problem in fitted if not problem]
    if not whole:
        raise InvalidData(fitted[0][3])
    found, state, notes = whole[0]
    others = [other.where or "the top of the file" for other, _, _ in whole[1:]]
    if others and not found.averaged and found.where not in USUAL:
        names = ", ".join([found.where or "the top of the file", *others])
        raise InvalidData(f"{label} holds several such networks ({names}): hand over the state dict of one")
    if others:
        notes.append(f"{label}: '{found.where}' is loaded, not {', '.join(others)}")
    if found.beside:
        notes.append(f"{label}: left out what is not in '{found.where}': {listed(found.beside)}")
    model.load_state_dict(state)
    return tuple(notes)


def _fitted(
    found: Candidate,
    target: Mapping[str, Tensor],
    maps: Mapping[str, Map],
    label: str,
    keep_classifiers: bool,
) -> tuple[State, list[str], str]:
    """A state for the network, what is to be said of it, and why it does not fit; empty if it does."""
    notes: list[str] = []
    try:
        state = convert_timm_state(found.state)
        _merge_classifiers(state, target, label, notes)
        _settle_classifiers(state, target, label, notes, keep_classifiers)
        _resize_tables(state, target, maps, label, notes)
        _adapt_channels(state, target, label, notes)
    except (InvalidData, RuntimeError, ValueError, KeyError) as problem:
        if isinstance(problem, InvalidData):
            return {}, notes, str(problem)
        return {}, notes, f"{label} holds weights of another architecture; {problem}"
    for key, value in target.items():
        if key.endswith(COUNTED):
            state.setdefault(key, value)
    if any(value.dtype == torch.float64 for value in state.values()):
        notes.append(f"{label}: weights of 64 bit were rounded to 32 bit")
    return state, notes, _misfit(state, target, label)


def convert_timm_state(state: Mapping[str, Tensor]) -> State:
    """timm's state dict under our names, a joint projection split into q, k and v."""
    # indices follow from the sizes
    kept = {k: v for k, v in state.items() if not k.endswith(("attention_bias_idxs", ".index"))}
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


def _merge_classifiers(state: State, target: Mapping[str, Tensor], label: str, notes: list[str]) -> None:
    single, taught = CLASSIFIERS
    merged = [leaf for leaf in ("weight", "bias") if taught + leaf in state and single + leaf in state]
    if not merged or taught + merged[0] in target or single + merged[0] not in target:
        return
    for leaf in merged:
        state[single + leaf] = (state[single + leaf] + state.pop(taught + leaf)) / 2
    notes.append(f"{label}: its two classifiers became one, their mean")


def _settle_classifiers(
    state: State, target: Mapping[str, Tensor], label: str, notes: list[str], keep: bool
) -> None:
    """Where the number of classes differs, the network's own classifiers, or none, take their place.

    Raises:
        InvalidData: it differs, and they are not to be kept.
    """
    given = {key: value for key, value in state.items() if key.startswith(CLASSIFIERS)}
    wanted = {key: value for key, value in target.items() if key.startswith(CLASSIFIERS)}
    if given and not wanted:
        notes.append(f"{label}: its classifier is left out, for the network has none")
    elif wanted and _classes(given) != _classes(wanted):
        count = _classes(given)
        has = f"{count} classes" if count else "no classifier"
        if not keep:
            raise InvalidData(
                f"{label} has {has} and the network {_classes(wanted)}: take `num_classes` {count}"
            )
        notes.append(
            f"{label} has {has} and the network {_classes(wanted)}: its classifier keeps the weights it has"
        )
    else:
        return
    for key in given:
        del state[key]
    state.update(wanted)


def _classes(classifiers: Mapping[str, Tensor]) -> int:
    return next((len(value) for value in classifiers.values() if value.ndim), 0)


def _resize_tables(
    state: State,
    target: Mapping[str, Tensor],
    maps: Mapping[str, Map],
    label: str,
    notes: list[str],
) -> None:
    """Tables of attention biases and of positions, for the network's resolution; not another network's."""
    if not state.keys() <= target.keys() or not all(k in state or k.endswith(COUNTED) for k in target):
        return
    tables = [key for key in target if key in state and key.endswith((OFFSET_BIASES, POSITIONS))]
    others = [key for key in tables if state[key].shape != target[key].shape]
    for key in others:
        state[key] = resize(key, state[key], target[key].shape, to_px=maps.get(key))
    if others:
        notes.append(f"{label}: resized for the network's resolution: {listed(others)}")


def _adapt_channels(state: State, target: Mapping[str, Tensor], label: str, notes: list[str]) -> None:
    """The stem's first convolution for another number of image channels, as timm's ``adapt_input_conv``."""
    for key, wanted in target.items():
        value = state.get(key)
        if value is None or not key.startswith("stem.") or wanted.ndim != 4 or value.ndim != 4:
            continue
        channels = wanted.shape[1]
        if value.shape[1] != IMAGE_CHANNELS or channels == IMAGE_CHANNELS:
            continue
        if value.shape[0] != wanted.shape[0] or value.shape[2:] != wanted.shape[2:]:
            continue
        if channels == 1:
            state[key] = value.float().sum(dim=1, keepdim=True)
        else:
            copies = -(-channels // IMAGE_CHANNELS)
            repeated = value.float().repeat(1, copies, 1, 1)[:, :channels]
            state[key] = repeated * (IMAGE_CHANNELS / channels)
        notes.append(f"{label}: the first convolution's {IMAGE_CHANNELS} input channels became {channels}")


def _misfit(state: Mapping[str, Tensor], target: Mapping[str, Tensor], label: str) -> str:
    """Why a state is not the network's, with names; empty if it is."""
    both = [key for key in target if key in state]
    found = {
        "missing": [key for key in target if key not in state],
        "unexpected": [key for key in state if key not in target],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(target[key].shape)}"
            for key in both
            if state[key].shape != target[key].shape
        ],
        "of another type": [
            f"{key} {state[key].dtype}"
            for key in both
            if state[key].is_floating_point() != target[key].is_floating_point()
        ],
    }
    problems = [f"{what}: {listed(keys)}" for what, keys in found.items() if keys]
    return f"{label} holds weights of another architecture; {'; '.join(problems)}" if problems else ""
