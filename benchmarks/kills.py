"""Every command that writes, killed at a random moment and given again: is a file lost, half or left over?

Each of 200 cases (`--cases N`) runs a command on tiny inputs in a folder of its own, with what older commands
wrote, and ends it by SIGKILL: half of the time at a moment drawn over its duration, half of the time as soon
as it has made or changed a drawn number of files. Then the same command is given again. Counted are:

- half: files that are neither what was there before nor whole, right after the kill or at the end;
- lost: files that the undisturbed command leaves and this one does not, lines that a log had at the kill and
  has no more, files that must be the same bytes and are not, a file of the user's that is gone;
- stray: files at the end that the undisturbed command does not leave;
- failed: the second command did not end with 0.

A second call with the same `--work` goes on where the first was stopped (`--fresh` begins again).

    python benchmarks/kills.py [--cases N] [--only COMMAND] [--seconds S] [--work FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import _common as common
from _writing import COMMANDS, SAME, Command, files, half, lines, prepare

CASES, QUICK_CASES = 200, 6
COUNTS = ("half", "lost", "stray", "failed")
RARE = {"train": 4}  # takes long: so many of a hundred
Found = dict[str, Any]


@dataclass(frozen=True)
class Whole:
    """A command undisturbed: its seconds, how often a file changed, and what it leaves."""

    seconds: float
    changes: int
    left: dict[str, bytes]


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, options)
    number = args.cases or (QUICK_CASES if args.quick else CASES)
    work = args.work or Path(tempfile.gettempdir()) / f"vitnas-kills-{args.seed}"
    if args.fresh or (args.quick and not args.work):
        shutil.rmtree(work, ignore_errors=True)
    base = prepare(work)
    log = work / "results.jsonl"
    done = [json.loads(text) for text in log.read_text().splitlines()] if log.is_file() else []
    known = {(one["seed"], one["case"]): one for one in done}
    wholes: dict[str, Whole] = {}
    until = time.monotonic() + (args.seconds or float("inf"))
    with log.open("a", encoding="utf-8") as out:
        for case, name in plan(number, args.only):
            if (args.seed, case) in known or time.monotonic() > until:
                continue
            if name not in wholes:
                wholes[name] = undisturbed(work, base, name)
            found = run(work, base, case, name, wholes[name], Random(f"{args.seed}:{case}"))
            known[args.seed, case] = {"seed": args.seed, "case": case, "command": name, **found}
            out.write(json.dumps(known[args.seed, case]) + "\n")
            out.flush()
            bad = {count: found[count] for count in COUNTS if found[count]}
            print(f"{case:3d}  {name:22}  {found['at_s']:6.2f} s  {bad or 'good'}", flush=True)
    common.finish(report([known[key] for key in sorted(known) if key[1] < number]), args)


def options(parser: argparse.ArgumentParser) -> None:
    """Beside those that all benchmarks have."""
    parser.add_argument("--cases", type=int, help=f"how many [default: {CASES}]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments [default: 0]")
    parser.add_argument("--only", choices=tuple(COMMANDS), help="one command [default: all in turn]")
    parser.add_argument("--seconds", type=float, help="begin no further case after so long")
    parser.add_argument("--work", type=Path, help="folder of the cases [default: one for temporary files]")
    parser.add_argument("--fresh", action="store_true", help="forget what is done already")


def plan(number: int, only: str | None) -> list[tuple[int, str]]:
    """The commands in turn, the long ones more rarely."""
    names, cases = [only] if only else list(COMMANDS), []
    for case in range(number):
        name = names[case % len(names)]
        if name in RARE and not only and case % 100 >= len(names) * RARE[name]:
            name = names[(case + 1) % len(names)]
        cases.append((case, name))
    return cases


def fresh(work: Path, base: Path, name: str) -> Path:
    """A copy of the inputs."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    return folder


def undisturbed(work: Path, base: Path, name: str) -> Whole:
    folder = fresh(work, base, "whole")
    command = Command(folder, COMMANDS[name])
    changes = Changes(folder)
    while not command.poll():
        changes.look()
        time.sleep(0.001)
    ended = command.wait()
    if ended.code:
        raise SystemExit(f"{name}: {ended.said}")
    left = {own: path.read_bytes() for own, path in files(folder).items()}
    return Whole(ended.seconds, changes.count, left)


class Changes:
    """Counts files that come, go or change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self._seen = self._now()

    def look(self) -> None:
        now = self._now()
        self.count += len(now ^ self._seen)
        self._seen = now

    def _now(self) -> set[tuple[str, int, int]]:
        found, folders = set(), [str(self.folder)]
        while folders:
            try:
                for entry in os.scandir(folders.pop()):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    own = entry.stat(follow_symlinks=False)
                    found.add((entry.path, own.st_size, own.st_ino))
            except FileNotFoundError:  # gone since
                continue
        return found


def run(work: Path, base: Path, case: int, name: str, whole: Whole, draw: Random) -> Found:
    """Kill a command, look, give it again, look."""
    folder = fresh(work, base, "case")
    if draw.random() < 0.5:
        shutil.rmtree(folder / "cache", ignore_errors=True)
    old = {own: path.read_bytes() for own, path in files(folder).items()}
    command = Command(folder, COMMANDS[name])
    changes = Changes(folder)
    by_time = draw.random() < 0.5
    at_s = draw.uniform(0.0, whole.seconds) if by_time else float("inf")
    wanted = 1 + draw.randrange(max(1, whole.changes)) if not by_time else None
    while not command.poll() and time.monotonic() - command.started < at_s:
        if wanted is not None:
            changes.look()
            if changes.count >= wanted:
                break
            time.sleep(0.0005)
        else:
            time.sleep(0.001)
    killed_s = time.monotonic() - command.started
    os.kill(command.pid, signal.SIGKILL)
    was_killed = command.wait().code == -signal.SIGKILL
    found = [f"after the kill: {text}" for text in half(folder, old)]
    before = lines(folder)
    ended = Command(folder, COMMANDS[name]).wait()
    found += half(folder, old)
    left = files(folder)
    lost = [own for own in whole.left if own not in left]
    lost += [own for own in left if SAME.fullmatch(own) and left[own].read_bytes() != whole.left.get(own)]
    lost += [line.decode()[:100] for line in before - lines(folder)] if name != "measure --fresh" else []
    return {
        "at_s": round(killed_s, 3),
        "killed": was_killed,
        "half": found,
        "lost": lost,
        "stray": [own for own in left if own not in whole.left],
        "failed": [ended.said[-300:]] if ended.code else [],
    }


def report(found: Sequence[Found]) -> common.Report:
    """As figures."""
    made = common.Report(
        "kills", f"{len(found)} commands that were killed at a random moment, and given again"
    )
    for name in COMMANDS:
        own = [one for one in found if one["command"] == name]
        if own:
            good = sum(not any(one[count] for count in COUNTS) for one in own)
            made.add(f"nothing lost, half or stray: {name}", good, beside="kills", other=len(own))
    made.add("killed before their end", sum(one["killed"] for one in found), beside="cases", other=len(found))
    for count in COUNTS:
        made.add(f"{count}", sum(len(one[count]) for one in found), target="<= 0")
    made.details["cases"] = list(found)
    return made


if __name__ == "__main__":
    main()
