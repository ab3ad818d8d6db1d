"""Starts ``vitnas`` commands for `chaos.py` without importing everything again for each.

A line of JSON on stdin ({folder, arguments, output}) forks a process that runs the command there; its process
id goes to stdout. It ends with its exit code in the file OUTPUT.code, unless it is killed.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

import vitnas.run.main_loop as stage
from vitnas.cli.main import main
from vitnas.cost.table import CostTable
from vitnas.quality.measure import measure
from vitnas.report.terminal import plain as _plain  # noqa: F401
from vitnas.run import search  # what commands import late
from vitnas.run.prepare import RatingSettings
from vitnas.space.files import load_space

stage.CHECKPOINT_S = 0.0  # a state at every round, so that a kill falls between any two of them
FEW = RatingSettings(reference_networks=4, shown=("naswot",), batch=256)
for name in ("run_search", "resume_search"):
    setattr(search, name, functools.partial(getattr(search, name), rating=FEW))


def warm_up(space_file: str) -> None:
    """No backward pass: it would leave threads, which a fork loses."""
    torch.set_num_threads(1)
    space = load_space(space_file)
    CostTable.build(space)
    measure(space.decode(space.sample(1, np.random.default_rng(0))[0]), ["naswot"])


def command(folder: str, arguments: list[str], output: str) -> None:
    """Become ``vitnas ARGUMENTS``."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(folder)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    code = 1
    try:
        main(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        Path(f"{output}.code").write_text(str(code), encoding="utf-8")
        os._exit(code)


def serve() -> None:
    """Until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if not pid:
            command(**job)
        print(pid, flush=True)


if __name__ == "__main__":
    warm_up(sys.argv[1])
    print("ready", flush=True)
    serve()
