"""What the user asked of a family: everything that decides which networks come out."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidInput, RunCorrupt, unknown
from vitnas.figures import parse_quantity
from vitnas.formats.fields import check_fields
from vitnas.scaling import compound, contract, grow
from vitnas.scaling.rule import Judge, Network, Outcome

ASVIT_PROXIES = ("ntk_condition", "length_distortion")


@dataclass(frozen=True)
class Rule:
    """How a network becomes a family.

    Attributes:
        doing: what it does, for people.
        settings: a class, whose fields are the rule's settings and whose values their defaults.
        check: raises where the sizes (numbers of parameters, ascending) are out of reach from the start.
        run: makes the family of a network, for the same sizes.
    """

    doing: str
    settings: type[Any]
    check: Callable[[Network, Sequence[int], Judge, Any], None]
    run: Callable[[Architecture, Sequence[int], Judge, Any], Outcome]


RULES = {
    "asvit": Rule("growing", grow.GrowthSettings, grow.check_start, grow.grow),
    "compound": Rule("scaling", compound.CompoundSettings, compound.check_start, compound.compound),
    "contract": Rule("contracting", contract.ContractionSettings, contract.check_start, contract.contract),
}
RANGES = {  # setting -> what it may be, from and up to
    "width_multiple": ("a whole number of at least 1", 1, 1024),
    "max_width": ("a whole number of at least 1", 1, 1 << 20),
    "repeats": ("a whole number of at least 1", 1, 1 << 20),
    "proxy_width": ("above 0 and at most 1", 1e-6, 1.0),
    "overshoot": ("at least 0", 0.0, 1e6),
    "depth_ratio": ("from 1 to 4", 1.0, 4.0),
    "width_ratio": ("from 1 to 4", 1.0, 4.0),
    "resolution_ratio": ("from 1 to 4", 1.0, 4.0),
    "shrink": ("from 0.5 to 0.99", 0.5, 0.99),
}


@dataclass(frozen=True)
class ScaleConfig:
    """Settings of a run; equal settings give equal families, whatever the machine or number of workers.

    Attributes:
        file: architecture file, or a published network such as ``efficientformer:s0``.
        rule: ``asvit`` grows, ``compound`` scales both ways, ``contract`` shrinks.
        sizes: numbers of parameters, ascending.
        target: device name or profile file, several with commas between.
        budgets: option such as ``max-latency`` -> text such as ``1.6ms``; every member keeps them.
        batch: images in a call; None for what each device was measured with.
        proxies: that decide between children; none is As-ViT's pair (asvit) or capacity (contract). The rule
            compound decides nothing by them: its members are scored.
        settings: of the rule; those left out have their defaults.
        images: folder or file of images for proxies; None is Gaussian noise.
        device: that proxies run on.
        seed: of what proxies draw.
    """

    file: str
    rule: str
    sizes: tuple[int, ...]
    target: str | None = None
    budgets: tuple[tuple[str, str], ...] = ()
    batch: int | None = None
    proxies: tuple[str, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    images: str | None = None
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise unknown("rule", self.rule, RULES, where="`rule`")
        for name, value in self.settings.items():
            _check_setting(self.rule, name, value)
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise InvalidInput(f"`to`: expected ascending sizes of at least 1, got {list(self.sizes)}")
        if self.seed < 0:
            raise InvalidInput(f"`seed`: expected at least 0, got {self.seed}")
        if self.rule == "compound" and all(self.chosen[f"{n}_ratio"] == 1 for n in ("depth", "width")):
            raise InvalidInput("`depth_ratio` and `width_ratio` are both 1: then no network has another size")

    @property
    def chosen(self) -> dict[str, Any]:
        """Every setting of the rule, its default where the user gave none."""
        return {**defaults(self.rule), **self.settings}

    def rule_settings(self) -> Any:
        """As the rule itself takes them."""
        own = RULES[self.rule].settings
        return own(**{field.name: self.chosen[field.name] for field in dataclasses.fields(own)})

    @property
    def deciding(self) -> tuple[str, ...]:
        """The proxies that decide between children; empty for capacity, or where nothing is decided."""
        if self.rule == "asvit":
            return self.proxies or ASVIT_PROXIES
        return self.proxies if self.rule == "contract" else ()

    @property
    def plugins(self) -> tuple[str, ...]:
        """Names of all that is code, or paths."""
        return (*self.deciding, *self.proxies)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return {
            **dataclasses.asdict(self),
            "sizes": list(self.sizes),
            "budgets": dict(self.budgets),
            "proxies": list(self.proxies),
            "settings": dict(self.settings),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ScaleConfig:
        """Read what ``to_dict`` wrote.

        Raises:
            RunCorrupt: a setting is unknown.
        """
        values = dict(data)
        if isinstance(values.setdefault("budgets", {}), Mapping):
            values["budgets"] = tuple(values["budgets"].items())
        check_fields(cls, values, "manifest.json: config", RunCorrupt)
        values["sizes"] = tuple(values.get("sizes", ()))
        values["proxies"] = tuple(values.get("proxies", ()))
        return cls(**values)


def defaults(rule: str) -> dict[str, Any]:
    """Every setting of a rule; ``repeats`` is how often proxies draw, None for their own number."""
    return {**dataclasses.asdict(RULES[rule].settings()), "repeats": None}


def _check_setting(rule: str, name: str, value: Any) -> None:
    if name not in RANGES:
        raise unknown(f"setting of `rule` {rule}", name, defaults(rule))
    if name not in defaults(rule):
        rules = " or ".join(r for r in RULES if name in defaults(r))
        raise InvalidInput(f"`{name}` is a setting of `rule` {rules}, not of {rule}")
    text, low, high = RANGES[name]
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidInput(f"`{name}`: expected {text}, got {value}")


def parse_sizes(text: str) -> tuple[int, ...]:
    """``5M,12M,26M`` as numbers of parameters.

    Raises:
        InvalidInput: one is none, or they do not ascend.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InvalidInput(f"`to`: a size is missing in '{text}' (write 5M,12M,26M)")
    sizes = tuple(round(parse_quantity("params", part, where="`to`")) for part in parts)
    for smaller, larger in itertools.pairwise(sizes):
        if smaller >= larger:
            raise InvalidInput(f"`to`: sizes ascend, but {text} does not (write 5M,12M,26M)")
    return sizes
