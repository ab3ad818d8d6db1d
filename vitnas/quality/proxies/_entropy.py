"""Entropy of tokens at the outputs of linear sub-modules: what the token-entropy proxies share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy, weight_layers

QKV = ("q", "k", "v")
CHUNK = 1 << 17  # elements that stay in the cache


class ModuleEntropy(Proxy):
    """Sum over linear sub-modules of the least entropy of a token times the number of tokens.

    Nguyen and Cheung's token-entropy proxies with one row kept (u = 1): each token's channels become a
    distribution by softmax. The product is averaged over the images.

    Attributes:
        roles: names of the sub-modules that are looked at. Separate ``q``, ``k`` and ``v`` of one attention
            count as one module with the channels of all three, as in a fused projection; where the queries
            are fewer than the keys, they count for themselves. A window of attention in windows counts as an
            image.
    """

    roles: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._modules: dict[str, list[Tensor]] = {}  # name -> of each part, (images,)

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Hook the sub-modules; the pieces of an attention's q, k and v wait for each other."""
        handles = []
        groups: dict[str, dict[str, Tensor]] = {}  # attention -> outputs of its q, k and v so far
        for name, role, layer in linear_submodules(network, self.roles):
            if role in QKV:
                pieces = groups.setdefault(name.removesuffix(".conv").removesuffix(role), {})
                handles.append(layer.register_forward_hook(self._collect(name, role, pieces)))
            else:
                handles.append(layer.register_forward_hook(self._hook(name)))
        return handles

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._keep(name, as_tokens(output.detach()))

        return keep

    def _collect(
        self, name: str, role: str, pieces: dict[str, Tensor]
    ) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            pieces[role] = as_tokens(output.detach())
            if len(pieces) < len(QKV):
                return
            q, k, v = (pieces.pop(r) for r in QKV)
            if q.shape[1] == k.shape[1]:
                self._keep(name, torch.cat((q, k, v), dim=-1))
            else:
                self._keep(f"{name} (queries)", q)
                self._keep(name, torch.cat((k, v), dim=-1))

        return keep

    def _keep(self, name: str, tokens: Tensor) -> None:
        self._modules.setdefault(name, []).append(least_entropy(tokens))

    def score(self, gradients: Gradients | None) -> float:
        """Sum over modules, in nats."""
        if not self._modules:
            raise ValueError(f"no layer of the network is called {' or '.join(self.roles)}")
        return float(sum(torch.cat(parts).double().mean() for parts in self._modules.values()))


def linear_submodules(
    network: nn.Module, roles: tuple[str, ...]
) -> Iterator[tuple[str, str, nn.Conv2d | nn.Linear]]:
    """Name, role and layer of linear and convolutional layers that play one of ``roles``.

    A layer's role is its own name, or that of the module that holds it as ``conv`` (a convolution with its
    norm: the output before the norm counts). ``proj`` counts in an attention only, beside ``q`` or ``qkv``:
    that of a patch embedding is none.
    """
    for name, layer in weight_layers(network):
        *path, role = name.removesuffix(".conv").split(".")
        if role not in roles:
            continue
        parent = network.get_submodule(".".join(path))
        if role == "proj" and not (hasattr(parent, "q") or hasattr(parent, "qkv")):
            continue
        yield name, role, layer


def as_tokens(features: Tensor) -> Tensor:
    """(B, C, H, W) or (B, N, C) -> (B, N, C)."""
    return features.flatten(2).transpose(1, 2) if features.ndim == 4 else features


def least_entropy(tokens: Tensor) -> Tensor:
    """Smallest entropy of an image's tokens times their number: (B, N, C) -> (B,)."""
    images = max(1, CHUNK // tokens[0].numel())
    parts = tokens.split(images)  # type: ignore[no-untyped-call]
    return torch.cat([_entropies(part.contiguous()).amin(dim=1) for part in parts]) * tokens.shape[1]


def _entropies(tokens: Tensor) -> Tensor:
    """(B, N, C) -> (B, N)."""
    # H = ln Z - sum(p x) with Z = sum(exp x): one exponential for each element
    shifted = tokens - tokens.amax(dim=-1, keepdim=True)
    powers = shifted.exp()
    total = powers.sum(dim=-1)
    return total.log() - powers.mul_(shifted).sum(dim=-1) / total
