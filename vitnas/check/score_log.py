"""What proxies say of many networks, measured on workers, each a durable line: nothing is measured twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitnas import plugins
from vitnas._version import __version__
from vitnas.bench.bench import Bench, Job
from vitnas.bench.task import Draws, NetworkTask, Record
from vitnas.events import Listener
from vitnas.quality.proxy import ProxyQuality
from vitnas.space.activity import Genomes
from vitnas.space.space import Space
from vitnas.store.log import EvaluationLog
from vitnas.workers.pool import Workers

FILE = "scores.jsonl"
Entry = Mapping[str, Any]  # a proxy on a network: score, failure ("" or why), seconds, resolution_px


class ScoreLog:
    """What proxies, as their files are now, say of networks, by the lines of a log and by new ones.

    Args:
        log: a line has the scores of one network by some proxies.
        draws: what scores depend on; lines of others do not count.
        proxies: their names.
    """

    def __init__(self, log: EvaluationLog, draws: Draws, proxies: Sequence[str]) -> None:
        images = draws.load()
        drawn = (draws.seed, draws.repeats, draws.resolution_px, images.fingerprint if images else "")
        self.draws = repr((__version__, *drawn, draws.device))
        self.digests = {name: _digest(plugins.plugin_file("proxy", name)) for name in proxies}
        self._log = log
        self._known: dict[tuple[str, str], Entry] = {}
        for record in log.records():
            if record.get("draws") == self.draws:
                for name, entry in record["proxies"].items():
                    if self.digests.get(name) == record["digests"][name]:
                        self._known[record["id"], name] = entry

    def missing(self, network: str) -> tuple[str, ...]:
        """Proxies that have not looked at the network of an id."""
        return tuple(name for name in self.digests if (network, name) not in self._known)

    def find(self, network: str) -> dict[str, Entry] | None:
        """What each proxy says of the network of an id; None if one is missing."""
        return None if self.missing(network) else {name: self._known[network, name] for name in self.digests}

    def append_many(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Remember lines; one that no worker could give is not kept, so that the next run tries again."""
        lines = list(records)
        self._log.append_many([line for line in lines if "failure" not in line])
        for line in lines:
            self._known |= {(line["id"], name): entry for name, entry in line["proxies"].items()}


def _digest(source: Path | None) -> str:
    """Of a proxy's file; empty where it is none of ours or the user's folder."""
    return hashlib.sha256(source.read_bytes()).hexdigest()[:16] if source else ""


@dataclass(eq=False, slots=True)
class _ScoreJob(Job):
    log: ScoreLog

    def line(self, found: Record) -> Record:
        names = self.log.missing(str(self.key))
        if "failure" in found:
            failed = {"score": None, "failure": found["failure"], "seconds": None, "resolution_px": None}
            return {"id": self.key, "proxies": dict.fromkeys(names, failed), "failure": found["failure"]}
        proxies = {
            name: {
                "score": found["scores"].get(name),
                "failure": found["failures"].get(name, ""),
                "seconds": found["seconds_by_proxy"].get(name),
                "resolution_px": found["settings"][name]["resolution_px"],
            }
            for name in names
        }
        digests = {name: self.log.digests[name] for name in names}
        return {"id": self.key, "draws": self.log.draws, "digests": digests, "proxies": proxies}


def measure_scores(
    space: Space,
    genomes: Genomes,
    proxies: Sequence[str],
    draws: Draws,
    *,
    folder: Path,
    workers: Workers,
    listener: Listener,
) -> list[dict[str, Entry]]:
    """What each proxy says of each genome (n, G); a folder keeps it.

    Raises:
        KeyboardInterrupt: with a line that says how to go on.
        InvalidInput: the images cannot be used.
    """
    networks = [space.decode(genome) for genome in genomes]
    images = draws.load()
    if images is not None and networks:  # images of a wrong shape are wrong for all networks
        batch = max((ProxyQuality(name).proxy.batch for name in proxies), default=1)
        images.draw(batch, networks[0].in_channels, draws.resolution_px or 64, draws.seed)
    ids = list(dict.fromkeys(network.id for network in networks))
    items = {network.id: genome.tobytes() for network, genome in zip(networks, genomes, strict=True)}
    with EvaluationLog(folder / FILE) as file:
        log = ScoreLog(file, draws, proxies)
        missing = {own: log.missing(own) for own in ids}
        tasks = {
            names: NetworkTask(tuple(map(ProxyQuality, names)), draws).of_genomes(space)
            for names in set(missing.values())
        }
        jobs = [_ScoreJob(own, tasks[missing[own]], items[own], log) for own in ids]
        known = sum(not names for names in missing.values())
        said = f"{len(ids)} networks, {known} of them known"
        listener.stage("measuring networks", f"{said}, {', '.join(proxies)}")
        listener.count(known, len(ids))
        try:
            Bench(workers, log).measure(jobs, lambda done: listener.count(done, len(ids)))
        except KeyboardInterrupt:
            done = sum(log.find(own) is not None for own in ids)
            raise KeyboardInterrupt(
                f"interrupted: {done} of {len(ids)} networks are measured and kept in {folder}; "
                "the same command goes on"
            ) from None
        found = {own: log.find(own) or {} for own in ids}
    return [found[network.id] for network in networks]
