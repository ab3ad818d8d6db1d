"""What flows between blocks."""

from __future__ import annotations

from dataclasses import dataclass

from vitnas.formats.resolution import Resolution, sides_px


@dataclass(frozen=True, slots=True)
class Features:
    """A feature map (B, C, H, W), or its tokens (B, N, C).

    Attributes:
        channels: C.
        side_px: H, and W of a square map; for tokens N = H * W + extra_tokens.
        tokens: True for (B, N, C).
        extra_tokens: tokens without a place in the map, such as a class token.
        width_px: W; 0 makes the map a square.
    """

    channels: int
    side_px: int
    tokens: bool = False
    extra_tokens: int = 0
    width_px: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "width_px", self.width_px or self.side_px)

    @classmethod
    def of_image(cls, channels: int, resolution_px: Resolution) -> Features:
        """An image."""
        height, width = sides_px(resolution_px)
        return cls(channels, height, width_px=width)

    @property
    def map_px(self) -> tuple[int, int]:
        """(H, W)."""
        return self.side_px, self.width_px

    @property
    def size_px(self) -> Resolution:
        """H where W is the same, else (H, W)."""
        return self.side_px if self.is_square else self.map_px

    @property
    def is_square(self) -> bool:
        """Whether H = W."""
        return self.side_px == self.width_px

    def tokens_shape(self, channels: int) -> tuple[int, ...]:
        """Shape of one image's tokens with other channels."""
        return (1, self.side_px * self.width_px + self.extra_tokens, channels)

    def shape(self, batch: int = 1) -> tuple[int, ...]:
        """Shape of the tensor for ``batch`` images."""
        if self.tokens:
            return (batch, self.side_px * self.width_px + self.extra_tokens, self.channels)
        return (batch, self.channels, self.side_px, self.width_px)
