"""Modules with an index that follows from their sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Indexed(nn.Module):
    """Keeps ``index`` right, whatever happens to the memory of the module.

    The index is a buffer outside the state dict: a checkpoint of another resolution must not bring its own.
    ``to_empty`` and loading with ``assign`` leave such buffers undefined, so it is computed anew where
    tensors are moved or assigned.
    """

    index: Tensor

    def offsets(self, device: torch.device) -> Tensor:
        """The index, int64, of any shape."""
        raise NotImplementedError

    def add_index(self) -> None:
        """Compute it; a subclass calls this once it has its sizes and parameters."""
        self.register_buffer("index", self._computed(), persistent=False)

    def _computed(self) -> Tensor:
        return self.offsets(next(self.parameters(recurse=False)).device)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.index = self._computed()
        return self

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        if self.index.device != next(self.parameters(recurse=False)).device:
            self.index = self._computed()
