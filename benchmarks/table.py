"""Seconds to build the cost table of a space from nothing, and to load it from the cache.

Each time is taken in a fresh process, without the time to import modules and to read the space's file,
which stand beside it.
"""

from __future__ import annotations

import statistics
import tempfile

import _common as common

CHILD = """
import json, sys, time
times = [time.perf_counter()]
import torch
from vitnas.cost.table import CostTable
from vitnas.hardware.load_device import load_device
from vitnas.space.files import load_space
torch.set_num_threads(1)
times.append(time.perf_counter())
space, device = load_space(sys.argv[1]), load_device("iphone12")
times.append(time.perf_counter())
blocks = []
table = CostTable.cached(space, device, blocks.append)
times.append(time.perf_counter())
names = ("import_s", "space_s", "table_s")
found = {name: after - before for name, before, after in zip(names, times, times[1:])}
sums = [float(total) for total in sum(column.values.sum(axis=0) for column in table.columns)]
print(json.dumps(found | {"blocks": max(blocks, default=0), "slots": len(table.columns), "sums": sums}))
"""


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    builds, loads = (1, 2) if args.quick else (3, 9)
    report = common.Report("table", "The cost table for iphone12, one core, fresh processes")
    for space in ("efficientformer", "efficientformer_v1"):
        built, loaded = [], []
        for _ in range(builds):
            with tempfile.TemporaryDirectory() as cache:
                built.append(common.run_python(CHILD, space, cache=cache))
                if len(built) == builds:
                    loaded = [common.run_python(CHILD, space, cache=cache) for _ in range(loads)]
        assert all(row["sums"] == built[0]["sums"] for row in [*built, *loaded])
        assert all(row["blocks"] == 0 for row in loaded), "the cache was not used"
        build_s = statistics.median(row["table_s"] for row in built)
        load_s = statistics.median(row["table_s"] for row in loaded)
        blocks = built[0]["blocks"]
        report.add(f"{space}: built from nothing ({blocks} blocks)", build_s, "s", target="<= 20")
        report.add(
            f"{space}: loaded from the cache", load_s, "s", target="<= 0.3", beside="built", other=build_s
        )
        reading = statistics.median(row["space_s"] for row in loaded)
        report.add(f"{space}: reading space and device", reading, "s")
        imports = statistics.median(row["import_s"] for row in loaded)
        report.add(f"{space}: imports (torch and ours)", imports, "s")
        report.details[space] = {"built": built, "loaded": loaded}
    common.finish(report, args)


if __name__ == "__main__":
    main()
