"""How independent the rows of the features are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy

ROWS = 8


class Meco(Proxy):
    """Sum over modules of the least eigenvalue of the correlation of 8 rows of their output (MeCo).

    Jiang et al., "MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue of
    Correlation" (NeurIPS 2023), in the variant with 8 random rows (MeCo_opt): of each output of each
    module for the first image, containers included as in the authors' code; rows are the channels of a map
    and the tokens of a sequence; the eigenvalue is multiplied by (rows of the output) / 8. A row without
    variance counts as uncorrelated with all and with itself, which makes the eigenvalue 0. The authors draw
    rows with replacement, and a row drawn twice gives 0; here none is drawn twice, and an output with fewer
    rows gives them all.
    """

    repeats = 3

    def __init__(self) -> None:
        self._calls: list[tuple[float, Tensor]] = []  # weight, (rows, rows)
        self._parts = 0  # of the batch
        self._generator = torch.Generator()

    def attach(self, network: nn.Module) -> list[RemovableHandle]:
        """Hook every module."""
        # a generator of its own: the network draws the same random numbers without this proxy
        self._generator.manual_seed(torch.initial_seed())
        handles = [network.register_forward_pre_hook(self._begin)]
        return handles + [module.register_forward_hook(self._keep) for module in network.modules()]

    def _begin(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._parts += 1

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if self._parts > 1 or not isinstance(output, Tensor) or output.ndim < 3:
            return  # the first image is in the first part; an output needs rows of several elements
        first = output.detach()[0].flatten(1)  # (rows, elements)
        chosen = torch.randperm(len(first), generator=self._generator)[:ROWS].to(first.device)
        self._calls.append((len(first) / len(chosen), correlation(first[chosen])))

    def score(self, gradients: Gradients | None) -> float:
        """Sum of eigenvalues times weights."""
        if not self._calls:
            raise ValueError("no module's output has rows")
        if not all(torch.isfinite(matrix).all() for _, matrix in self._calls):
            raise ValueError("a feature is not finite")
        return sum(weight * float(torch.linalg.eigvalsh(matrix)[0]) for weight, matrix in self._calls)


def correlation(rows: Tensor) -> Tensor:
    """Pearson correlation of (rows, elements) in float64; 0 where a row does not vary."""
    centred = rows.double() - rows.double().mean(dim=1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    unit = torch.where(length == 0, 0.0, centred / length)
    return unit @ unit.T
