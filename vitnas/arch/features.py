"""What flows between blocks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """A square feature map (B, C, H, W), or its tokens (B, N, C).

    Attributes:
        channels: C.
        side_px: H = W; for tokens N = side_px**2 + extra_tokens.
        tokens: True for (B, N, C).
        extra_tokens: tokens without a place in the map, such as a class token.
    """

    channels: int
    side_px: int
    tokens: bool = False
    extra_tokens: int = 0

    def shape(self, batch: int = 1) -> tuple[int, ...]:
        """Shape of the tensor for ``batch`` images."""
        if self.tokens:
            return (batch, self.side_px**2 + self.extra_tokens, self.channels)
        return (batch, self.channels, self.side_px, self.side_px)
