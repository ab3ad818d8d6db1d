"""Runs searches in forked children whose disk fails, or that die by SIGKILL, at a chosen write.

Vitnas is imported once, so a search takes a second. A job is a line of JSON on stdin, see `work`; the answer
is a line of JSON on stdout. Every second death leaves half of what was being written.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable

import numpy as np
import small
import torch

import vitnas.run.main_loop as stage
from vitnas import plugins
from vitnas.cost.table import CostTable
from vitnas.errors import VitnasError
from vitnas.quality.measure import measure
from vitnas.run.search import resume_search, run_search
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space

stage.CHECKPOINT_S = 0.0  # a state after every round,
stage.CHECKPOINT_SHARE = float("inf")  # whatever it takes
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.truncate"}


class Disk:
    """Counts what touches the disk below a folder, and lets number ``at`` go wrong.

    Args:
        folder: where.
        at: number of the write; None for never.
        error: name of an errno that this write and all after it fail with; empty to die by SIGKILL.
    """

    def __init__(self, folder: str, at: int | None, error: str) -> None:
        self.folder = os.path.realpath(folder)
        self.at = at
        self.error = getattr(errno, error) if error else 0
        self.count = 0
        self.write = os.write
        self.fsync = os.fsync
        os.write = self.torn_write
        os.fsync = self.counted_fsync
        sys.addaudithook(self.hook)

    def point(self, last_words: Callable[[], object] = lambda: None) -> None:
        """One more."""
        self.count += 1
        if self.at is None or self.count < self.at:
            return
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        if self.at % 2:
            last_words()
        os.kill(os.getpid(), signal.SIGKILL)

    def counts(self, path: str) -> bool:
        """Whether it is a file of the run; signs of life of its lock come by the clock."""
        return path.startswith(self.folder) and not os.path.basename(path).startswith((".lock", ".now"))

    def hook(self, event: str, args: tuple) -> None:
        writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        named = (event in CHANGES or writes) and isinstance(args[0], str | os.PathLike)
        if named and self.counts(os.path.realpath(os.fspath(args[0]))):
            self.point()

    def torn_write(self, fd: int, data) -> int:
        if self.counts(file_of(fd)):
            self.point(lambda: self.write(fd, bytes(data)[: len(data) // 2]))
        return self.write(fd, data)

    def counted_fsync(self, fd: int) -> None:
        if self.counts(file_of(fd)):
            self.point()
        self.fsync(fd)


def file_of(fd: int) -> str:
    """The path of an open file."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def work(job: dict) -> dict:
    """One search in this process."""
    os.chdir(job["folder"])
    if job["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_limit"], resource.RLIM_INFINITY))
    disk = Disk(job["folder"], job["at"], job["error"])
    try:
        with plugins.trusting():  # operators of the space and qualities of the run are paths
            if job["resume"]:
                result = resume_search(f"runs/{job['resume']}", rating=small.RATING)
            else:
                config = SearchConfig.from_dict(job["config"])
                result = run_search(config, name=job["name"], rating=small.RATING)
    except VitnasError as error:
        return {"error": str(error), "writes": disk.count}
    return {"state": result.state, "writes": disk.count}


def forked(job: dict) -> dict:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = work(job)
        except BaseException:
            answer = {"error": traceback.format_exc()}
        with open(writer, "w", closefd=False) as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(said) if said else {"killed": os.WTERMSIG(status)}


def warm_up(space_file: str) -> None:
    """Load in this process what a search loads late; no backward pass, which would leave threads."""
    torch.set_num_threads(1)
    space = load_space(space_file)
    CostTable.build(space)
    measure(space.decode(space.sample(1, np.random.default_rng(0))[0]), ["naswot"])


warm_up(sys.argv[1])
for line in sys.stdin:
    sys.stdout.write(json.dumps(forked(json.loads(line))) + "\n")
    sys.stdout.flush()
