"""A network as a plain ``torch.nn.Module`` that training code of others can take."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vitnas.errors import InvalidArchitecture, InvalidInput

Logits = Tensor | tuple[Tensor, Tensor]
CLASSIFIERS = ("head", "head_distilled")  # of a head, the second one only where there are two
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Stage(nn.Module):
    """An optional down-sampling, then blocks of one width."""

    def __init__(self, down: nn.Module | None, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.down = down if down is not None else nn.Identity()
        self.blocks = nn.Sequential(*blocks)
        self.grad_checkpointing = False

    def forward(self, x: Tensor) -> Tensor:
        """Features in, features out."""
        x = self.down(x)
        for block in self.blocks:
            if self.grad_checkpointing and self.training:
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return x


class Network(nn.Module):
    """A stem, stages and a head; images (B, C, H, W) in, logits (B, classes) out.

    It has the methods and attributes by which timm's training code asks its own models.

    Args:
        stem: images to features.
        stages: in order.
        head: features to logits. Its classifiers are its children ``head`` and, of two-headed networks,
            ``head_distilled``.
        input_shape: (C, H, W) of the images, the only ones that it takes; None takes any.
        num_classes: that the head tells apart; 0 is for features.
        num_features: channels of the last stage.
    """

    def __init__(
        self,
        stem: nn.Module,
        stages: list[Stage],
        head: nn.Module,
        *,
        input_shape: tuple[int, int, int] | None = None,
        num_classes: int = 0,
        num_features: int = 0,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.head = head
        self._input_shape = input_shape
        self.num_classes = num_classes
        self.num_features = num_features

    @property
    def input_shape(self) -> tuple[int, int, int] | None:
        """(C, H, W) of the images that it takes; None for any."""
        return self._input_shape

    @property
    def head_hidden_size(self) -> int:
        """Channels that a classifier reads."""
        return int(getattr(self.head, "channels", self.num_features))

    @property
    def distilled(self) -> bool:
        """Whether it has a second classifier, for a teacher."""
        return getattr(self.head, CLASSIFIERS[1], None) is not None

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """What timm's data and fine-tuning code wants to know; mean and deviation are ImageNet's."""
        names = tuple(f"head.{name}" for name in CLASSIFIERS[: 1 + self.distilled])
        first = next((n for n, m in self.named_modules() if isinstance(m, nn.Conv2d)), None)
        return {
            "input_size": self._input_shape,
            "fixed_input_size": True,
            "num_classes": self.num_classes,
            "mean": IMAGENET_MEAN,
            "std": IMAGENET_STD,
            "interpolation": "bicubic",
            "crop_pct": 0.95,
            "first_conv": first,
            "classifier": names if self.distilled else names[0],
        }

    default_cfg = pretrained_cfg

    def forward_features(self, x: Tensor) -> Tensor:
        """Features of the last stage: (B, C, H, W), or tokens (B, N, C).

        Raises:
            InvalidInput: images of another size than the network was built for.
        """
        require_input(x, self._input_shape)
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Logits:
        """Logits of the last stage's features; with ``pre_logits`` what the classifiers read, (B, C).

        Raises:
            InvalidArchitecture: the head is a plug-in without ``pooled``.
        """
        if pre_logits:
            out: Tensor = self._of_head("pooled")(x)
            return out
        logits: Logits = self.head(x)
        return logits

    def forward(self, x: Tensor) -> Logits:
        """Logits, of two heads their mean; both while it trains after ``set_distilled_training``."""
        return self.forward_head(self.forward_features(x))

    def set_distilled_training(self, enable: bool = True) -> None:
        """Whether both heads' logits are returned in training mode, as (classes, teacher).

        Raises:
            InvalidArchitecture: it has one head.
        """
        if not self.distilled:
            if enable:
                raise InvalidArchitecture(
                    "the network has one head: `distilled: true` in its file gives it a second one"
                )
            return
        self.head.distilled_training = enable  # type: ignore[assignment]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Whether a training step keeps only the blocks' inputs and computes the rest again."""
        for stage in self.stages:
            stage.grad_checkpointing = enable  # type: ignore[assignment]

    def get_classifier(self) -> nn.Module | tuple[nn.Module, nn.Module]:
        """The classifier, or both.

        Raises:
            InvalidArchitecture: the head is a plug-in that keeps its classifier elsewhere.
        """
        first: nn.Module = self._of_head(CLASSIFIERS[0])
        return (first, getattr(self.head, CLASSIFIERS[1])) if self.distilled else first

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """New classifiers with fresh weights; 0 classes leave the features that a classifier reads.

        Args:
            num_classes: classes.
            global_pool: as timm has it; the pooling stays, so it is None or ``"avg"``, ``"token"``.

        Raises:
            InvalidArchitecture: the head is a plug-in without ``reset_classifier``.
            InvalidInput: features that are not pooled are asked for.
        """
        if global_pool == "":
            raise InvalidInput("`global_pool`: the head pools; `forward_features` gives what it pools")
        self._of_head("reset_classifier")(num_classes)
        self.num_classes = num_classes

    def no_weight_decay(self) -> set[str]:
        """Parameters of several axes that should not decay: positions, class tokens, attention biases."""
        parts = [(path, module) for path, module in self.named_modules() if path]
        said = {
            f"{path}.{name}"
            for path, module in parts
            if callable(own := getattr(module, "no_weight_decay", None))
            for name in own()
        }
        return {name for name, _ in self.named_parameters() if name in said}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """timm's layers, for layer-wise learning rates: the stem, the stages or the only one's blocks."""
        layer = r"^stages\.(\d+)" if len(self.stages) > 1 or coarse else r"^stages\.0\.blocks\.(\d+)"
        return {"stem": r"^stem", "blocks": [(layer, None), (r"^head\.norm", (99999,))]}

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameters for an optimizer: norms, biases, scales, positions and class tokens do not decay."""
        kept = self.no_weight_decay()
        trained = [(name, p) for name, p in self.named_parameters() if p.requires_grad]
        free = {name for name, p in trained if p.ndim <= 1 or name.endswith(".bias") or name in kept}
        groups = [
            {"params": [p for name, p in trained if name not in free], "weight_decay": weight_decay},
            {"params": [p for name, p in trained if name in free], "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]

    def _of_head(self, name: str) -> Any:
        if not hasattr(self.head, name):
            raise InvalidArchitecture(
                f"the head {type(self.head).__name__} has no `{name}`: derive it from vitnas.ops.Classifier"
            )
        return getattr(self.head, name)


def require_input(x: Tensor, shape: tuple[int, int, int] | None) -> None:
    """Raise InvalidInput unless ``x`` is (B, *shape). Exported graphs do not contain it."""
    if shape is None:
        return
    # sizes are tensors while it traces, and it warns of every look at one
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = tuple(int(size) for size in x.shape)
    else:
        given = tuple(x.shape)
    if len(given) != 4 or given[1:] != shape:
        raise InvalidInput(_refusal(given, shape))


def _refusal(given: tuple[int, ...], shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    said = f"the network takes images (B, {channels}, {height}, {width}), not {given}"
    if len(given) != 4:
        return said
    wanted = f"resolution_px={given[2] if given[2] == given[3] else given[2:]}"
    wanted += f", in_channels={given[1]}" if given[1] != channels else ""
    return f"{said}; resize them, or build it with {wanted}"


torch.fx.wrap("require_input")  # a leaf for symbolic tracing, which knows no sizes
