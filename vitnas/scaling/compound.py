"""Compound scaling (EfficientNet, Tan and Le, arXiv 1905.11946): depth, width and resolution together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture, InvalidInput
from vitnas.figures import format_quantity
from vitnas.formats.resolution import Resolution, parse_resolution, sides_px
from vitnas.scaling.edits import places, round_to, segment_at, set_depth, widen
from vitnas.scaling.rule import Bound, Child, Costs, Judge, Network, Outcome, first_broken, judged, line

NOTCHES = 64  # tried values of the coefficient between two whole ones
LOW, HIGH = -40 * NOTCHES, 24 * NOTCHES  # from one block a segment to some hundred times as many
FILL = 2 * NOTCHES  # how much further than depths widths may go
SKIPPED = 24  # notches that are passed over where a network cannot be built
NEAR = 0.1  # bounds that leave less than this share of a size free have not stopped it


@dataclass(frozen=True)
class CompoundSettings:
    """What one unit of the compound coefficient does.

    Attributes:
        width_multiple: widths are multiples of it.
        max_width: no stage is wider.
        depth_ratio, width_ratio, resolution_ratio: factors for one unit; at least 1, not all of them 1.
    """

    width_multiple: int = 8
    max_width: int | None = None
    depth_ratio: float = 1.2  # EfficientNet's alpha, beta, gamma
    width_ratio: float = 1.1
    resolution_ratio: float = 1.15


def scaled(
    seed: Architecture, coefficient: float, settings: CompoundSettings, *, width: float | None = None
) -> Architecture:
    """The seed with depths, widths and resolution times their ratio to the power of ``coefficient``.

    ``width`` is the coefficient of the widths, where it is another one. Depths are rounded segment by
    segment (at least one block), the blocks of a longer segment repeat the pattern of its arguments; a
    side of the images stays a multiple of the power of two, up to 32, that it is.
    """
    if coefficient == 0 and not width:
        return seed
    network = seed
    for place in places(seed):
        depth = int(segment_at(seed, place).repeat * settings.depth_ratio**coefficient + 0.5)
        network = set_depth(network, place, max(depth, 1))
    if settings.width_ratio != 1:
        factor = settings.width_ratio ** (coefficient if width is None else width)
        network = widen(network, factor, multiple=settings.width_multiple, most=settings.max_width)
    factor = settings.resolution_ratio**coefficient
    sides = [round_to(side * factor, _step(side)) for side in sides_px(seed.resolution_px)]
    return network.at_resolution(sides)


def neighbours(resolution_px: Resolution) -> tuple[Resolution, Resolution]:
    """The resolutions one step above and below."""
    sides = sides_px(resolution_px)
    above = [side + _step(side) for side in sides]
    below = [max(side - _step(side), _step(side)) for side in sides]
    return parse_resolution(above), parse_resolution(below)


def _step(side_px: int) -> int:
    """The largest power of two up to 32 that divides a side."""
    return next(step for step in (32, 16, 8, 4, 2, 1) if side_px % step == 0)


class _Ladder:
    """Networks by notch of the coefficient; each is priced once."""

    def __init__(self, seed: Architecture, judge: Judge, settings: CompoundSettings) -> None:
        self.seed = seed
        self.judge = judge
        self.settings = settings
        self._costs: dict[str, Costs | None] = {}

    def at(self, notch: int, depth: int | None = None) -> Network | None:
        """The network at the first notch from here down that can be built; None if it takes too long.

        With ``depth`` only the widths follow the notch; depths and resolution stay at that one.
        """
        for lower in range(notch, notch - SKIPPED, -1):
            common = lower if depth is None else depth
            architecture = scaled(
                self.seed, common / NOTCHES, self.settings, width=None if depth is None else lower / NOTCHES
            )
            move = f"coefficient {common / NOTCHES:+.2f}"
            if depth is not None:
                move += f", of the widths {lower / NOTCHES:+.2f}"
            costs = self._priced(Child(architecture, move), lower)
            if costs is not None:
                return Network(architecture, costs, lower, move)
        return None

    def _priced(self, child: Child, notch: int) -> Costs | None:
        key = child.architecture.id
        if key not in self._costs:
            costs, reason = judged(self.judge, child, self.judge.bounds)
            outcome = {"outcome": "dropped", "reason": reason} if reason else {"outcome": "priced"}
            self.judge.record(line(notch, self.seed, child, costs) | outcome)
            self._costs[key] = costs or None
        return self._costs[key]

    def highest(self, fits: Callable[[Network], bool], high: int) -> Network | None:
        """The largest network that fits; costs grow with the coefficient, so halving finds it.

        Depths of several segments rise together: what they leave free is filled with width.
        """
        best = self._halved(fits, LOW, high)
        if best is None or self.settings.width_ratio == 1:
            return best
        wider = self._halved(fits, best.step + 1, best.step + FILL, best.step)
        return best if wider is None else wider

    def _halved(
        self, fits: Callable[[Network], bool], low: int, high: int, depth: int | None = None
    ) -> Network | None:
        best: Network | None = None
        while low <= high:
            middle = (low + high) // 2
            network = self.at(middle, depth)
            if network is not None and fits(network):
                best, low = network, middle + 1
            else:
                high = middle - 1
        return best


def compound(seed: Architecture, sizes: Sequence[int], judge: Judge, settings: CompoundSettings) -> Outcome:
    """Scale a seed up and down to sizes.

    A size's member is the largest network of the ladder that has no more parameters and keeps all bounds.
    """
    ladder = _Ladder(seed, judge, settings)
    members: dict[int, Network] = {}
    missed: dict[int, str] = {}
    for size in sizes:
        network, why = _member(ladder, size)
        if network is not None and any(
            network.architecture.id == m.architecture.id for m in members.values()
        ):
            why = "the largest network not above it is that of a smaller size; ask for fewer sizes"
        if network is None or why:
            missed[size] = f"{format_quantity('params', size)}: {why}"
            continue
        members[size] = network
        judge.watch(network)
    return Outcome((Network(seed, judge.price(seed)), *members.values()), members, missed)


def _member(ladder: _Ladder, size: int) -> tuple[Network | None, str]:
    """The size's network, and why it is none."""
    whole = Bound("params", size)
    largest = ladder.highest(lambda n: not whole.broken(n.costs), HIGH)
    bounds = ladder.judge.bounds
    broken = first_broken(bounds, largest.costs) if largest is not None else None
    if largest is None or broken is None:
        return largest, "" if largest is not None else "nothing so small can be built"
    allowed = ladder.highest(lambda n: first_broken((whole, *bounds), n.costs) is None, largest.step)
    if allowed is None:
        return None, f"no network of the rule keeps {broken}"
    if allowed.params < (1 - NEAR) * largest.params:
        return None, f"{broken} allows {allowed.size} parameters at most by this rule"
    return allowed, ""


def _smallest(ladder: _Ladder) -> float:
    """Parameters of the smallest network, at the seed's resolution where a device answers for no other."""
    lowest = scaled(ladder.seed, LOW / NOTCHES, ladder.settings)
    least = replace(lowest, resolution_px=ladder.seed.resolution_px)
    try:
        return float(ladder.judge.price(least)["params"] or 0)
    except InvalidArchitecture:
        return 0.0


def check_start(start: Network, sizes: Sequence[int], judge: Judge, settings: CompoundSettings) -> None:
    """Whether all sizes lie between the smallest and the largest network.

    Raises:
        InvalidInput: one does not; says what the rule reaches.
    """
    ladder = _Ladder(start.architecture, judge, settings)
    smallest = _smallest(ladder)
    if sizes[0] < smallest:
        asked, reach = (format_quantity("params", size) for size in (sizes[0], smallest))
        raise InvalidInput(
            f"`to` {asked}: compound scaling of {ladder.seed.name} reaches {reach} parameters at the least "
            f"(one block a segment, widths of {ladder.settings.width_multiple})"
        )
    top = sizes[-1]
    for notch in range(0, HIGH, 2 * NOTCHES):  # upwards: the largest networks are expensive to price
        network = ladder.at(notch)
        if network is not None and network.params >= top:
            return
    last = ladder.at(HIGH)
    if last is not None and last.params < top:
        raise InvalidInput(
            f"`to` {format_quantity('params', top)}: compound scaling of {ladder.seed.name} reaches "
            f"{last.size} parameters at the most with these ratios"
        )
