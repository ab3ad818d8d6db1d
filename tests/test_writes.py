"""Files are written and removed in few places: what a command writes is written whole (`store.disk`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "vitnas"
WRITES = {
    *("write_text", "write_bytes", "touch", "tofile", "savefig", "save", "savez", "savez_compressed"),
    *("to_csv", "to_json", "save_file", "open_memmap", "memmap", "copyfile", "copy2", "copytree", "move"),
    *("NamedTemporaryFile", "mkstemp", "mkdtemp", "rename", "extractall", "symlink_to", "hardlink_to"),
}
REMOVES = {"unlink", "rmtree", "rmdir", "truncate", "ftruncate"}
NO_FILES = {  # owners whose method of such a name is our own, and is listed where it stands, or a text's
    "save": {"self", "stage", "training", "cache", "exporter"},
    "move": {"self", "self._place"},
    "truncate": {"line", "text"},
}
ALLOWED = {
    "store/disk.py": {
        *("open 'wb'", "open 'xb'", "savez", "os.open", "os.replace", "rename"),
        *("unlink", "rmtree"),  # scratch files
    },
    # grows line by line, and is repaired where it is cut
    "store/log.py": {"os.open", "ftruncate"},
    # a lock's files, which hold nothing else
    "store/lock.py": {"os.open"},
    "store/claims.py": {"os.open", "unlink", "NamedTemporaryFile"},
    # of a run that came to nothing
    "store/folder.py": {"unlink", "rmtree"},
    # networks that this run has listed, after the new ones are written
    "run/finish.py": {"unlink"},
    # a kept table that was found wrong
    "cost/cache.py": {"unlink"},
    # the log of a measurement that was begun anew, after the new one is whole
    "hardware/measure/session.py": {"os.replace", "unlink"},
    # into memory, or the file that `atomic_write` gives
    "report/figures/family_plot.py": {"savefig"},
    "report/figures/proxy_plot.py": {"savefig"},
    "report/figures/scatter.py": {"savefig"},
    "training/brief.py": {"save"},
    "export/torch_program.py": {"save"},
    # a folder under a scratch name, which then gets its own
    "quality/data/decoded.py": {"open_memmap", "save", "write_text", "os.replace", "rmtree"},
    "hardware/kit/write.py": {".replace", "rmtree", "unlink"},
    "hardware/kit/coreml_exporter.py": {"save"},
    # what Ray Tune leaves, and trainings that are in the log
    "workers/tune.py": {"rmtree"},
    "workers/_tune_trial.py": {"touch", "open 'a'"},
    "bench/trainings.py": {"rmtree"},
    # a folder of its own for a trial of the disk
    "doctor/folder_check.py": {"mkdtemp", "rmtree", "open 'r+b'"},
    "workers/node_report.py": {"open 'w'", "open 'r+b'"},
    # on other people's machines, without vitnas
    "hardware/kit/templates/shared/kit_timing.py": {
        "open 'a'",
        "open 'w'",
        "open 'rb+'",
        "os.replace",
        "truncate",
    },
}


def found(path: Path) -> Iterator[str]:
    """What a file calls to write or remove."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield from opened(node, node.args[1:2]) if node.func.id == "open" else ()
            elif isinstance(node.func, ast.Attribute):
                yield from of_attribute(node, node.func)


def of_attribute(node: ast.Call, function: ast.Attribute) -> Iterator[str]:
    owner, name = ast.unparse(function.value), function.attr
    if owner == "os" and name in ("open", "replace", "rename", "remove"):
        yield f"os.{name}"
    elif name == "open" and owner not in ("Image", "self._archive"):
        yield from opened(node, node.args[:1])
    elif name == "replace" and len(node.args) == 1 and not node.keywords:  # that of texts takes two
        yield ".replace"
    elif name in WRITES | REMOVES and owner not in NO_FILES.get(name, ()):
        yield name


def opened(node: ast.Call, mode: list[ast.expr]) -> Iterator[str]:
    given = [*mode, *(k.value for k in node.keywords if k.arg == "mode")]
    for value in given:
        text = value.value if isinstance(value, ast.Constant) else ast.unparse(value)
        if not isinstance(value, ast.Constant) or set(str(text)) & set("wax+"):
            yield f"open {text!r}"


def test_files_are_written_whole() -> None:
    calls = {path.relative_to(PACKAGE).as_posix(): set(found(path)) for path in sorted(PACKAGE.rglob("*.py"))}
    assert {name: own for name, own in calls.items() if own} == ALLOWED, (
        "write with vitnas.store.disk, or say here why not"
    )
