"""Which architectures of a run to label, and their labels once they are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vitnas.arch.schema import Architecture, save_architecture
from vitnas.errors import InvalidData, InvalidInput, NothingFeasible, RunError
from vitnas.events import Listener, Silent
from vitnas.formats.path_name import check_title
from vitnas.quality.genomes.fitted.active import most_informative
from vitnas.quality.labels import Labels
from vitnas.run.prepare import Setup, prepare
from vitnas.run.read_labels import LABELS, NEW_LABELS, is_run, label_files, labels_text, read_labels
from vitnas.searching.config import SearchConfig
from vitnas.space.activity import Genomes
from vitnas.space.files import load_space
from vitnas.space.rows import read_rows
from vitnas.space.space import Space
from vitnas.store.disk import atomic_write_csv, atomic_write_text, make_folder, write_folder
from vitnas.store.folder import RunFolder
from vitnas.store.lock import RunLock

TABLE = "to_label.csv"
FOLDER = "to_label"
COLUMNS = ("id", "file", "genome", "params_m")  # of the table, beside the label
DEFAULT_LABEL = "accuracy"


@dataclasses.dataclass(frozen=True)
class Asked:
    """Architectures to be labelled.

    Attributes:
        folder: where their files are.
        table: one row each; the column ``label`` is blank.
        label: its name.
        files: the architectures' files, the least certain first.
        known: labels that the run has already.
        from_front: how many of them are of the run's front.
    """

    folder: Path
    table: Path
    label: str
    files: tuple[str, ...]
    known: int
    from_front: int


@dataclasses.dataclass(frozen=True)
class Added:
    """What labels a run has gained.

    Attributes:
        label: their name.
        added: rows that are new.
        known: labelled architectures of the run in all.
        notes: what was done to the rows.
    """

    label: str
    added: int
    known: int
    notes: tuple[str, ...]


def ask_labels(
    run: str | Path,
    count: int,
    *,
    out: str | Path | None = None,
    label: str | None = None,
    listener: Listener | None = None,
) -> Asked:
    """Write the architectures that a fitted quality is least certain of.

    They are picked in turn from the run's front, where a search needs to be right, and from its feasible
    pool, which keeps the model right elsewhere. Architectures with a label are left out.

    Args:
        run: a run folder, of any quality.
        count: how many.
        out: folder for files and table; without it the first free RUN/to_label, RUN/to_label-2, ...
        label: name of the blank column; without it that of the run's labels, or ``accuracy``.
        listener: watches.

    Raises:
        RunError: no run is there, or ``out`` holds such a table already.
        NothingFeasible: every candidate has a label.
        StaleCosts: the costs of a network are not those that it has when it is built.
    """
    if count < 1:
        raise InvalidInput(f"-n: expected at least 1, got {count}")
    if label is not None and check_title(label, "`label`") in COLUMNS:
        raise InvalidInput(f"`label`: '{label}' is a column of the table already: take another name")
    watcher = listener or Silent()
    folder = RunFolder(run)
    config = SearchConfig.from_dict(folder.open())
    setup = prepare(config, watcher, folder.path)
    labels = _known(folder.path, setup)
    _require_no_table(out)
    watcher.stage("choosing architectures", f"{count} of the front and of {len(setup.pool):,} others")
    front = _front(folder, setup)
    candidates = np.concatenate([front, setup.pool])
    of_front = np.arange(len(candidates)) < len(front)
    turns = [of_front, ~of_front] if len(front) else []
    space = setup.problem.space
    picked = most_informative(space, setup.table, setup.pool, candidates, count, labels=labels, in_turn=turns)
    if not picked:
        raise NothingFeasible(f"{run}: every architecture of its front and pool has a label")
    name = label if label is not None else labels.name if labels else DEFAULT_LABEL
    table, networks = _documents(setup, name, candidates[picked], folder.path.name)

    def write(place: Path) -> None:
        for file, architecture in networks.items():
            save_architecture(architecture, place / file)
        atomic_write_csv(place / TABLE, table)

    if out is None:
        place = write_folder(folder.path, FOLDER, write)
    else:
        place = Path(out)
        make_folder(place)
        write(place)
    known = len(labels) if labels else 0
    return Asked(place, place / TABLE, name, tuple(networks), known, int(of_front[picked].sum()))


def _known(run: Path, setup: Setup) -> Labels | None:
    """All labels of a run: those it was fitted on and those added since."""
    if not any((run / name).is_file() for name in (LABELS, NEW_LABELS)):
        return None
    return read_labels(run, setup.problem.space)


def _require_no_table(out: str | Path | None) -> None:
    if out is not None and (Path(out) / TABLE).exists():
        raise RunError(f"{Path(out) / TABLE} exists already: take another `out`, or remove it")


def _front(folder: RunFolder, setup: Setup) -> Genomes:
    """The whole front (k, G) of a run that has one."""
    genes = len(setup.problem.space.genes)
    found: Mapping[str, Any] = folder.read_json("whole_front.json") or {"genomes": []}
    rows = np.frombuffer(bytes.fromhex("".join(found["genomes"])), np.uint8)
    return rows.reshape(-1, genes)


def _documents(
    setup: Setup, label: str, genomes: Genomes, run: str
) -> tuple[list[list[str]], dict[str, Architecture]]:
    """The table to fill in, and the architectures by file, the least certain first."""
    setup.table.require_traced(genomes)
    params = setup.table.price(genomes)["params"]
    table, files = [[*COLUMNS, label]], {}
    for number, (genome, size) in enumerate(zip(genomes, params.tolist(), strict=True), 1):
        note = {"description": f"to be labelled: of {setup.problem.space.name} (run {run})"}
        architecture = setup.problem.space.decode(genome, note)
        file = f"{number:03d}-{architecture.id}.yaml"
        files[file] = architecture
        table.append([architecture.id, file, genome.tobytes().hex(), f"{size / 1e6:.6f}", ""])
    return table, files


def add_labels(run: str | Path, file: str | Path, *, label: str | None = None) -> Added:
    """Add labels to a run: they stand in its ``new_labels.csv``, beside what it was fitted on.

    Rows without a value are left out, rows that the run has already (same architecture, same value) as well.

    Args:
        run: a run folder.
        file: a table, such as a filled-in ``to_label.csv``.
        label: its column; may be None where there is one.

    Raises:
        RunError: no run is there.
        InvalidData: the table is none of the run's space, or holds no label.
        InvalidInput: the run's labels have another name.
        RunLocked: another process writes to the run.
    """
    path = RunFolder(run).require()
    with RunLock(path, option="run"):
        return _add(path, file, label)


def _add(path: Path, file: str | Path, label: str | None) -> Added:
    """Reads and checks all there is before it writes."""
    space = load_space(str(path / "space.yaml"))
    rows = read_rows(file, space)
    if label is None and not rows.labels:
        raise InvalidData(f"{file}: no row has a label; fill in a column of numbers")
    new = read_labels(file, space, label)
    if not len(new):
        raise InvalidData(f"{file}, column '{new.name}': no row has a label")
    before = [read_labels(f, space) for f in (label_files(path) if _has_labels(path) else [])]
    for known in before:
        if known.name != new.name:
            raise InvalidInput(
                f"{file}: its labels are '{new.name}', those of {path} are '{known.name}'; "
                "labels of two kinds cannot be mixed (rename the column if they are the same)"
            )
    pairs = {(g.tobytes(), v) for k in before for g, v in zip(k.genomes, k.values.tolist(), strict=True)}
    fresh = [
        k
        for k, (g, v) in enumerate(zip(new.genomes, new.values.tolist(), strict=True))
        if (g.tobytes(), v) not in pairs
    ]
    if fresh:
        added = dataclasses.replace(new, genomes=new.genomes[fresh], values=new.values[fresh])
        atomic_write_text(path / NEW_LABELS, labels_text(_behind(path / NEW_LABELS, space, added)))
    everything = read_labels(path, space)
    return Added(new.name, len(fresh), len(everything), (*new.notes, *everything.notes))


def _behind(table: Path, space: Space, added: Labels) -> Labels:
    """Labels behind those of a table, row by row, if there is one."""
    if not table.is_file():
        return added
    rows = read_rows(table, space)
    values = rows.values(added.name)
    known = ~np.isnan(values)
    return dataclasses.replace(
        added,
        genomes=np.concatenate([rows.genomes[known], added.genomes]),
        values=np.concatenate([values[known], added.values]),
    )


def _has_labels(path: Path) -> bool:
    return any((path / name).is_file() for name in (LABELS, NEW_LABELS))


def inherited(run: str | Path) -> dict[str, Any]:
    """What a search that learns from a run's labels takes from it where it is not told otherwise.

    Returns:
        settings of ``SearchConfig``: space (the run's own copy), target, budgets, objectives, batch,
        resolution_px. Nothing if ``run`` is no run.
    """
    if not is_run(run):
        return {}
    folder = RunFolder(run)
    config = SearchConfig.from_dict(folder.open())
    kept = ("target", "budgets", "objectives", "batch", "resolution_px")
    return {"space": str(folder.path / "space.yaml"), **{name: getattr(config, name) for name in kept}}
