"""Wrong files in every format for every reader: tracebacks, hangs, and what is taken without a word."""

from __future__ import annotations

import collections
import random
import signal
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import FrameType

import _common as common
import _fuzz_readers

from vitnas.errors import VitnasError

LIMIT_S = 10
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


def fuzz(
    count: int, seed: int, seconds: float = 1e9
) -> tuple[dict[str, collections.Counter[str]], dict[str, int]]:
    """Outcomes of every reader, and what went wrong with how many inputs, for equal seeds the same."""
    signal.signal(signal.SIGALRM, _stop)
    began, found, wrong = time.monotonic(), {}, Counts()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        several = _fuzz_readers.readers(Path(folder))
        rngs = [random.Random(f"{seed} {reader.name}") for reader in several]
        found = {reader.name: Counts() for reader in several}
        for _ in range(-(-count // len(several))):
            if time.monotonic() - began > seconds:
                break
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
    args = common.arguments(
        __doc__,
        lambda parser: (
            parser.add_argument("--count", type=int, default=100_000, help="inputs [default: 100000]"),
            parser.add_argument("--seed", type=int, default=0, help="of the inputs [default: 0]"),
            parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long"),
        ),
    )
    began = time.monotonic()
    found, wrong = fuzz(500 if args.quick else args.count, args.seed, args.seconds)
    seconds = time.monotonic() - began
    total = sum(found.values(), Counts())
    report = common.Report("fuzz", f"{total.total():,} wrong files, {len(found)} readers, seed {args.seed}")
    for what in OUTCOMES:
        report.add(what, total[what], target="<= 0" if what in OUTCOMES[2:] else "")
    report.add("inputs a second", total.total() / seconds)
    report.details = {"seed": args.seed, "readers": {name: dict(counts) for name, counts in found.items()}}
    rows = [(name, *(str(counts[what]) for what in OUTCOMES)) for name, counts in found.items()]
    common.print_table([("reader", *OUTCOMES), *rows])
    report.notes = [f"{times} x {text}" for text, times in wrong.most_common(40)]
    common.finish(report, args)


if __name__ == "__main__":
    main()
