"""Runs small searches one after the other, for the tests of this folder and for benchmarks/same_fronts.py.

    PYTHONPATH=CHECKOUT python run_searches.py FOLDER < CASES

A case is a line: a name and commands of vitnas, as JSON. They run in ``FOLDER/NAME``, a copy of ``inputs/``
unless it is there already, and what they print is ``out.txt`` and ``err.txt`` there. A line of JSON tells how
it ended. A case is a fork of this process, and so are its workers: torch is imported once for all of them.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.context
import os
import shlex
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any

INPUTS = Path(__file__).parent / "inputs"
WORKERS = ("search", "scale", "score")  # commands that would take one for each core


def main() -> None:
    """Run what is asked for."""
    work = Path(sys.argv[1])
    prepare()
    for line in sys.stdin:
        name, commands = json.loads(line)
        folder = work / name
        if not folder.exists():
            shutil.copytree(INPUTS, folder)
        sys.stdout.write(json.dumps(run_case(commands, folder)) + "\n")
        sys.stdout.flush()


def prepare() -> None:
    """What all cases would do first."""
    import optuna  # noqa: F401
    import scipy.stats  # noqa: F401
    import torch

    torch.set_num_threads(1)  # a process with threads cannot be forked
    torch.nn.BatchNorm2d(1, device="meta")(torch.zeros(2, 1, 2, 2, device="meta"))  # imports 2 s of torch
    multiprocessing.get_context = forked


def forked(method: str | None = None) -> Any:
    """In place of ``multiprocessing.get_context``: workers need no imports of their own."""
    return multiprocessing.context._default_context.get_context("fork")


def run_case(commands: list[str], folder: Path) -> dict[str, float | str]:
    """Seconds, and the end of the output if a command failed."""
    started = time.monotonic()
    child = os.fork()
    if not child:
        os._exit(run_commands(commands, folder))
    _, status, usage = os.wait4(child, 0)
    spent = {"seconds": time.monotonic() - started, "cpu_seconds": usage.ru_utime + usage.ru_stime}
    code = os.waitstatus_to_exitcode(status)
    return spent | ({"failed": (folder / "err.txt").read_text(errors="replace")[-2000:]} if code else {})


def run_commands(commands: list[str], folder: Path) -> int:
    """The exit code of the first command that fails, or 0."""
    os.chdir(folder)
    for name, number in (("out.txt", 1), ("err.txt", 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    try:
        return next((code for command in commands if (code := run_command(command))), 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def run_command(command: str) -> int:
    """One command; its exit code."""
    words = shlex.split(command)
    single = words[0] in WORKERS and "--workers" not in words
    try:
        from vitnas.cli.main import main as vitnas

        vitnas([*words, *(["--workers", "1"] if single else [])])
    except SystemExit as done:
        return int(done.code or 0)
    except BaseException:  # nothing may go on as a second copy of the parent
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
