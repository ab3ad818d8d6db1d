"""Which linear layers are an attention's projections: what the proxies of TF-TAS's family tell apart."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from vitnas.quality.proxies._base import weight_layers
from vitnas.quality.proxies._entropy import QKV, linear_submodules


@dataclass(frozen=True)
class LinearLayers:
    """Names of a network's linear layers, 1x1 convolutions of one group among them.

    Attributes:
        attention: projections of each attention. Separate q, k and v with inputs of one width stand
            together: stacked they are the fused projection of the published networks.
        others: of MLPs, mixers and heads.
    """

    attention: tuple[tuple[str, ...], ...]
    others: tuple[str, ...]


def linear_layers(network: nn.Module) -> LinearLayers:
    """Sort a network's linear layers by their names.

    An attention's are called ``q``, ``k``, ``v``, ``qkv``, or ``proj`` beside them, or are the ``conv`` in a
    module of that name. Other convolutions are in neither list: patch embeddings, stems, down-sampling,
    depthwise ones.

    Raises:
        ValueError: there is no linear layer.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, role, layer in linear_submodules(network, (*QKV, "qkv", "proj")):
        if _is_linear(layer):
            parent = name.removesuffix(".conv").rpartition(".")[0]
            stacked = (parent, str(layer.weight.shape[1]))
            groups.setdefault(stacked if role in QKV else (name,), []).append(name)
    known = {name for names in groups.values() for name in names}
    others = tuple(n for n, layer in weight_layers(network) if _is_linear(layer) and n not in known)
    if not known and not others:
        raise ValueError("the network has no linear layer")
    return LinearLayers(tuple(tuple(names) for names in groups.values()), others)


def _is_linear(layer: nn.Conv2d | nn.Linear) -> bool:
    return isinstance(layer, nn.Linear) or (layer.groups == 1 and layer.kernel_size == (1, 1))
