"""Measures of the code base, alone or beside another checkout of it: its size, its rooms, its imports.

    python benchmarks/house.py [BEFORE] [--no-time] [--speed [--pairs N]]

Sources are read with ast, and processes of each checkout are timed in turns. ``--speed`` runs the quick
pricing, loop and default search of both checkouts in turns: four minutes or more a pair.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _common as common
import _house_code as code
import _house_graph as graph
import _house_quality as quality
import _house_time as timing

HERE = Path(__file__).parent.parent
TARGETS = {
    "lines for the same behaviour": "<= 37800",
    "function lines, median": "<= 7",
    "function lines, 90 % have at most": "<= 18",
    "function lines, most": "<= 60",
    "arguments annotated": ">= 100",
    "returns annotated": ">= 100",
    "files over 300 lines": "<= 0",
    "largest flat folder, rooms of plug-ins apart": "<= 15",
    "files outside the rooms of quality that ask which kind a quality is": "<= 0",
    "files that name peak_bytes": "<= 4",
    "circles between modules": "<= 0",
    "circles between rooms": "<= 0",
    "imports against the order of the rooms": "<= 0",
    "constants replaced by monkeypatch.setattr in tests": "<= 0",
    "file names that stand in several folders": "<= 8",
}
SHOWN = (
    *("longest functions", "  folders with more than 15 modules", "circles between rooms"),
    *("circles between modules", "imports against the order of the rooms"),
    *("file names that stand in several folders", "files that name peak_bytes"),
    "files outside the rooms of quality that ask which kind a quality is",
)
UNITS = {"arguments annotated": "%", "returns annotated": "%"}
NOTES = (
    "lines: every line of vitnas/**/*.py, templates of kits too; for the same behaviour: without the API, "
    "vitnas/testing and the templates of `vitnas new`, which the version before lacks",
    "functions: nested ones too, without decorators and docstring lines, without templates",
    "kind of a quality: is_genome_quality, TRAIN, load_proxy, isinstance of a class of vitnas.quality, or a "
    "comparison with a quality's name; by the first two alone, anywhere, in the row below it",
    "imports: in functions and under TYPE_CHECKING too; the order is tests/test_import_direction.py of "
    "each checkout; `from vitnas import ...` in a room counts as against it",
    "constants: UPPER_CASE names, given as text or as an attribute of a module",
)


@dataclass
class Measures:
    """Figures by name, and the names behind them."""

    figures: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def count(self, what: str, names: Collection[Any]) -> None:
        """A figure that is the number of the names."""
        self.figures[what] = len(names)
        self.details[what] = names


def measure(checkout: Path) -> Measures:
    """Everything that is read from the sources of a checkout."""
    found = Measures()
    everything = code.read(checkout / "vitnas")
    sources = code.program(everything)
    count_lines(found, everything)
    count_functions(found, sources)
    count_rooms(found, sources)
    count_qualities(found, sources)
    found.count("circles between rooms", graph.circles(graph.room_graph(sources)))
    found.count("circles between modules", graph.circles(graph.module_graph(sources)))
    found.count("imports against the order of the rooms", graph.upward(sources, checkout))
    count_tests(found, code.read(checkout / "tests"))
    return found


def count_lines(found: Measures, sources: list[code.Source]) -> None:
    """Also of the templates."""
    apart = code.lines_apart(sources)
    whole = sum(source.lines for source in sources)
    found.figures["lines for the same behaviour"] = whole - sum(apart.values())
    found.figures["  lines of vitnas/"] = whole
    found.figures |= {f"  apart: {part}": lines for part, lines in apart.items()}
    found.figures["files"] = len(sources)
    found.count("files over 300 lines", code.long_files(sources))


def count_functions(found: Measures, sources: list[code.Source]) -> None:
    functions = code.functions(sources)
    lengths = sorted((code.length(function), name) for name, function in functions)
    found.figures["functions"] = len(functions)
    found.figures["function lines, median"] = statistics.median(lines for lines, _ in lengths)
    found.figures["function lines, 90 % have at most"] = lengths[int(0.9 * len(lengths))][0]
    found.figures["function lines, most"] = lengths[-1][0]
    arguments, returns = code.annotated(functions, code.methods(sources))
    found.figures |= {"arguments annotated": 100 * arguments, "returns annotated": 100 * returns}
    found.details["longest functions"] = {name: lines for lines, name in lengths[:-11:-1]}


def count_rooms(found: Measures, sources: list[code.Source]) -> None:
    """Folders and names of files."""
    folders = code.folders(sources)
    found.figures["largest flat folder, rooms of plug-ins apart"] = max(folders.values())
    full = {name: count for name, count in folders.items() if count > code.FULL_FOLDER}
    found.count("  folders with more than 15 modules", full)
    found.count("file names that stand in several folders", code.shared_stems(sources))
    found.count("  without leading underscores", code.shared_stems(sources, "_"))


def count_qualities(found: Measures, sources: list[code.Source]) -> None:
    found.count(
        "files outside the rooms of quality that ask which kind a quality is", quality.special_cases(sources)
    )
    found.count("  files anywhere with is_genome_quality or TRAIN", quality.naming(sources, *quality.OLD))
    found.count("  files outside the rooms of quality that read .rates", quality.asking_rates(sources))
    found.count("files that name peak_bytes", quality.naming(sources, "peak_bytes"))


def count_tests(found: Measures, sources: list[code.Source]) -> None:
    replaced = [f"{place} {name}" for place, name in code.constants_replaced(sources)]
    assigned = [f"{place} {name}" for place, name in code.constants_assigned(sources)]
    found.count("constants replaced by monkeypatch.setattr in tests", replaced)
    found.count("  assigned by programs of tests", assigned)
    found.figures["  monkeypatch.setattr in all"] = len(list(code.setattr_calls(sources)))
    names = [name.rsplit(":", 1)[1] for name, _ in code.functions(sources)]
    found.figures["test functions"] = sum(name.startswith("test_") for name in names)


def show(report: common.Report, both: bool) -> None:
    """A row a figure: before, after, target and whether it is met."""
    heads = ("", "before", "after", "target", "") if both else ("", "now", "target", "")
    rows = [heads]
    for figure in report.figures:
        what, after, _, before, _, target, verdict = common.cells(figure)
        rows.append((what, before, after, target, verdict) if both else (what, after, target, verdict))
    print(report.title)
    common.print_table(rows)
    for what in SHOWN:
        print(f"\n{what}: {_listed(report.details['after'][what])}")


def _listed(names: Any) -> str:
    if isinstance(names, dict):
        names = [f"{key} ({value})" for key, value in names.items()]
    return ", ".join(map(str, names)) or "none"


def main() -> None:
    """Measure, print and write."""
    args = common.arguments(__doc__, options)
    before = args.before.resolve() if args.before else None
    checkouts = [path for path in (before, HERE) if path]
    report = common.Report("house", "The code base" + (", before and after" if before else ""))
    measures = [measure(checkout) for checkout in checkouts]
    for what, value in measures[-1].figures.items():
        more: dict[str, Any] = {"beside": "before", "other": measures[0].figures[what]} if before else {}
        report.add(what, value, UNITS.get(what, ""), target=TARGETS.get(what, ""), **more)
    report.details = {"after": measures[-1].details} | ({"before": measures[0].details} if before else {})
    report.notes += NOTES
    if args.time:
        times = timing.processor_times(checkouts, 3 if args.quick else 5)
        timing.add_processor_times(report, times)
        report.details["user CPU seconds"] = times
    if args.speed and before:
        found, failed = timing.speeds(checkouts, 1 if args.quick else args.pairs)
        timing.add_speeds(report, found)
        report.details["speeds"] = found
        report.notes += failed
    show(report, before is not None)
    common.write(report, args)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", nargs="?", type=Path, metavar="BEFORE", help="a checkout to show beside")
    parser.add_argument("--no-time", dest="time", action="store_false", help="leave out the CPU times")
    parser.add_argument("--speed", action="store_true", help="also the speeds of both checkouts")
    parser.add_argument("--pairs", type=int, default=6, help="of runs for the speeds [default: 6]")


if __name__ == "__main__":
    main()
