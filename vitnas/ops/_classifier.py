"""What heads have in common: one vector an image, then one linear classifier or two."""

from __future__ import annotations

from torch import Tensor, nn

from vitnas.errors import InvalidArchitecture


class Classifier(nn.Module):
    """Features pooled to a vector, which one classifier reads, or two whose mean counts.

    A subclass defines ``pooled`` and calls ``add_classifiers`` at the end of its constructor.
    """

    channels: int
    head: nn.Module
    head_distilled: nn.Module | None

    def add_classifiers(self, op: str, channels: int, classes: int, *, distilled: bool = False) -> None:
        """Add a classifier of ``channels``, or two if ``distilled``; 0 classes leave the vector as it is.

        Raises:
            InvalidArchitecture: a negative number of classes.
        """
        if classes < 0:
            raise InvalidArchitecture(f"{op}: classes must be 0 (features) or more, not {classes}")
        self.channels, self.distilled_training = channels, False
        self.head = _linear(channels, classes)
        self.head_distilled = _linear(channels, classes) if distilled else None

    def pooled(self, x: Tensor) -> Tensor:
        """What the classifiers read: (B, channels)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits (B, classes) of features; of two heads their mean, or both in distilled training."""
        x = self.pooled(x)
        logits: Tensor = self.head(x)
        if self.head_distilled is None:
            return logits
        taught: Tensor = self.head_distilled(x)
        return (logits, taught) if self.training and self.distilled_training else (logits + taught) / 2

    def reset_classifier(self, classes: int) -> None:
        """Put fresh classifiers in place of these, on their device; 0 classes leave the vector as it is."""
        if classes < 0:
            raise InvalidArchitecture(f"classes must be 0 (features) or more, not {classes}")
        like = next(self.parameters())
        for name in ("head", "head_distilled"):
            if getattr(self, name) is None:
                continue
            fresh = _linear(self.channels, classes).to(device=like.device, dtype=like.dtype)
            if isinstance(fresh, nn.Linear):
                nn.init.trunc_normal_(fresh.weight, std=0.02)
                nn.init.zeros_(fresh.bias)
            setattr(self, name, fresh.train(self.training))


def _linear(channels: int, classes: int) -> nn.Module:
    return nn.Linear(channels, classes) if classes else nn.Identity()
