"""Changes the tokens of a network while it trains; its weights, and the optimizer's state, stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.arch.build import build
from vitnas.arch.resize import maps_of, resize
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidArchitecture
from vitnas.formats.resolution import in_px
from vitnas.training.schedule import FULL, Phase, TokenSchedule, coarse


class ProgressiveTokens:
    """Sets a network's tokens as its schedule says; call ``update`` before each step or epoch.

    A coarser phase gives the stem's first convolution longer steps, and the network what it would have been
    built with for the smaller maps: sides, indices, and positions and attention biases resized. All other
    parameters stay the same tensors, so weights stay at each switch. It leaves alone what the caller
    has changed (a new head, frozen weights, stochastic depth).

    Args:
        architecture: of the network, at the training's resolution.
        schedule: of its tokens.

    Raises:
        InvalidInput: the resolution is no multiple of a stride.
        InvalidArchitecture: an operator cannot work with the coarser maps, or the stem has no convolution.
    """

    def __init__(self, architecture: Architecture, schedule: TokenSchedule) -> None:
        self.architecture = architecture
        self.schedule = schedule
        self._twins = {p.stride: _built(coarse(architecture, p.stride)) for p in (*schedule.phases, FULL)}
        self._first = first_convolution(self._twins[1])
        for phase in schedule.phases:
            self._check(phase)

    def update(
        self, model: nn.Module, progress: float, optimizer: torch.optim.Optimizer | None = None
    ) -> bool:
        """Give ``model`` the tokens of the phase after a share of the training (0 to 1).

        Args:
            model: a network of `vitnas.create_model` for the architecture, not wrapped (of a
                ``DistributedDataParallel`` or compiled model, pass what is inside and wrap or compile again).
            progress: share of the training that is done.
            optimizer: that trains the model; it goes on with its state, of resized tables with a fresh one.

        Returns:
            whether the tokens were changed.
        """
        return self._set(model, self.schedule.phase_at(progress), optimizer)

    def _set(self, model: nn.Module, phase: Phase, optimizer: torch.optim.Optimizer | None) -> bool:
        if all(getattr(part, name) == value for part, name, value in self._settings(model, phase)):
            return False
        twin = self._twins[phase.stride]
        for name, module in model.named_modules():
            _adapt(module, name, self._twins.values(), twin, optimizer)
        for part, name, value in self._settings(model, phase):
            setattr(part, name, value)
        return True

    def _settings(self, model: nn.Module, phase: Phase) -> Iterator[tuple[nn.Module, str, tuple[int, ...]]]:
        """Module, attribute and value: of the first convolution, and of a stem that pads by itself.

        Padding grows with the dilation, so that the kernel's first place stays where it was.
        """
        factors = {"stride": phase.stride, "dilation": phase.dilation, "padding": phase.dilation}
        stem = self._first.rpartition(".")[0]
        for path, names in ((self._first, tuple(factors)), (stem, ("padding",))):
            plain = self._twins[1].get_submodule(path)
            for name in names:
                if hasattr(plain, name):
                    yield (
                        model.get_submodule(path),
                        name,
                        tuple(factors[name] * n for n in getattr(plain, name)),
                    )

    def _check(self, phase: Phase) -> None:
        """Whether the network runs with these tokens: on meta, where that costs nothing."""
        with torch.device("meta"), torch.no_grad():
            network = build(self.architecture).eval()
            images = torch.empty(1, *self.architecture.input_shape)
        self._set(network, phase, None)
        try:
            network(images)
        except RuntimeError:
            raise InvalidArchitecture(
                f"tokens: with stride x{phase.stride} and dilation {phase.dilation} the stem does not give "
                f"the map that the network needs at {in_px(self.architecture.resolution_px)}: make "
                "the dilation equal to the stride"
            ) from None


def first_convolution(network: nn.Module) -> str:
    """Name of the stem's first convolution.

    Raises:
        InvalidArchitecture: there is none.
    """
    for name, module in network.get_submodule("stem").named_modules(prefix="stem"):
        if isinstance(module, nn.Conv2d):
            return str(name)
    raise InvalidArchitecture("tokens: the stem has no convolution whose stride could change")


def _built(architecture: Architecture) -> nn.Module:
    """The network with real buffers; the caller's random state stays as it is."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return build(architecture)


def _adapt(
    module: nn.Module, name: str, twins: Any, wanted: nn.Module, optimizer: torch.optim.Optimizer | None
) -> None:
    """Give a module what depends on the size of the maps: what differs between the twins."""
    try:
        versions = [twin.get_submodule(name) for twin in twins]
        goal = wanted.get_submodule(name)
    except AttributeError:
        return  # a module that the caller has added
    if any(type(version) is not type(module) for version in versions):
        return  # one that the caller has replaced
    for key, value in vars(goal).items():
        if not key.startswith("_") and any(vars(version).get(key) != value for version in versions):
            setattr(module, key, value)
    for key, buffer in goal._buffers.items():
        old = module._buffers.get(key)
        if buffer is not None and old is not None and old.shape != buffer.shape:
            module._buffers[key] = buffer.to(old.device).clone()
    for key, parameter in goal._parameters.items():
        old_parameter = module._parameters.get(key)
        if parameter is None or old_parameter is None or old_parameter.shape == parameter.shape:
            continue
        if (
            len({getattr(version, key).shape for version in versions}) > 1
        ):  # else it is the caller's own shape
            before = next((v for v in versions if getattr(v, key).shape == old_parameter.shape), goal)
            resized = _resized(f"{name}.{key}", old_parameter, parameter.shape, before, goal)
            _replace(module, key, resized, optimizer)


def _resized(
    name: str, value: Tensor, shape: torch.Size, before: nn.Module, after: nn.Module
) -> nn.Parameter:
    """A parameter of a module for that module in another twin."""
    from_px, to_px = (next(iter(maps_of(module).values()), None) for module in (before, after))
    try:
        resized = resize(name, value.detach(), shape, from_px=from_px, to_px=to_px)
        return nn.Parameter(resized.contiguous(), requires_grad=value.requires_grad)
    except ValueError as problem:
        raise InvalidArchitecture(f"tokens: {problem}") from None


def _replace(module: nn.Module, key: str, new: nn.Parameter, optimizer: torch.optim.Optimizer | None) -> None:
    """Put a parameter in another's place, in the optimizer as well."""
    old = module._parameters[key]
    assert old is not None
    module._parameters[key] = new
    if optimizer is None:
        return
    for group in optimizer.param_groups:
        group["params"] = [new if p is old else p for p in group["params"]]
    optimizer.state.pop(old, None)
