"""A search with a proxy that costs nothing, killed after N evaluations, and resumed; see `million_log.py`.

    python _million.py write FOLDER N | resume FOLDER

Both print a line of JSON. Everything is as in `vitnas search`, but for the answers of the workers.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from typing import Any

from _fake import FakeBench, Nothing

from vitnas.bench.task import Item
from vitnas.run import search
from vitnas.searching.config import SearchConfig
from vitnas.searching.loop import Loop
from vitnas.store.log import EvaluationLog

PROXY = "naswot"
MORE = 10_000  # trials beyond those that are in the log when the search is killed


class Free(Nothing):
    """What workers run."""

    def __call__(self, item: Item) -> dict[str, Any]:
        """What a worker returns, with a score that depends on the genome."""
        found = super().__call__(item)
        return {**found, "scores": {PROXY: int(found["id"], 16) / 2**22}, "seconds": 0.125}


class FreeBench(FakeBench):
    """The real one, but for what workers run."""

    free = Free(())


def config(trials: int) -> SearchConfig:
    """The search."""
    return SearchConfig(
        "efficientformer", "iphone12", quality=PROXY, strategy="random", trials=trials, in_flight=1024
    )


def write(folder: str, count: int) -> None:
    """Search until the log has ``count`` lines, and die."""
    append_many = EvaluationLog.append_many

    def counted(log: EvaluationLog, records: Any, **settings: Any) -> None:
        append_many(log, records, **settings)
        if len(log) >= count:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(EvaluationLog, "append_many", counted)  # noqa: B010
    root, _, name = folder.rpartition("/")
    search.run_search(config(count + MORE), root=root, name=name)


def resume(folder: str) -> None:
    """Open the run again, and go on until the first evaluation that the log does not hold."""
    opened: dict[str, float] = {}
    restore, init = Loop.restore, EvaluationLog.__init__

    def timed_init(log: EvaluationLog, *args: Any) -> None:
        began = time.perf_counter()
        init(log, *args)
        opened["log_s"] = time.perf_counter() - began
        opened["evaluations"] = len(log)

    def timed_restore(loop: Loop, state: Any) -> None:
        began = time.perf_counter()
        restore(loop, state)
        opened["state_s"] = time.perf_counter() - began
        opened["trials"] = loop.progress.trials

    def first(log: EvaluationLog, records: Any, **settings: Any) -> None:
        opened["cpu_s"] = time.process_time()
        opened["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(opened), flush=True)
        os._exit(0)

    setattr(EvaluationLog, "__init__", timed_init)  # noqa: B010
    setattr(EvaluationLog, "append_many", first)  # noqa: B010
    setattr(Loop, "restore", timed_restore)  # noqa: B010
    search.resume_search(folder)


if __name__ == "__main__":
    import vitnas.run.search as search

    setattr(search, "NetworkBench", FreeBench)  # noqa: B010
    if sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]))
    else:
        resume(sys.argv[2])
