"""Proxies against measured accuracies: builds the networks of a table, scores them, compares the rankings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.bench.proxy_scores import Listener, ScoreBench, Silent
from vitnas.check.agreement import RESAMPLES
from vitnas.check.bands import even_bands, parts, read_bands
from vitnas.check.entries import Comparison
from vitnas.check.scores import Score, count_scores, score_of, sum_of
from vitnas.check.truth import CheckSettings, Truth, read_proxies, read_truth
from vitnas.hardware.measure.runtime import processor
from vitnas.quality.combined import log_rank_sum, standard_sum
from vitnas.store.disk import atomic_write_json
from vitnas.store.folder import current_versions
from vitnas.store.lock import RunLock
from vitnas.workers import Workers, WorkerSettings, make_workers

FORMAT = 1
BASELINES = ("params", "macs", "depth", "widths")
CAPACITY = "capacity"
SUMS = {"log-rank": log_rank_sum, "standard": standard_sum}

Values = NDArray[np.float64]


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
    with RunLock(folder, option="--out"), make_workers(workers) as pool:
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
    single = dict.fromkeys(m for members in asked.values() for m in members if m not in closed)
    architectures = [truth.space.decode(truth.genomes[k]) for k in truth.sample]
    measured = ScoreBench(folder, settings.draws).measure(architectures, list(single), workers, listener)
    known = {name: score_of(name, [row[name] for row in measured]) for name in single}
    known |= {n: Score(n, s.kind, s.values[truth.sample], s.seconds) for n, s in closed.items()}
    return [
        known[name] if name in known else sum_of(name, [known[m] for m in members], settings.combine)
        for name, members in asked.items()
    ]


def _document(settings: CheckSettings, truth: Truth, workers: int) -> dict[str, Any]:
    """What the entries rest on."""
    draws = asdict(settings.draws)
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
