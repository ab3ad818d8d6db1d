"""Wrong files in every format for every reader: tracebacks, hangs, and what is taken without a word.

The inputs are drawn in parts of 5,000, each with a seed of its own (`--seed`, and those that follow it). A
second call with the same `--work` goes on where the first was stopped (`--fresh` begins again).

    python benchmarks/fuzz.py [--count N] [--seed S] [--seconds S] [--work FOLDER] [--json FILE] [--quick]
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import _common as common
import _fuzz_readers

from vitnas.errors import VitnasError

LIMIT_S = 10
PART = 5000
MEMORY = Path("/dev/shm")  # where there is one: a disk takes milliseconds for each file
Counts = collections.Counter[str]
OUTCOMES = ("refused", "taken", "tracebacks", "hangs", "taken though wrong")


class _Hang(BaseException):
    """An input took longer than the limit."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise _Hang


def outcome(reader: _fuzz_readers.Reader, rng: random.Random) -> tuple[str, str]:
    """What becomes of one input, and the line that says where it went wrong."""
    data, is_wrong = reader.change(rng)
    reader.file.write_bytes(data)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        reader.read()
    except VitnasError as problem:
        text = str(problem)
        is_clear = text and "\n" not in text
        return ("refused", "") if is_clear else ("tracebacks", repr(text))
    except _Hang:
        return "hangs", repr(data[:300])
    except Exception as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return "tracebacks", f"{type(problem).__name__}: {problem!s:.100} ({place})"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ("taken though wrong", repr(data[:2000])) if is_wrong else ("taken", "")


def fuzz(count: int, seed: int) -> tuple[dict[str, Counts], Counts]:
    """Outcomes of every reader, and what went wrong with how many inputs, for equal seeds the same."""
    signal.signal(signal.SIGALRM, _stop)
    wrong = Counts()
    place = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        several = _fuzz_readers.readers(Path(folder))
        rngs = [random.Random(f"{seed} {reader.name}") for reader in several]
        found = {reader.name: Counts() for reader in several}
        for _ in range(-(-count // len(several))):
            for reader, rng in zip(several, rngs, strict=True):
                good = reader.file.read_bytes() if reader.file.exists() else None
                what, where = outcome(reader, rng)
                found[reader.name][what] += 1
                if where:
                    wrong[f"{reader.name}: {what}: {where.replace(folder, '')}"] += 1
                if good is not None:
                    reader.file.write_bytes(good)
    return found, wrong


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, options)
    count = 500 if args.quick else args.count
    work = args.work or Path(tempfile.gettempdir()) / "vitnas-fuzz"
    if args.fresh or (args.quick and not args.work):
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    log = work / "results.jsonl"
    done = [json.loads(text) for text in log.read_text().splitlines()] if log.is_file() else []
    known = {(one["seed"], one["count"]): one for one in done}
    until = time.monotonic() + (args.seconds or float("inf"))
    size = min(count, PART)
    parts = [(args.seed + k, size) for k in range(-(-count // size))]
    with log.open("a", encoding="utf-8") as out:
        for seed, size in parts:
            if (seed, size) in known or time.monotonic() > until:
                continue
            began = time.monotonic()
            found, wrong = fuzz(size, seed)
            one = {"seed": seed, "count": size, "seconds": time.monotonic() - began}
            known[seed, size] = {**one, "readers": found, "wrong": wrong}
            out.write(json.dumps(known[seed, size]) + "\n")
            out.flush()
            print(f"seed {seed}: {size:,} inputs, {one['seconds']:.0f} s, {wrong.total()} wrong", flush=True)
    common.finish(report([known[part] for part in parts if part in known]), args)


def options(parser: argparse.ArgumentParser) -> None:
    """Beside those that all benchmarks have."""
    parser.add_argument("--count", type=int, default=100_000, help="inputs [default: 100000]")
    parser.add_argument("--seed", type=int, default=0, help="of the first part [default: 0]")
    parser.add_argument("--seconds", type=float, help="begin no further part after so long")
    parser.add_argument("--work", type=Path, help="folder of the parts [default: one for temporary files]")
    parser.add_argument("--fresh", action="store_true", help="forget what is done already")


def report(parts: Sequence[Any]) -> common.Report:
    """Outcomes of all parts, as figures."""
    found: dict[str, Counts] = {}
    for part in parts:
        for name, counts in part["readers"].items():
            found.setdefault(name, Counts()).update(counts)
    wrong = sum((Counts(part["wrong"]) for part in parts), Counts())
    total = sum(found.values(), Counts())
    seeds = [part["seed"] for part in parts]
    title = f"{total.total():,} wrong files, {len(found)} readers, seeds {min(seeds)} to {max(seeds)}"
    made = common.Report("fuzz", title)
    for what in OUTCOMES:
        made.add(what, total[what], target="<= 0" if what in OUTCOMES[2:] else "")
    made.add("inputs a second", total.total() / sum(part["seconds"] for part in parts))
    made.details = {"seeds": seeds, "readers": {name: dict(counts) for name, counts in found.items()}}
    rows = [(name, *(str(counts[what]) for what in OUTCOMES)) for name, counts in found.items()]
    common.print_table([("reader", *OUTCOMES), *rows])
    made.notes = [f"{times} x {text}" for text, times in wrong.most_common(40)]
    return made


if __name__ == "__main__":
    main()
