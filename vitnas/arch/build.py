"""From an architecture to a plain ``torch.nn.Module``."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from vitnas import plugins
from vitnas.arch.features import Features
from vitnas.arch.network import Network, Stage
from vitnas.arch.operators import Scalar, takes_drop_path
from vitnas.arch.schema import Architecture, Block
from vitnas.arch.schema import Stage as StagePlan
from vitnas.errors import InvalidArchitecture, PluginError, StaleCosts

ArgItems = tuple[tuple[str, Scalar], ...]


def build_op(
    name: str, inputs: Features, width: int, args: Mapping[str, Scalar], *, drop_path: float = 0.0
) -> nn.Module:
    """Build one operator.

    Raises:
        InvalidArchitecture: the operator cannot be built for these features and arguments.
        PluginError: its code raises, or gives no module.
    """
    cls = plugins.load_plugin("operator", name)
    extra: dict[str, Any] = {"drop_path": drop_path} if drop_path and takes_drop_path(name) else {}
    with running_op(name, inputs, width, args.items()):
        module = cls(inputs, width, **args, **extra)
    if not isinstance(module, nn.Module):
        raise plugins.defect("operator", name, "must be a torch.nn.Module")
    return module


def running_op(
    name: str, inputs: Features, width: int, args: Iterable[tuple[str, Scalar]]
) -> AbstractContextManager[None]:
    """While an operator's code runs: what it raises becomes a `PluginError` that says what came in."""

    def doing() -> str:
        kind = "tokens" if inputs.tokens else "a map"
        given = "".join(f", {key}={value}" for key, value in args)
        return f"fails on {kind} {inputs.shape()}, width {width}{given}"

    return plugins.running("operator", name, doing)


def features_of(
    shape: tuple[int, ...], inputs: Features | None = None, map_px: tuple[int, int] | None = None
) -> Features:
    """Features of a tensor's shape.

    Tokens of a map that is no square have the map ``map_px`` that their operator states. Otherwise they have
    the extra ones of their ``inputs`` where the others make up a square, else all beyond the largest square
    are extra ones.
    """
    if len(shape) == 4:
        return Features(shape[1], shape[2], width_px=shape[3])
    if map_px is not None and map_px[0] != map_px[1]:
        extra = shape[1] - map_px[0] * map_px[1]
        return Features(shape[2], map_px[0], True, extra, width_px=map_px[1])
    extra = inputs.extra_tokens if inputs is not None else 0
    side = math.isqrt(max(shape[1] - extra, 0))
    if side**2 + extra != shape[1]:
        side = math.isqrt(shape[1])
    return Features(shape[2], side, tokens=True, extra_tokens=shape[1] - side * side)


def output_features(name: str, inputs: Features, width: int, args: ArgItems) -> Features:
    """What an operator gives for ``inputs``, learned by running it on the meta device.

    Raises:
        InvalidArchitecture: the operator cannot be built for these features and arguments.
        PluginError: its code raises, or gives neither a square map nor tokens.
    """
    return _output_features(name, plugins.load_plugin("operator", name), inputs, width, args)


@functools.lru_cache(maxsize=8192)
def _output_features(name: str, cls: type, inputs: Features, width: int, args: ArgItems) -> Features:
    with torch.device("meta"), torch.no_grad():
        module = build_op(name, inputs, width, dict(args)).eval()
        with running_op(name, inputs, width, args):
            output = module(torch.empty(inputs.shape()))
    shape = tuple(output.shape) if isinstance(output, Tensor) else ()
    return given_features(name, shape, inputs, module)


def given_features(name: str, shape: tuple[int, ...], inputs: Features, module: nn.Module) -> Features:
    """What an operator gives, by the shape of its output (empty where that is no tensor).

    Raises:
        PluginError: these are neither tokens nor a map, a square one of a square.
        InvalidArchitecture: tokens of another map than came in, which is no square, and it does not state it.
    """
    if len(shape) == 3 and not inputs.is_square:
        map_px = getattr(module, "output_px", inputs.map_px)
        if shape[1] < map_px[0] * map_px[1] or (
            map_px == inputs.map_px and shape != inputs.tokens_shape(shape[2])
        ):
            raise InvalidArchitecture(f"{name} takes square maps: it does not state the map of its tokens")
        return features_of(shape, inputs, map_px)
    if len(shape) != 3 and not (len(shape) == 4 and (shape[2] == shape[3] or not inputs.is_square)):
        problem = f"must give tokens (B, N, C) or a square map (B, C, H, H), not {shape or 'something else'}"
        raise plugins.defect("operator", name, problem)
    return features_of(shape, inputs)


def build(architecture: Architecture, *, drop_path_rate: float = 0.0) -> Network:
    """Build the network with fresh weights on torch's default device.

    Args:
        architecture: what to build.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0 at the first.

    Raises:
        InvalidArchitecture: an operator cannot be built; the message names the block.
        PluginError: the same for an operator whose code raises.
        StaleCosts: the file of the architecture, unchanged, says another number of parameters.
    """
    a = architecture
    stem, features = _build("stem", a.stem, a.image, a.stages[0].width)
    count = sum(len(s.blocks()) for s in a.stages)
    rates = iter([drop_path_rate * k / max(count - 1, 1) for k in range(count)])
    stages = []
    for index, plan in enumerate(a.stages):
        stage, features = _build_stage(f"stages.{index}", plan, features, rates)
        stages.append(stage)
    head, _ = _build("head", a.head, features, a.classes, is_head=True)
    network = Network(
        stem,
        stages,
        head,
        input_shape=a.input_shape,
        num_classes=a.classes,
        num_features=features.channels,
    )
    _check_stated(a, network)
    network.apply(_init_linear)
    return network


def _check_stated(architecture: Architecture, network: Network) -> None:
    """Compare the parameters that a file says of the network that it was written for.

    Raises:
        StaleCosts: they are not those of the network.
    """
    metrics, origin = (architecture.metadata.get(name) for name in ("metrics", "provenance"))
    if not (isinstance(metrics, Mapping) and isinstance(origin, Mapping)):
        return
    stated, params = metrics.get("params"), sum(p.numel() for p in network.parameters())
    if stated not in (None, params) and origin.get("id") == architecture.id:
        raise StaleCosts(
            f"{architecture.name}: its file says {stated} params, the network has {params:,}: the code of an "
            "operator has changed since it was found; search again, or remove 'metrics' from the file"
        )


def _init_linear(module: nn.Module) -> None:
    """The initialisation of the published recipes (DeiT's): truncated normal 0.02, biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _build_stage(path: str, plan: StagePlan, features: Features, rates: Any) -> tuple[Stage, Features]:
    down = None
    if plan.down is not None:
        down, features = _build(f"{path}.down", plan.down, features, plan.width)
    blocks = []
    for k, block in enumerate(plan.blocks()):
        module, features = _build(f"{path}.blocks[{k}]", block, features, plan.width, drop_path=next(rates))
        blocks.append(module)
    return Stage(down, blocks), features


def _build(
    path: str, block: Block, inputs: Features, width: int, *, drop_path: float = 0.0, is_head: bool = False
) -> tuple[nn.Module, Features]:
    try:
        module = build_op(block.op, inputs, width, block.args, drop_path=drop_path)
        if is_head:
            return module, inputs
        return module, output_features(block.op, inputs, width, tuple(sorted(block.args.items())))
    except InvalidArchitecture as problem:
        raise InvalidArchitecture(f"{path} ({block.op}): {problem}") from None
    except PluginError as problem:
        raise problem.at(path) from problem.__cause__
