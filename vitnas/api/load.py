"""``vitnas.load_run``: a run folder as the object that made it."""

from __future__ import annotations

import os

from vitnas import plugins
from vitnas.api.family import Family
from vitnas.api.inputs import run as read_run
from vitnas.api.run_object import Run
from vitnas.errors import RunCorrupt, RunError
from vitnas.formats.json_text import read_json
from vitnas.run.result import kept_space
from vitnas.store.folder import RunFolder
from vitnas.store.layout import LAYOUTS, layout_of


def load_run(path: str | os.PathLike[str], *, trust: bool = False) -> Run | Family:
    """A run from its folder, whatever its state: finished, ended early, died, or running elsewhere.

    Nothing is written or locked. A run that is not over shows its last checkpoint; ``refresh()`` looks again.

    Args:
        path: the run folder.
        trust: whether code that the run's files name by its path may be imported, now and by what it gives.

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
    with plugins.trusting(trust):
        if command == "scale":
            return Family.load(folder.path)
        if trust:
            kept_space(folder.path)  # its operators, for networks that are asked for later
        return Run.load(folder.path)
