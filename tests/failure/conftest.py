"""A tiny space at 32 pixels and proxies that are files: runs that fail take a second or two."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

TINY = {
    "name": "tiny",
    "description": "a small space for tests",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"range": [8, 32, 4]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": {"choice": [1, 2, 3]}}],
        },
        {
            "down": {"op": "conv_down"},
            "width": {"range": [16, 64, 8]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": {"choice": [1, 2, 3]}}],
        },
    ],
    "head": {"op": "pooled_classifier"},
}

# an operator of the user's
HEAD = '''
from vitnas.ops.pooled_classifier import PooledClassifier


class MyHead(PooledClassifier):
    """The usual one, under another name."""
'''

# a score that the number of parameters decides, but not in one direction; some numbers have another fate
PROXY = '''
import math
import os
import signal
import time
from pathlib import Path

from vitnas.quality.proxies import Proxy

FATES = {fates!r}
FOLDER = Path({folder!r})


class {name}(Proxy):
    """A score that costs nothing, except for some."""

    needs = "network"
    resolution_px = 32
    batch = 2

    def measure(self, network, images):
        params = sum(p.numel() for p in network.parameters())
        fate = FATES.get(params)
        with (FOLDER / "calls").open("a") as calls:
            calls.write(f"{{params}}\\n")
        if fate == "raise":
            raise RuntimeError("no luck\\nwith this one")
        if fate == "nan":
            return math.nan
        if fate == "hang":
            time.sleep(600)
        if fate == "exit":
            os._exit(3)
        if fate == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == "kill once" and not (FOLDER / "died").exists():
            (FOLDER / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return math.log(params) * (1 + 0.3 * math.sin(params))
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with the space ``tiny``."""
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def space(folder):
    """The path of a space whose classifier is a file given by path."""
    head, path = folder / "my_head.py", folder / "my_space.yaml"
    head.write_text(HEAD)
    path.write_text(yaml.safe_dump({**TINY, "head": {"op": str(head)}}, sort_keys=False))
    return str(path)


@pytest.fixture
def proxy(folder):
    """Write a proxy file; returns its path, as the user of the working folder gives it."""

    def write(name: str, fates: dict[int, str] | None = None) -> str:
        text = PROXY.format(name=name.capitalize(), fates=fates or {}, folder=str(folder))
        (folder / f"{name}.py").write_text(text)
        return f"./{name}.py"

    return write


def records(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]


def log(run: Path) -> bytes:
    """The whole lines of a run's log."""
    file = run / "evaluations.jsonl"
    data = file.read_bytes() if file.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def front(run: Path) -> bytes:
    """All that the settings decide."""
    return (run / "whole_front.json").read_bytes() + (run / "front.json").read_bytes()


@dataclass
class Whole:
    """An undisturbed run: what its settings decide, its tasks, and how often it wrote."""

    front: bytes
    tasks: set[str]
    writes: int


class Server:
    """Searches in processes that fail where they are told to; see `crash_server`."""

    def __init__(self, space: Path) -> None:
        self.wholes: dict[str, Whole] = {}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crash_server.py")), str(space)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def __call__(self, folder, config=None, *, name="", resume="", at=None, error="", file_limit=0):
        """Search, or resume ``runs/RESUME``; at write ``at`` the process dies, or gets the ``error``.

        Returns:
            state and writes, or error and writes, or the signal that killed it.
        """
        job = {"folder": str(folder), "name": name, "config": config, "resume": resume}
        job |= {"at": at, "error": error, "file_limit": file_limit}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def fail(self, folder, config, *, name, at, error=""):
        """A new search that fails at write ``at``, or a little earlier: the number of writes is not fixed.

        Returns:
            where, and what came of it.
        """
        answer = self(folder, config, name=name, at=at, error=error)
        while "state" in answer:
            shutil.rmtree(Path(folder) / "runs" / name)
            at = answer["writes"] * 9 // 10
            answer = self(folder, config, name=name, at=at, error=error)
        return at, answer

    def go_on(self, folder, config, name):
        """By the same command, which begins what has not begun: the state it ends with."""
        begun = (Path(folder) / "runs" / name / "manifest.json").is_file()
        answer = self(folder, resume=name) if begun else self(folder, config, name=name)
        assert "state" in answer, answer
        return answer["state"]

    def whole(self, folder, config) -> Whole:
        """The undisturbed run of a search, made once."""
        key = json.dumps(config)
        if key not in self.wholes:
            answer = self(folder, config, name="whole")
            assert answer.get("state") == "finished", answer
            run = Path(folder) / "runs/whole"
            self.wholes[key] = Whole(front(run), {r["task"] for r in records(run)}, answer["writes"])
        return self.wholes[key]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    space = tmp_path_factory.mktemp("server") / "tiny.yaml"
    space.write_text(yaml.safe_dump(TINY, sort_keys=False))
    started = Server(space)
    yield started
    started.close()
