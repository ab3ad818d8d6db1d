"""Labels of a run: from a table or another run, copied, merged."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path

import numpy as np

from vitnas.errors import InvalidData, InvalidInput
from vitnas.quality.labels import Labels, joined, merged
from vitnas.run.wanted import who_needs
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space
from vitnas.space.rows import Rows, read_rows
from vitnas.space.space import Space

LABELS = "labels.csv"  # what a run was fitted on; never changes
NEW_LABELS = "new_labels.csv"  # what was added to a run since
_ID = re.compile(r"[0-9a-f]{12}$")  # of an architecture, as vitnas writes it


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
    if is_run(source):
        _check_space(Path(source), space)
    found = [_of_table(file, space, label) for file in files]
    if not is_run(source):
        return found[0]
    names = [labels.name for labels in found]
    if len(set(names)) > 1:
        raise InvalidInput(f"{source}: {files[0].name} and {files[1].name} have different labels, {names}")
    return joined(space, str(source), found)


def _check_space(run: Path, space: Space) -> None:
    """Genomes mean nothing in another space; other images are no other space."""
    own = load_space(str(run / "space.yaml"))
    sides = space.resolutions_px
    if own.hash != space.hash and len(sides) == len(own.resolutions_px) == 1:
        own = own.at_resolution(sides[0])
    if own.hash != space.hash:
        raise InvalidInput(
            f"the labels of {run} are of space '{own.name}' as it was searched there, "
            f"not of '{space.name}' as it is here"
        )


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
        if not is_run(path):
            raise InvalidData(f"'{path}' is neither a table of labels nor a run folder")
        raise InvalidData(
            f"the run {path} has no labels; 'vitnas label {path}' says what to label, and adds them"
        )
    return files


def _of_table(file: Path, space: Space, label: str | None) -> Labels:
    rows = read_rows(file, space)
    first = space.decode(rows.genomes[0]).id
    if _ID.match(rows.ids[0]) and rows.ids[0] != first:
        raise InvalidData(
            f"{file}, line {rows.lines[0]}: in space '{space.name}' this is architecture {first}, not "
            f"{rows.ids[0]}; the table is of another space"
        )
    name = label or _only_label(rows)
    return merged(space, name, str(file), rows.genomes, rows.values(name))


def _only_label(rows: Rows) -> str:
    if len(rows.labels) == 1:
        return rows.labels[0]
    if not rows.labels:
        raise InvalidInput(f"{rows.source}: no column holds labels; expected a column of numbers")
    raise InvalidInput(
        f"{rows.source}: several columns may be labels ({', '.join(rows.labels)}); name one with `label`"
    )


def labels_of(config: SearchConfig, space: Space, folder: Path | None) -> Labels | None:
    """Labels of a search: from its own folder's copy if it has one.

    Raises:
        InvalidInput: labels without a quality that learns from them, or the other way round.
        InvalidData: the labels cannot be read, or nothing can be learned from them.
    """
    learns = who_needs(config, "labels")
    if config.labels is None:
        if learns:
            raise InvalidInput(
                f"{learns} needs `labels`, a table of architectures with known accuracies or a "
                "run with labels; 'vitnas label RUN' says which to label"
            )
        if config.label is not None:
            raise InvalidInput("`label` names a column of `labels`, which is not given")
        return None
    if not learns:
        names = ", ".join(config.qualities)
        raise InvalidInput(f"`labels` is for `quality` fitted; '{names}' learns from none")
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
