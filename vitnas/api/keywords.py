"""The keywords of ``vitnas.search`` and ``vitnas.scale``: the options of the commands of these names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from vitnas import plugins
from vitnas.api import inputs
from vitnas.api.inputs import Reader, fail
from vitnas.errors import InvalidInput
from vitnas.figures import limits

if TYPE_CHECKING:
    from vitnas.events import Listener
    from vitnas.workers import WorkerSettings

Path = str | os.PathLike[str]
Names = Path | Sequence[Path]
Size = int | str | Sequence[int]  # a side in px, or height and width
Limit = str | float | Mapping[str, str | float]
LIMITS = tuple(limits())
WORKERS = ("workers", "ray", "cpus_per_worker", "gpus_per_worker", "candidate_timeout")


class HasPath(Protocol):
    """A run."""

    @property
    def path(self) -> os.PathLike[str]:
        """Of its folder."""
        ...


class WorkerKeywords(TypedDict, total=False):
    """Who builds and runs networks, and what is shown meanwhile; no result depends on it."""

    workers: int | WorkerSettings | None
    ray: str | None
    cpus_per_worker: float | None
    gpus_per_worker: float | None
    candidate_timeout: str | float | None
    trust: bool | None
    progress: bool | Listener | None


class RunKeywords(WorkerKeywords, total=False):
    """What commands that write a run share."""

    target: Names | None
    batch: int | None
    max_latency: Limit | None
    max_throughput: Limit | None
    max_params: Limit | None
    max_macs: Limit | None
    max_activations: Limit | None
    max_activation_memory: Limit | None
    min_latency: Limit | None
    min_throughput: Limit | None
    min_params: Limit | None
    min_macs: Limit | None
    min_activations: Limit | None
    min_activation_memory: Limit | None
    images: Path | None
    device: str | None
    seed: int | None
    name: str | None
    out: Path | None
    resume: Path | None


class SearchKeywords(RunKeywords, total=False):
    """All of ``vitnas.search`` but its space."""

    quality: str | None
    combine: str | None
    labels: Path | HasPath | None
    label: str | None
    preset: str | None
    objectives: Names | None
    resolution_px: Size | None
    strategy: str | None
    strategy_options: Mapping[str, str | float] | Names | None
    trials: int | float | str | None
    then: Names | None
    time: float | str | None
    population: int | str | None
    front: int | None
    random_arm: bool | None
    data: Path | None
    epochs: int | None
    seconds: float | None
    train_batch: int | None
    learning_rate: float | None
    early_stop: bool | None
    in_flight: int | None
    unordered: bool | None
    mirror: str | None
    active: bool | None


class ScaleKeywords(RunKeywords, total=False):
    """All of ``vitnas.scale`` but the network."""

    to: Names | float | Sequence[float] | None
    rule: str | None
    proxies: Names | None
    width_multiple: int | None
    max_width: int | None
    proxy_width: float | None
    overshoot: float | None
    depth_ratio: float | None
    width_ratio: float | None
    resolution_ratio: float | None
    shrink: float | None
    repeats: int | None


def _workers(name: str, value: Any) -> Any:
    from vitnas.workers import WorkerSettings

    return value if isinstance(value, WorkerSettings) else inputs.whole(name, value)


def _progress(name: str, value: Any) -> Any:
    return value if hasattr(value, "stage") and hasattr(value, "count") else inputs.switch(name, value)


def _space(name: str, value: Any) -> Any:
    from vitnas.space.files import load_space
    from vitnas.space.space import Space

    if isinstance(value, Space):
        return value
    if isinstance(value, Mapping):
        return load_space(value)
    if not isinstance(value, str | os.PathLike):
        fail(name, "a space's name, its file or a Space", value)
    return inputs.path(name, value)


def _network(name: str, value: Any) -> Any:
    from vitnas.space.files import load_architecture

    return inputs.path(name, value) if isinstance(value, str | os.PathLike) else load_architecture(value)


def _sizes(name: str, value: Any) -> tuple[int, ...]:
    from vitnas.scaling.scale_config import parse_sizes

    entries = value if isinstance(value, list | tuple) else [value]
    return parse_sizes(",".join(inputs.quantity(name, entry) for entry in entries))


WORKER_READERS: dict[str, Reader] = {
    "workers": _workers,
    "ray": inputs.text,
    "cpus_per_worker": inputs.number,
    "gpus_per_worker": inputs.number,
    "candidate_timeout": inputs.seconds,
    "trust": inputs.switch,
    "progress": _progress,
}
RUN_READERS: dict[str, Reader] = {
    **WORKER_READERS,
    "target": inputs.joined,
    "batch": inputs.whole,
    **dict.fromkeys(LIMITS, inputs.limit),
    "images": inputs.path,
    "device": inputs.text,
    "seed": inputs.whole,
    "name": inputs.text,
    "out": inputs.path,
    "resume": inputs.run,
}
SEARCH_READERS: dict[str, Reader] = {
    **RUN_READERS,
    "space": _space,
    "quality": inputs.text,
    "combine": inputs.text,
    "labels": inputs.run,
    "label": inputs.text,
    "preset": inputs.text,
    "objectives": inputs.names,
    "resolution_px": inputs.resolution,
    "strategy": inputs.text,
    "strategy_options": inputs.pairs,
    "trials": inputs.whole,
    "then": inputs.names,
    "time": inputs.seconds,
    "population": inputs.whole,
    "front": inputs.whole,
    "random_arm": inputs.switch,
    "data": inputs.path,
    "epochs": inputs.whole,
    "seconds": inputs.number,
    "train_batch": inputs.whole,
    "learning_rate": inputs.number,
    "early_stop": inputs.switch,
    "in_flight": inputs.whole,
    "unordered": inputs.switch,
    "mirror": inputs.text,
    "active": inputs.switch,
    "dry_run": inputs.switch,
}
RULE_READERS: dict[str, Reader] = {  # settings of the rules
    **dict.fromkeys(("width_multiple", "max_width", "repeats"), inputs.whole),
    **dict.fromkeys(("proxy_width", "overshoot", "shrink"), inputs.number),
    **dict.fromkeys(("depth_ratio", "width_ratio", "resolution_ratio"), inputs.number),
}
SCALE_READERS: dict[str, Reader] = {
    **RUN_READERS,
    **RULE_READERS,
    "file": _network,
    "to": _sizes,
    "rule": inputs.text,
    "proxies": inputs.names,
}


def budgets_of(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The limits among keywords, as settings of a run."""
    return tuple((name.replace("_", "-"), values[name]) for name in LIMITS if name in values)


def workers_of(values: Mapping[str, Any]) -> int | WorkerSettings:
    """Who works: this process where nothing is said, else what the keywords say.

    Raises:
        InvalidInput: a number out of range, or a setting that nothing would obey.
    """
    from vitnas.workers import WorkerSettings

    workers = values.get("workers", 1)
    given = {name: values[name] for name in WORKERS[1:] if name in values}
    if not given:
        return workers  # type: ignore[no-any-return]
    if isinstance(workers, WorkerSettings):
        raise InvalidInput(f"`{next(iter(given))}` stands in the settings that `workers` was given")
    if "ray" in given and str(values.get("device")).startswith("cuda") and not given.get("gpus_per_worker"):
        raise InvalidInput("`device` cuda on Ray needs `gpus_per_worker`: actors see only the GPUs they own")
    return WorkerSettings(
        number=values.get("workers"),
        ray=given.get("ray"),
        cpus_per_worker=given.get("cpus_per_worker", 1),
        gpus_per_worker=given.get("gpus_per_worker", 0),
        timeout_s=given.get("candidate_timeout"),
    )


def plugins_again(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """Take out of keywords beside ``resume`` the plug-ins that are paths: a run asks for the same ones again.

    Args:
        values: the keywords that were given.
        names: of those that name plug-ins.
    """
    paths = {name: values[name] for name in names if _holds_path(values.get(name))}
    for name, value in paths.items():
        plugins.ask(*([value] if isinstance(value, str) else (v.rpartition(":")[0] or v for v in value)))
        del values[name]
    return paths


def _holds_path(value: Any) -> bool:
    texts = [value] if isinstance(value, str) else value or ()
    return any(plugins.is_path(part) for text in texts for part in re.split(r"[+:]", text))


def check_resume(values: Mapping[str, Any], changeable: Collection[str]) -> None:
    """A resumed run does what the uninterrupted one would have: its settings stay.

    Args:
        values: the keywords that were given.
        changeable: that may stand beside ``resume``.

    Raises:
        InvalidInput: names the first one that may not.
    """
    for name in values:
        if name not in ("resume", *changeable):
            *most, last = (f"`{other}`" for other in changeable if other != "progress")
            may = f"{', '.join(most)} and {last}" if most else last
            problem = f"`{name}` cannot stand beside `resume`: a run keeps its settings"
            raise InvalidInput(f"{problem} (only {may} may change; or give all settings that began it)")


def refuse_beside_resume(values: Mapping[str, Any], *names: str) -> None:
    """Of all settings with ``resume``: refuse what has no meaning there.

    Raises:
        InvalidInput: names the keyword.
    """
    for name in names:
        if name in values:
            raise InvalidInput(f"`{name}` cannot stand beside `resume`, which names the run's folder")
