"""Labels of a run: from a table or another run, copied, merged."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np

from vitnas.errors import InvalidData, InvalidInput
from vitnas.quality.labels import Labels, joined, merged
from vitnas.search.config import SearchConfig
from vitnas.space.rows import Rows, read_rows
from vitnas.space.space import Space

LABELS = "labels.csv"  # what a run was fitted on; never changes
NEW_LABELS = "new_labels.csv"  # what was added to a run since
FITTED = "fitted"


def is_run(path: str | Path) -> bool:
    """Whether a run is in a folder."""
    return (Path(path) / "manifest.json").is_file()


def read_labels(source: str | Path, space: Space, label: str | None = None) -> Labels:
    """Labels of architectures of ``space``.

    Args:
        source: a table, see ``vitnas.space.rows``, or a run folder with labels in it.
        space: the space.
        label: the column; may be None where there is one.

    Raises:
        InvalidData: there is no such file, or it is no table of this space.
        InvalidInput: several columns may be labels, or none is; an unknown label.
    """
    files = label_files(source)
    found = [_of_table(file, space, label) for file in files]
    if len(files) == 1:
        return found[0]
    names = [labels.name for labels in found]
    if len(set(names)) > 1:
        raise InvalidInput(f"{source}: {files[0].name} and {files[1].name} have different labels, {names}")
    return joined(space, found)


def label_files(source: str | Path) -> list[Path]:
    """Tables of labels that ``source`` stands for: itself, or those of a run.

    Raises:
        InvalidData: a folder without labels.
    """
    path = Path(source)
    if not path.is_dir():
        return [path]
    files = [path / name for name in (LABELS, NEW_LABELS) if (path / name).is_file()]
    if not files:
        where = f"the run {path}" if is_run(path) else f"the folder {path}, which is no run,"
        raise InvalidData(
            f"{where} has no labels; 'vitnas label {path} -n 50' says what to label, "
            f"'vitnas label {path} --add FILE.csv' adds them"
        )
    return files


def _of_table(file: Path, space: Space, label: str | None) -> Labels:
    rows = read_rows(file, space)
    name = label or _only_label(rows)
    return merged(space, name, str(file), rows.genomes, rows.values(name))


def _only_label(rows: Rows) -> str:
    if len(rows.labels) == 1:
        return rows.labels[0]
    if not rows.labels:
        raise InvalidInput(f"{rows.source}: no column holds labels; expected a column of numbers")
    raise InvalidInput(
        f"{rows.source}: several columns may be labels ({', '.join(rows.labels)}); name one with --label"
    )


def labels_of(config: SearchConfig, space: Space, folder: Path | None) -> Labels | None:
    """Labels of a search: from its own folder's copy if it has one.

    Raises:
        InvalidInput: labels without a quality that learns from them, or the other way round.
        InvalidData: the labels cannot be read, or nothing can be learned from them.
    """
    fitted = FITTED in config.quality.split("+")
    if config.labels is None:
        if fitted:
            raise InvalidInput(
                "--quality fitted needs --labels, a table of architectures with known accuracies or a run "
                "with labels; 'vitnas label RUN -n 50' says which to label"
            )
        if config.label is not None:
            raise InvalidInput("--label names a column of --labels, which is not given")
        return None
    if not fitted:
        raise InvalidInput(f"--labels is for --quality fitted; '{config.quality}' learns from none")
    if folder is None:
        return read_labels(config.labels, space, config.label).require()
    copy = read_labels(folder / LABELS, space)
    return Labels(copy.name, config.labels, copy.genomes, copy.values, copy.notes).require()


def labels_text(labels: Labels) -> str:
    """A table that ``read_labels`` reads back to the last bit."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["genome", labels.name])
    for genome, value in zip(labels.genomes, labels.values.tolist(), strict=True):
        table.writerow([np.asarray(genome, np.uint8).tobytes().hex(), repr(value)])
    return out.getvalue()


def labels_hash(labels: Labels) -> str:
    """Sixteen hexadecimal digits of what was learned from."""
    return hashlib.sha256(labels_text(labels).encode()).hexdigest()[:16]
