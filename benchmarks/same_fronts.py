"""Whether two checkouts find the same fronts: every strategy and kind of quality, byte for byte.

    python benchmarks/same_fronts.py BEFORE AFTER [--only NAME] [--keep FOLDER]

Both run the searches of tests/golden/searches.yaml on the command line, in fresh folders, with fresh caches.
After a change on purpose, tests/golden/golden_files.py makes golden files of what ``--keep`` left.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import _common as common
import yaml

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
COMPARED = ("front.json", "whole_front.json", "rungs.json", "family.json", "to_label.csv")
VERSION = "import vitnas; print(vitnas.__version__, vitnas.__file__)"


class Checkout:
    """A process that runs cases with the vitnas of a folder.

    Args:
        path: of the checkout.
        work: where the cases run, ``work/CASE``.
    """

    def __init__(self, path: Path, work: Path) -> None:
        self.path, self.work = path.resolve(), work
        environment = os.environ | {"PYTHONPATH": str(self.path), "VITNAS_CACHE": str(work / "cache")}
        environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(work / "bytecode")}
        asked = [sys.executable, "-c", VERSION]
        said = subprocess.run(
            asked, env=environment, cwd=GOLDEN, stdout=subprocess.PIPE, text=True, check=True
        )
        self.version, file = said.stdout.strip().split(" ", 1)
        if self.path not in Path(file).parents:
            raise SystemExit(f"{path}: is no checkout, vitnas comes from {file}")
        self._process = subprocess.Popen(
            [sys.executable, str(GOLDEN / "run_searches.py"), str(work)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, case: str, commands: Sequence[str]) -> None:
        assert self._process.stdin is not None
        print(json.dumps([case, commands]), file=self._process.stdin, flush=True)

    def outcome(self) -> dict[str, Any]:
        """Of the case that was begun."""
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        self._process.communicate()

    def files(self, case: str) -> dict[str, Path]:
        """What is compared, by the name in the case's folder."""
        folder = self.work / case
        found = sorted(path for name in COMPARED for path in folder.rglob(name))
        return {str(path.relative_to(folder)): path for path in found}


def differences(one: Checkout, other: Checkout, case: str) -> Iterator[str]:
    """A line for each file that differs: where it first does so."""
    files, others = one.files(case), other.files(case)
    if not files:
        yield "no front was written"
    for name in sorted(files.keys() | others.keys()):
        if name not in files or name not in others:
            yield f"{name}: only {'AFTER' if name in others else 'BEFORE'} has it"
            continue
        before, after = files[name].read_bytes(), others[name].read_bytes()
        if before != after:
            where = name.endswith(".json") and first_difference(json.loads(before), json.loads(after))
            yield f"{name}: {where or 'the same values, other bytes'}"


def first_difference(before: Any, after: Any, where: str = "") -> str:
    """The first place where two documents differ, with both values; empty if there is none."""
    if isinstance(before, dict) and isinstance(after, dict):
        if list(before) != list(after):
            return f"{where or 'keys'}: {list(before)} -> {list(after)}"[:300]
        pairs = [(f"{where}.{key}".lstrip("."), before[key], after[key]) for key in before]
    elif isinstance(before, list) and isinstance(after, list):
        pairs = [(f"{where}[{k}]", *pair) for k, pair in enumerate(zip(before, after, strict=False))]
        if len(before) != len(after):
            pairs.append((f"number of {where}", len(before), len(after)))
    else:
        return "" if before == after else f"{where}: {before!r} -> {after!r}"[:300]
    return next((found for place, a, b in pairs if (found := first_difference(a, b, place))), "")


def compare(one: Checkout, other: Checkout, case: str, commands: Sequence[str]) -> dict[str, Any]:
    """Run a case in both, at the same time; what it took and what differs."""
    for checkout in (one, other):
        checkout.begin(case, commands)
    before, after = one.outcome(), other.outcome()
    failed = [
        f"{name} failed: {found['failed'].strip().splitlines()[-1]}"
        for name, found in (("BEFORE", before), ("AFTER", after))
        if "failed" in found
    ]
    return {
        "case": case,
        "differences": failed or list(differences(one, other, case)),
        "cpu_seconds": [round(found["cpu_seconds"], 1) for found in (before, after)],
    }


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", type=Path, help="a checkout")
    parser.add_argument("after", type=Path, help="another")
    parser.add_argument("--only", metavar="NAME", action="append", help="a case; repeat it for more")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the runs stay")


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, options)
    cases = yaml.safe_load((GOLDEN / "searches.yaml").read_text(encoding="utf-8"))
    names = args.only or list(cases)[: 4 if args.quick else None]
    if unknown := set(names) - set(cases):
        raise SystemExit(f"--only: no case {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    if args.keep and args.keep.exists():
        raise SystemExit(f"--keep {args.keep}: is there already; name a new folder")
    report = common.Report("same_fronts", "Fronts of equal seeds in two checkouts")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = args.keep or Path(temporary)
        checkouts = [Checkout(args.before, work / "before"), Checkout(args.after, work / "after")]
        for name in names:
            rows.append(compare(checkouts[0], checkouts[1], name, cases[name]["run"]))
            print(f"{name:22}", "; ".join(rows[-1]["differences"]) or "same", flush=True)
        for checkout in checkouts:
            checkout.close()
    same = sum(not row["differences"] for row in rows)
    report.add("cases with the same bytes", same, target=f">= {len(rows)}", beside="cases", other=len(rows))
    for k, which in enumerate(("before", "after")):
        spent = sum(row["cpu_seconds"][k] for row in rows)
        report.add(f"processor time of all cases, {which}", spent, "s", target="<= 300")
    report.details = {"versions": [checkout.version for checkout in checkouts], "cases": rows}
    common.finish(report, args)
    if same < len(rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
