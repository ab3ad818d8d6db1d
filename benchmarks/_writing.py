"""Every command that writes, on tiny inputs, and what its files look like (`kills.py`, `full_disk.py`)."""

from __future__ import annotations

import contextlib
import csv
import functools
import json
import os
import re
import shutil
import sqlite3
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from _chaos_case import write_files

from vitnas.arch.schema import save_architecture
from vitnas.cli.main import main
from vitnas.export import onnx as _onnx  # noqa: F401 what commands import late
from vitnas.export import torch_program as _torch_program  # noqa: F401
from vitnas.hardware.measure import run as _measure  # noqa: F401
from vitnas.quality.measure import measure
from vitnas.report.terminal import summary as _summary  # noqa: F401
from vitnas.run import search
from vitnas.run.prepare import RatingSettings
from vitnas.space.files import load_space

FEW = RatingSettings(reference_networks=4, shown=("naswot",), batch=256)
for _name in ("run_search", "resume_search"):
    setattr(search, _name, functools.partial(getattr(search, _name), rating=FEW))
OLD = b"what was there before\n"
SEARCH = (
    "search",
    "--space",
    "tiny",
    "--max-params",
    "100k",
    "--front",
    "2",
    "--seed",
    "5",
    "--no-random-arm",
)
EXPORT = ("export", "net.yaml", "--to")
COMMANDS: dict[str, tuple[str, ...]] = {
    "search": (*SEARCH, "--trials", "2000", "--workers", "1", "--resume", "runs/s"),
    "search, proxy": (
        *(*SEARCH, "--quality", "./cheap.py", "--trials", "12", "--workers", "1", "--in-flight", "4"),
        *("--resume", "runs/p"),
    ),
    "search, rungs": (
        *(*SEARCH, "--trials", "600", "--then", "./cheap.py:6", "--workers", "1", "--resume", "runs/t"),
    ),
    "search to more trials": ("search", "--resume", "runs/done", "--trials", "3000", "--workers", "1"),
    "mirror": (
        *(*SEARCH, "--quality", "./cheap.py", "--trials", "8", "--workers", "1", "--resume", "runs/m"),
        *("--mirror", "sqlite:///mirror.db"),
    ),
    "train": (
        *(*SEARCH, "--trials", "300", "--then", "train:2", "--data", "data.npz", "--epochs", "2"),
        *("--workers", "1", "--resume", "runs/train"),
    ),
    "scale": (
        "scale",
        "net.yaml",
        "--to",
        "40k,80k",
        "--rule",
        "compound",
        "--workers",
        "1",
        "--resume",
        "runs/f",
    ),
    "check": (
        *(
            "proxies",
            "check",
            "--space",
            "tiny",
            "--truth",
            "truth.csv",
            "--proxy",
            "naswot",
            "--workers",
            "1",
        ),
        *("--out", "checked"),
    ),
    "measure": (
        *("profile", "measure", "--space", "one.yaml", "--name", "m", "--runtime", "torch-eager"),
        *("--networks", "2", "--runs", "5"),
    ),
    "measure --fresh": (
        *("profile", "measure", "--space", "one.yaml", "--name", "old", "--runtime", "torch-eager"),
        *("--networks", "2", "--runs", "5", "--fresh"),
    ),
    "kit": ("profile", "kit", "--space", "one.yaml", "--runtime", "onnx", "--out", "kit", "--networks", "0"),
    "label": ("label", "runs/done", "-n", "5"),
    "label --add": ("label", "runs/done", "--add", "labels.csv"),
    "study": ("study", "runs/done", "--storage", "sqlite:///study.db", "--limit", "50"),
    "export to torch": (*EXPORT, "torch", "--out", "net.pt2"),
    "export to onnx": (*EXPORT, "onnx", "--out", "net.onnx"),
    "export to timm": ("export", "efficientformer:s0", "--to", "timm", "--out", "net.py"),
    "spaces open": ("spaces", "open", "net.yaml", "--space", "tiny", "--out", "opened.yaml"),
    "repair": ("runs", "repair", "runs/broken"),
}
# of which the undisturbed command gives the same bytes again
SAME = re.compile(
    r".*/(front|whole_front|rungs)\.json|.*/(new_labels|to_label)\.csv|net\.(onnx|py)|opened\.yaml"
    r"|kit/(kit\.json|probes\.csv|models/.*)|runs/broken/evaluations\.jsonl.*"
)
RAYS = re.compile(r".*/trainings/tune/.*")  # Ray's own files, whose format is not ours; gone in the end
UNSEEN = re.compile(r"(.*/)?(\..*\.)?lock(\.\d+)?|(.*/)?\.lock.*|(.*/)?\.[^/]+\.lock.*|cache/.*|output")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its code (negative: the signal), what it printed, seconds."""

    code: int
    said: str
    seconds: float


def prepare(folder: Path) -> Path:
    """A folder with all inputs and the outputs of older commands; made once."""
    base = folder / "base"
    base.mkdir(parents=True, exist_ok=True)
    space = load_space(str(write_files(base)))
    torch.set_num_threads(1)
    measure(space.decode(space.sample(1, np.random.default_rng(0))[0]), ["naswot"])
    if (base / "ready").is_file():
        return base
    draw = np.random.default_rng(0)
    genomes = space.sample(16, draw)
    save_architecture(space.decode(genomes[0]), base / "net.yaml")
    one = {**space.document, "name": "one"}
    one["stages"] = [dict(stage) for stage in one["stages"]]
    for stage, width in zip(one["stages"], (8, 16), strict=True):
        stage["width"] = width
    (base / "one.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(one)), sort_keys=False))
    rows = [f"{genome.tobytes().hex()},{70 + k / 7}" for k, genome in enumerate(genomes)]
    (base / "truth.csv").write_text("\n".join(["genome,accuracy", *rows]) + "\n")
    (base / "labels.csv").write_text("\n".join(["genome,accuracy", *rows[:9]]) + "\n")
    images = draw.integers(0, 256, (60, 32, 32, 3), np.uint8)
    np.savez(base / "data.npz", x_train=images, y_train=np.arange(60) % 10)
    for arguments in (
        (*SEARCH, "--trials", "2000", "--workers", "1", "--name", "done"),
        ("profile", "measure", "--name", "old", *COMMANDS["measure"][2:4], *COMMANDS["measure"][6:]),
    ):
        ended = Command(base, arguments).wait()
        if ended.code:
            raise SystemExit(ended.said)
    (base / "runs/done/best/mine.yaml").write_bytes(OLD)
    shutil.copytree(base / "runs/done", base / "runs/broken")
    (base / "runs/broken/evaluations.jsonl").write_text('{"task": "a"}\n{"task": \n{"task": "b"}\n' * 50)
    for name in ("net.pt2", "net.onnx", "net.py", "opened.yaml"):
        (base / name).write_bytes(OLD)
    (base / "ready").write_bytes(b"")
    return base


class Command:
    """A ``vitnas`` command in a process of its own, forked from this one, which has imported everything.

    Args:
        folder: where it works; its caches are there too.
        arguments: of ``vitnas``.
        limits: is called in it first.
    """

    def __init__(
        self, folder: Path, arguments: tuple[str, ...], limits: Callable[[], None] = lambda: None
    ) -> None:
        self.started = time.monotonic()
        self._said, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            os.chdir(folder)
            os.environ["VITNAS_CACHE"] = str(folder / "cache")
            for number in (1, 2):
                os.dup2(writing, number)
            os.close(0)
            os.open(os.devnull, os.O_RDONLY)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
            limits()
            os._exit(_run(arguments))
        os.close(writing)

    def poll(self) -> bool:
        """Whether it has ended; what it prints must not fill the pipe."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> Ended:
        """Wait for its end."""
        said = b""
        while part := os.read(self._said, 1 << 16):
            said += part
        os.close(self._said)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, said.decode(errors="replace"), time.monotonic() - self.started)


def _run(arguments: tuple[str, ...]) -> int:
    code = 1
    try:
        main(list(arguments))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def files(folder: Path) -> dict[str, Path]:
    """What there is, but for locks and caches; a second folder of labels counts as the first."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not UNSEEN.fullmatch(name):
            found[re.sub(r"to_label-\d+/", "to_label/", name)] = path
    return found


def half(folder: Path, old: Mapping[str, bytes]) -> Iterator[str]:
    """Files under their own name that are neither what was there before nor whole."""
    for name, path in files(folder).items():
        if (
            path.suffix == ".tmp"
            or RAYS.fullmatch(name)
            or any(part.endswith((".tmp", ".part")) for part in path.parts)
        ):
            continue
        if not path.exists():  # a database's journal, which the look at the database has rolled back
            continue
        if path.read_bytes() != old.get(name):
            try:
                _read(path)
            except Exception as problem:  # readers raise anything
                yield f"{name}: {type(problem).__name__}: {problem}"[:200]


def _read(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix in (".json", ".yaml"):
        (json.loads if path.suffix == ".json" else yaml.safe_load)(data.decode())
        assert data.endswith(b"\n") or path.name == "facts.json", "its last line has no end"
    elif path.suffix == ".jsonl":
        for line in data.splitlines()[:-1] if not data.endswith(b"\n") else data.splitlines():
            json.loads(line)
    elif path.suffix == ".csv":
        rows = list(csv.reader(data.decode().splitlines()))
        assert data.endswith(b"\n") and len({len(row) for row in rows}) == 1, "rows differ in length"
    elif path.suffix in (".npz", ".pt2"):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None, "damaged"
    elif path.suffix == ".db":
        with contextlib.closing(sqlite3.connect(path)) as base:
            assert base.execute("pragma integrity_check").fetchone() == ("ok",)
    elif path.suffix == ".onnx":
        import onnx

        onnx.checker.check_model(data)
    elif path.suffix == ".py":
        compile(data, path.name, "exec")


def lines(folder: Path) -> set[bytes]:
    """Whole lines of the logs of runs and measurements, but for one that is to be repaired."""
    logs = [path for name, path in files(folder).items() if path.suffix == ".jsonl" and "broken" not in name]
    return {line for path in logs for line in path.read_bytes().split(b"\n")[:-1]}
