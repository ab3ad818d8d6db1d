"""Scores of many networks by many proxies, on workers, each a durable line: nothing is measured twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vitnas import plugins
from vitnas._version import __version__
from vitnas.arch.schema import Architecture
from vitnas.quality.data.images import Images, load_images
from vitnas.quality.measure import load_proxy
from vitnas.store.log import EvaluationLog
from vitnas.workers.base import Failure, Workers

FILE = "scores.jsonl"


class Listener(Protocol):
    """Watches networks being measured."""

    def begin(self, text: str, total: int, left: int) -> None:
        """``left`` of ``total`` networks are to be measured."""

    def move(self, done: int, total: int, last: str) -> None:
        """``done`` of them are, the last of them ``last``."""


class Silent:
    """Watches nothing."""

    def begin(self, text: str, total: int, left: int) -> None:
        """Nothing."""

    def move(self, done: int, total: int, last: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Draws:
    """What a score depends on besides the proxy and the network; None is each proxy's own.

    Attributes:
        seed: of weights, images and labels.
        repeats: fresh initialisations.
        resolution_px: side of the images.
        images: a folder or npz of images; None for Gaussian ones.
        device: where to compute.
    """

    seed: int = 0
    repeats: int | None = None
    resolution_px: int | None = None
    images: str | None = None
    device: str = "cpu"

    def load(self) -> Images | None:
        """The images, read once a process."""
        return load_images(self.images) if self.images else None

    def key(self) -> str:
        """The same for the same draws by the same vitnas."""
        images = self.load()
        fingerprint = images.fingerprint if images else ""
        facts = (self.seed, self.repeats, self.resolution_px, fingerprint, self.device)
        return repr((__version__, *facts))


@dataclass(frozen=True)
class Scored:
    """One proxy on one network.

    Attributes:
        score: as the proxy defines it; None if it failed.
        failure: why it did; empty if it did not.
        seconds: with the passes that it needs; None if the network could not be measured at all.
        resolution_px: side of the images that were used.
    """

    score: float | None
    failure: str = ""
    seconds: float | None = None
    resolution_px: int | None = None


def run_task(task: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a worker does: build a network and measure it by all proxies that are missing."""
    import torch

    from vitnas.quality.measure import measure

    torch.set_num_threads(1)  # sums depend on how they are split: figures must not depend on the workers
    draws: Draws = task["draws"]
    proxies: list[str] = task["proxies"]
    measured = measure(
        Architecture.from_dict(task["architecture"]),
        proxies,
        seed=draws.seed,
        repeats=draws.repeats,
        resolution_px=draws.resolution_px,
        images=draws.load(),
        device=draws.device,
    )
    return {
        name: asdict(
            Scored(
                measured.scores.get(name),
                measured.failures.get(name, ""),
                measured.seconds_by_proxy.get(name),
                measured.settings[name].resolution_px,
            )
        )
        for name in proxies
    }


@dataclass
class ScoreBench:
    """Measures networks and keeps what came out in a folder.

    Args:
        folder: exists.
        draws: the same for all.
    """

    folder: Path
    draws: Draws
    _known: dict[tuple[str, str], Scored] = field(init=False, default_factory=dict)
    _digests: dict[str, str] = field(init=False, default_factory=dict)

    def measure(
        self,
        architectures: Sequence[Architecture],
        proxies: Sequence[str],
        workers: Workers,
        listener: Listener,
    ) -> list[dict[str, Scored]]:
        """What each proxy says of each network.

        Raises:
            KeyboardInterrupt: with a line that says how to go on.
            InvalidInput: the images cannot be used.
        """
        self._check_images(architectures, proxies)
        self._digests = {name: _digest(plugins.plugin_file("proxy", name)) for name in proxies}
        key = self.draws.key()
        with EvaluationLog(self.folder / FILE) as log:
            self._recall(log, key)
            missing = {
                a.id: (a, wanted)
                for a in architectures
                if (wanted := [name for name in proxies if (a.id, name) not in self._known])
            }
            total = len({a.id for a in architectures})
            listener.begin(f"{total} networks, {', '.join(proxies)}", total, len(missing))
            done = total - len(missing)
            tasks = [self._task(a, wanted) for a, wanted in missing.values()]
            order = list(missing.values())
            try:
                for position, result in workers.map(run_task, tasks):
                    done += 1
                    listener.move(done, total, self._keep(log, key, *order[position], result))
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"interrupted: {done} of {total} networks are measured and kept in {self.folder}; "
                    "the same command goes on"
                ) from None
        return [{name: self._known[a.id, name] for name in proxies} for a in architectures]

    def _recall(self, log: EvaluationLog, key: str) -> None:
        """What the log knows of the proxies as they are now, drawn in the same way."""
        for record in log.records():
            if record.get("draws") == key:
                for name, entry in record["proxies"].items():
                    if self._digests.get(name) == record["digests"][name]:
                        self._known[record["id"], name] = Scored(**entry)

    def _keep(
        self,
        log: EvaluationLog,
        key: str,
        architecture: Architecture,
        wanted: Sequence[str],
        result: dict[str, dict[str, Any]] | Failure,
    ) -> str:
        """Remember a result; a line about it."""
        if isinstance(result, Failure):  # not in the log: the next run tries again
            self._known |= {(architecture.id, name): Scored(None, result.reason) for name in wanted}
            return f"failed {architecture.name}"
        record = {
            "id": architecture.id,
            "draws": key,
            "digests": {name: self._digests[name] for name in wanted},
            "proxies": result,
        }
        log.append(record)
        self._known |= {(architecture.id, name): Scored(**entry) for name, entry in result.items()}
        return architecture.name

    def _task(self, architecture: Architecture, proxies: Sequence[str]) -> dict[str, Any]:
        return {"architecture": architecture.to_dict(), "proxies": list(proxies), "draws": self.draws}

    def _check_images(self, architectures: Sequence[Architecture], proxies: Sequence[str]) -> None:
        """Draw once before any network is built: images of a wrong shape are wrong for all of them."""
        images = self.draws.load()
        if images is not None and architectures:
            batch = max((load_proxy(name).batch for name in proxies), default=1)
            images.draw(batch, architectures[0].in_channels, self.draws.resolution_px or 64, self.draws.seed)


def _digest(source: Path | None) -> str:
    """Of a proxy's file; empty where it is none of ours or the user's folder."""
    return hashlib.sha256(source.read_bytes()).hexdigest()[:16] if source else ""
