"""How independent the rows of the features are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vitnas.quality.proxies._base import Gradients, Proxy

PART = 16  # outputs: what is worked on at once stays in the cache


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
    rows = 8  # drawn of each output

    def __init__(self) -> None:
        self._calls: dict[tuple[int, ...], list[tuple[float, Tensor]]] = {}  # shape -> weight, rows
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
        count = first.shape[0]
        chosen = torch.randperm(count, generator=self._generator)[: self.rows].to(first.device)
        rows = first.index_select(0, chosen)
        self._calls.setdefault(tuple(rows.shape), []).append((count / rows.shape[0], rows))

    def score(self, gradients: Gradients | None) -> float:
        """Sum of eigenvalues times weights."""
        if not self._calls:
            raise ValueError("no module's output has rows")
        total = 0.0
        for calls in self._calls.values():  # matrices of one size together
            weights = torch.tensor([weight for weight, _ in calls], dtype=torch.float64)
            parts = torch.stack([rows for _, rows in calls]).split(PART)  # type: ignore[no-untyped-call]
            matrices = torch.cat([correlation(part) for part in parts]).cpu()
            if not torch.isfinite(matrices).all():
                raise ValueError("a feature is not finite")
            total += float(weights @ torch.linalg.eigvalsh(matrices)[:, 0])
        return total


def correlation(rows: Tensor) -> Tensor:
    """Pearson correlation of (..., rows, elements) in float64; 0 where a row does not vary."""
    rows = rows.double()
    centred = rows - rows.mean(dim=-1, keepdim=True)
    products = centred @ centred.mT
    length = products.diagonal(dim1=-2, dim2=-1).sqrt()
    scale = torch.where(length == 0, 0.0, 1 / length)
    return products * scale[..., None] * scale[..., None, :]
