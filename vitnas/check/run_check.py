"""Proxies against measured accuracies: builds the networks of a table, scores them, compares the rankings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.check.agreement import RESAMPLES, agreement
from vitnas.check.bands import Part, even_bands, parts, read_bands
from vitnas.check.score_log import measure_scores
from vitnas.check.scores import Score, count_scores, score_of, sum_of
from vitnas.check.truth import CheckSettings, Truth, read_proxies, read_truth
from vitnas.events import Listener, Silent
from vitnas.hardware.measure.runtime import processor
from vitnas.quality.shape import shape_columns
from vitnas.store.disk import atomic_write_json
from vitnas.store.folder import current_versions
from vitnas.store.lock import RunLock
from vitnas.workers import Workers, WorkerSettings, make_workers

FORMAT = 1


def check_proxies(
    settings: CheckSettings,
    *,
    out: Path | None = None,
    workers: int | WorkerSettings = 1,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Score a table's networks, and say how far each score ranks them as the labels do.

    Args:
        settings: what to check.
        out: folder of the scores and results; ``runs/proxies-SPACE`` without one. The same command goes on
            with what it holds.
        workers: as in :func:`vitnas.run.search.run_search`; the result does not depend on it, but for the
            seconds.
        listener: watches.

    Returns:
        the document that is also written to ``out/LABEL.json``; its ``proxies`` has one entry a score, those
        of networks first, then counts and ``capacity``, with ``parts`` for groups and bands, and ``all_rows``
        where a score is known on more rows than the proxies were measured on.

    Raises:
        InvalidInput: a setting, the table or the images are wrong, or the rows are too few.
        RunLocked: another process writes to the folder.
        KeyboardInterrupt: with a line that says how to go on.
    """
    asked = read_proxies(settings)
    truth = read_truth(settings)
    bands = read_bands(settings.bands) if settings.bands else None
    folder = out or Path("runs") / f"proxies-{truth.space.name}"
    counts = count_scores(truth.space, truth.genomes)
    params = next(score.values for score in counts if score.name == "params")
    if bands is None:
        bands = even_bands(params, len(truth.sample))
    folder.mkdir(parents=True, exist_ok=True)
    with RunLock(folder, option="`out`"), make_workers(workers) as pool:
        scores = _measure(settings, asked, truth, counts, folder, pool, listener or Silent())
        compared = Comparison(truth, parts(truth.groups, params, bands), settings.draws.seed)
        entries = [compared.entry(score) for score in scores]
        entries += [compared.entry_of_count(count) for count in counts]
        document = _document(settings, truth, pool.size) | {"proxies": entries}
        atomic_write_json(folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', truth.label)}.json", document)
    return document


def _measure(
    settings: CheckSettings,
    asked: Mapping[str, tuple[str, ...]],
    truth: Truth,
    counts: Sequence[Score],
    folder: Path,
    workers: Workers,
    listener: Listener,
) -> list[Score]:
    """The scores that were asked for, on the sample."""
    closed = {score.name: score for score in counts}
    single = list(dict.fromkeys(m for members in asked.values() for m in members if m not in closed))
    genomes, draws = truth.genomes[truth.sample], settings.draws
    measured = measure_scores(
        truth.space, genomes, single, draws, folder=folder, workers=workers, listener=listener
    )
    known = {name: score_of(name, [row[name] for row in measured]) for name in single}
    known |= {n: Score(n, s.kind, s.values[truth.sample], s.seconds) for n, s in closed.items()}
    return [
        known[name] if name in known else sum_of(name, [known[m] for m in members], settings.combine)
        for name, members in asked.items()
    ]


@dataclass(frozen=True)
class Comparison:
    """Scores beside labels, whole and by part, as entries of the document."""

    truth: Truth
    parts: Sequence[Part]
    seed: int

    @cached_property
    def _shape(self) -> NDArray[np.float64]:
        return shape_columns(self.truth.space, self.truth.genomes)

    def entry(self, score: Score) -> dict[str, Any]:
        """Of a score of the sample."""
        return self._entries(score, self.truth.sample)

    def entry_of_count(self, score: Score) -> dict[str, Any]:
        """Of a score of all labelled rows: on the sample, and on all."""
        rows = self.truth.sample
        on_sample = Score(score.name, score.kind, score.values[rows], score.seconds)
        entry = self._entries(on_sample, rows)
        if len(rows) < len(self.truth.labels):
            entry["all_rows"] = self._entries(score, np.arange(len(self.truth.labels)))
        return entry

    def _entries(self, score: Score, rows: NDArray[np.intp]) -> dict[str, Any]:
        whole, *others = (self._entry(score, rows, part) for part in self.parts)
        return whole | {"parts": others}

    def _entry(self, score: Score, rows: NDArray[np.intp], part: Part) -> dict[str, Any]:
        inside = part.rows[rows]
        chosen = rows[inside]
        labels, shape = self.truth.labels[chosen], self._shape[chosen]
        figures = asdict(agreement(score.values[inside], labels, shape, seed=self.seed))
        first = {
            name: figures.pop(name) for name in ("n", "tau", "tau_low", "tau_high", "spearman", "regret")
        }
        return {
            "proxy": score.name,
            "space": self.truth.space.name,
            **first,
            "seconds_per_architecture": score.seconds,
            "label": self.truth.label,
            "kind": score.kind,
            "group": part.group,
            "band": part.band,
            **figures,
            "failures": int(np.isnan(score.values[inside]).sum()),
            "failure": score.failure,
            "resolution_px": score.resolution_px,
        }


def _document(settings: CheckSettings, truth: Truth, workers: int) -> dict[str, Any]:
    """What the entries rest on."""
    draws = asdict(settings.draws)
    del draws["batch"]  # is each proxy's own
    return {
        "format": FORMAT,
        "space": truth.space.name,
        "label": truth.label,
        "truth": settings.truth.name,
        "rows": len(truth.rows),
        "skipped": truth.rows.skipped,
        "unlabelled": truth.unlabelled,
        "labelled": len(truth.labels),
        "sample": len(truth.sample),
        "label_spread": float(truth.labels.std()),
        **draws,
        "images": Path(draws["images"]).name if draws["images"] else None,
        "combine": settings.combine,
        "resamples": RESAMPLES,
        "workers": workers,
        "machine": f"one core, {processor()}",
        "versions": {k: v for k, v in current_versions().items() if k != "optuna"},
    }
