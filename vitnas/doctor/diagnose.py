"""Whether searches can run here and on a cluster, and what to fix."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitnas.doctor.folder_check import FolderReport, examined
from vitnas.errors import ClusterError, MissingExtra, import_extra, install
from vitnas.workers import node_report
from vitnas.workers.node_report import Node

PACKAGES = (
    *("vitnas", "torch", "numpy", "ray", "optuna", "scipy", "moocore", "orjson", "fvcore", "safetensors"),
    *("PyYAML", "rich", "typer", "timm", "torchvision", "pillow", "onnxruntime"),
)
EXTRAS = ("ray", "timm", "torchvision", "pillow", "onnxruntime")  # not every search needs them
EQUAL = ("vitnas", "torch", "ray")  # a search refuses, or may score otherwise, where they differ
GIB = 1 << 30
LEAST_MEMORY = GIB  # for each worker
INSTALL = "install the same vitnas, with the same extras, on every node"


@dataclass(frozen=True)
class Finding:
    """Something that was noticed.

    Attributes:
        where: machine, folder or cluster.
        what: in one sentence.
        fix: what to do about it; empty where ``what`` says so.
        must: whether searches fail, or lose something, without it.
    """

    where: str
    what: str
    fix: str
    must: bool = True


@dataclass
class Diagnosis:
    """All that was found.

    Attributes:
        here: facts about this machine, as of `node_report.report`.
        folder: of runs.
        ray: the address that was asked for; None without a cluster.
        nodes: of the cluster, this machine's among them where it belongs to it.
        findings: what must be fixed first.
    """

    here: dict[str, Any]
    folder: FolderReport
    ray: str | None
    nodes: list[Node] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing must be fixed."""
        return not any(finding.must for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As ``doctor --json`` prints it."""
        return {
            "well": self.well,
            "here": self.here,
            "folder": vars(self.folder),
            "ray": self.ray,
            "nodes": [vars(node) for node in self.nodes],
            "findings": [vars(finding) for finding in self.findings],
        }


def diagnose(ray: str | None = None, out: str | Path = "runs") -> Diagnosis:
    """Look at this machine, the folder of runs, and every node of a cluster.

    Args:
        ray: ``local``, ``auto`` or an address; None looks at this machine only.
        out: folder of runs; need not be there yet. It is left as it was.

    Raises:
        InvalidInput: ``ray`` is no address.
    """
    with examined(Path(out)) as (folder, probe):
        here = node_report.report(PACKAGES)
        found = Diagnosis(here, folder, ray)
        found.findings += _machine_findings("this machine", here)
        found.findings += [Finding(folder.path, *text) for text in folder.problems()]
        if ray is not None:
            arguments = (PACKAGES, str(probe.path), probe.token) if probe else (PACKAGES,)
            try:
                found.nodes = _ask(ray, arguments)
            except MissingExtra:
                found.findings.append(Finding("this machine", "the package 'ray' is missing", install("ray")))
            except ClusterError as problem:
                found.findings.append(Finding("cluster", str(problem), ""))
    for node in found.nodes:
        found.findings += _node_findings(node, found)
    found.findings.sort(key=lambda finding: not finding.must)
    return found


def _ask(address: str, arguments: tuple[Any, ...]) -> list[Node]:
    import_extra("ray", "ray")
    from vitnas.workers.ray_nodes import ask_nodes

    return ask_nodes(address, *arguments)


def _machine_findings(where: str, facts: dict[str, Any]) -> list[Finding]:
    found = []
    for package, version in facts["versions"].items():
        if version is None and package not in EXTRAS:
            found.append(Finding(where, f"the package '{package}' is missing", INSTALL))
    if facts["gpu_problem"]:
        number = len(facts["gpus"])
        text = f"{number} GPUs, but {facts['gpu_problem']}" if number else facts["gpu_problem"]
        fix = "install a torch that fits the driver (pytorch.org)" if number else "look at the GPU's driver"
        found.append(Finding(where, text, fix, must=number > 0))
    return found


def _node_findings(node: Node, all_of_it: Diagnosis) -> list[Finding]:
    where = f"node {node.address}"
    if node.problem:
        return [Finding(where, node.problem, "look at 'ray status' and the logs under /tmp/ray on that node")]
    facts, here = node.facts, all_of_it.here
    found = [] if node.is_here else _machine_findings(where, facts) + _differences(where, facts, here)
    if node.cpus > facts["cores"] + 0.01:
        text = f"Ray hands out {node.cpus:g} CPUs, the machine has {facts['cores']:g} cores"
        found.append(Finding(where, text, f"ray start --num-cpus {int(facts['cores']) or 1}", must=False))
    if node.gpus > len(facts["gpus"]):
        text = f"Ray hands out {node.gpus:g} GPUs, the machine shows {len(facts['gpus'])}"
        found.append(Finding(where, text, "look at the GPU's driver, or ray start without --num-gpus"))
    free = facts["memory"]["free_bytes"]
    if free is not None and node.cpus and free / node.cpus < LEAST_MEMORY:
        text = f"{free / GIB:.1f} GiB of memory are free for {node.cpus:g} workers"
        found.append(Finding(where, text, "fewer workers there (--num-cpus), or more memory", must=False))
    if facts["folder"] is not None and not node.is_here:
        found += _sharing(where, facts["folder"], all_of_it.folder)
    return found


def _differences(where: str, facts: dict[str, Any], here: dict[str, Any]) -> list[Finding]:
    found = []
    if facts["python"] != here["python"]:
        text = f"Python {facts['python']}, here {here['python']}"
        found.append(Finding(where, text, "install the same Python, to the last figure"))
    for package, theirs in facts["versions"].items():
        ours = here["versions"][package]
        if theirs == ours or (theirs is None and package not in EXTRAS):
            continue  # a missing one that every search needs has been said
        must = package in EQUAL
        text = f"{package} {theirs or 'is missing'}, here {ours or 'it is missing'}"
        found.append(Finding(where, text, INSTALL, must=must))
    if facts["versions"]["vitnas"] == here["versions"]["vitnas"] and facts["source"] != here["source"]:
        text = f"the files of vitnas are others than here ({facts['source']}, here {here['source']})"
        found.append(Finding(where, text, INSTALL))
    return found


def _sharing(where: str, seen: dict[str, Any], folder: FolderReport) -> list[Finding]:
    path = folder.path
    if not seen["shared"]:
        text = f"{path} is not this machine's: a search that loses its driver goes on only on this machine"
        fix = "give `out` a folder on storage that all nodes mount at the same place"
        return [Finding(where, text, fix)]
    if not seen["writable"]:
        text = f"{path} cannot be written ({seen['problem']})"
        return [Finding(where, text, "let its user write there: trainings keep their checkpoints in the run")]
    if seen["locked"] is False:
        text = f"the file system's locks in {path} do not reach it"
        fix = "nothing: two drivers are kept apart by signs of life, which takes up to 45 s"
        return [Finding(where, text, fix, must=False)]
    return []
