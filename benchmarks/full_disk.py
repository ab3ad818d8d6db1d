"""Every command that writes, where no file may get longer than some bytes: is a good file lost?

Each command (`_writing.py`) runs on tiny inputs in a folder of its own, with what older commands wrote, under
a limit of a file's size (`RLIMIT_FSIZE`, which refuses a write as a full disk does), for several sizes.
Counted are:

- half: files that are neither what was there before nor whole;
- stray: scratch files that are left;
- unnamed: commands that fail without one line that names the file or its folder;
- lost: commands that do not end well when they are given again without the limit.

Trainings are left out: Ray itself does not work where it cannot write its logs. A second call with the same
`--work` goes on where the first was stopped (`--fresh` begins again).

    python benchmarks/full_disk.py [--only COMMAND] [--seconds S] [--work FOLDER] [--json FILE] [--quick]
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common
from _writing import COMMANDS, Command, files, half, prepare

SIZES, QUICK_SIZES = (0, 1, 300, 1000, 2500, 5000, 12_000, 40_000, 150_000), (1, 1000)
COUNTS = ("half", "stray", "unnamed", "lost")
LEFT_OUT = ("train",)
NAMED = re.compile(r"error: .*(cannot [^:]* \S+: |/|\w\.\w).*")
Found = dict[str, Any]


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, options)
    work = args.work or Path(tempfile.gettempdir()) / "vitnas-full-disk"
    if args.fresh or (args.quick and not args.work):
        shutil.rmtree(work, ignore_errors=True)
    base = prepare(work)
    log = work / "results.jsonl"
    done = [json.loads(text) for text in log.read_text().splitlines()] if log.is_file() else []
    known = {(one["command"], one["size"]): one for one in done}
    until = time.monotonic() + (args.seconds or float("inf"))
    cases = [(name, size) for size in (QUICK_SIZES if args.quick else SIZES) for name in names(args.only)]
    with log.open("a", encoding="utf-8") as out:
        for name, size in cases:
            if (name, size) in known or time.monotonic() > until:
                continue
            found = known[name, size] = {"command": name, "size": size, **run(work, base, name, size)}
            out.write(json.dumps(found) + "\n")
            out.flush()
            bad = {count: found[count] for count in COUNTS if found[count]}
            how = "refused" if found["code"] else "written"
            print(f"{name:22}  {size:7,} bytes  {how}  {bad or 'good'}", flush=True)
    common.finish(report([known[case] for case in cases if case in known]), args)


def options(parser: argparse.ArgumentParser) -> None:
    """Beside those that all benchmarks have."""
    parser.add_argument("--only", choices=tuple(COMMANDS), help="one command [default: all]")
    parser.add_argument("--seconds", type=float, help="begin no further case after so long")
    parser.add_argument("--work", type=Path, help="folder of the cases [default: one for temporary files]")
    parser.add_argument("--fresh", action="store_true", help="forget what is done already")


def names(only: str | None) -> list[str]:
    """Of the commands that are tried."""
    return [only] if only else [name for name in COMMANDS if name not in LEFT_OUT]


def limit(size: int) -> None:
    """No file of this process gets longer."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def run(work: Path, base: Path, name: str, size: int) -> Found:
    """Give a command under the limit, look, and give it again without."""
    folder = work / "case"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    old = {own: path.read_bytes() for own, path in files(folder).items()}
    ended = Command(folder, COMMANDS[name], functools.partial(limit, size)).wait()
    found = list(half(folder, old))
    left = [own for own in files(folder) if own.endswith(".tmp") or ".tmp/" in own]
    errors = [line for line in ended.said.splitlines() if line.startswith("error: ")]
    one_line = len(errors) == 1 and NAMED.fullmatch(errors[0]) and "Traceback" not in ended.said
    again = Command(folder, COMMANDS[name]).wait()
    found += half(folder, old)
    return {
        "code": ended.code,
        "half": found,
        "stray": left,
        "unnamed": [ended.said[-300:]] if ended.code != 0 and not (ended.code == 2 and one_line) else [],
        "lost": [again.said[-300:]] if again.code else [],
        "said": errors[-1] if errors else "",
    }


def report(found: Sequence[Found]) -> common.Report:
    """As figures."""
    made = common.Report("full_disk", f"{len(found)} commands under a limit of a file's size")
    for name in COMMANDS:
        own = [one for one in found if one["command"] == name]
        if own:
            good = sum(not any(one[count] for count in COUNTS) for one in own)
            made.add(f"old or new files whole, and named: {name}", good, beside="sizes", other=len(own))
    refused = sum(one["code"] != 0 for one in found)
    made.add("refused by the limit", refused, beside="commands", other=len(found))
    for count in COUNTS:
        made.add(count, sum(len(one[count]) for one in found), target="<= 0")
    made.details["cases"] = list(found)
    return made


if __name__ == "__main__":
    main()
