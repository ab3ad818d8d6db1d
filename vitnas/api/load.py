"""``vitnas.load_run``: a run folder as the object that made it."""

from __future__ import annotations

import os

from vitnas.api.family import Family
from vitnas.api.inputs import run as read_run
from vitnas.api.run_object import Run
from vitnas.errors import RunCorrupt, RunError
from vitnas.formats.json_text import read_json
from vitnas.store.folder import RunFolder
from vitnas.store.layout import LAYOUTS, layout_of


def load_run(path: str | os.PathLike[str]) -> Run | Family:
    """A run from its folder, whatever its state: finished, ended early, died, or running elsewhere.

    Nothing is written or locked. A run that is not over shows its last checkpoint; ``refresh()`` looks again.

    Args:
        path: the run folder.

    Returns:
        what :func:`vitnas.search` or :func:`vitnas.scale` gave.

    Raises:
        RunError: there is no run, or a newer vitnas wrote it.
        RunCorrupt: a file of it cannot be read.
    """
    folder = RunFolder(read_run("path", path))
    manifest = folder.require() / "manifest.json"
    command, _ = layout_of(read_json(manifest, RunCorrupt), manifest)
    if command not in LAYOUTS:
        raise RunError(f"{manifest}: a run of 'vitnas {command}', which a newer vitnas wrote")
    return Family.load(folder.path) if command == "scale" else Run.load(folder.path)
