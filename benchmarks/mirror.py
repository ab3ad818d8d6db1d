"""What a trial of a study costs: vitnas' batches beside Optuna's own `add_trial`, on SQLite.

    python benchmarks/mirror.py

Half of each storage's trials are written before anything is timed. The two take turns, a batch each, and the
read-back trials are compared.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import _common as c  # first: it sets the threads
import numpy as np
import optuna

from vitnas.events import Silent
from vitnas.run.prepare import Setup, prepare
from vitnas.searching.config import SearchConfig
from vitnas.space.activity import Genomes
from vitnas.study.spec import StudySpec
from vitnas.study.trials import RunTrials
from vitnas.study.url import StorageUrl
from vitnas.study.writer import StudyWriter

BATCH = 500
TARGET_MS = 3


def spec_of(setup: Setup) -> StudySpec:
    """A study without a run folder."""
    choices = {gene.name: gene.choices for gene in setup.problem.space.genes if len(gene.choices) > 1}
    metrics = (("quality", "maximize"), ("latency_ms", "minimize"), ("params", "minimize"))
    return StudySpec("benchmark", "none", metrics, choices, ("max-latency",))


def records_of(genomes: Genomes) -> list[dict[str, object]]:
    """Lines of a log, with what a proxy and a health check say."""
    return [
        {
            "task": str(k),
            "id": f"{k:012x}",
            "genome": genome.tolist(),
            "seconds": 0.5,
            "health": {"verdict": "ok"},
        }
        | {"scores": {"naswot": 100.0 + k, "token_entropy": 1.0 / (k + 1)}}
        for k, genome in enumerate(genomes)
    ]


def main() -> None:
    args = c.arguments(__doc__)
    batches, slow = (1, 5) if args.quick else (4, 40)
    config = SearchConfig("efficientformer", target="iphone12", budgets=(("max-latency", "1.6ms"),))
    setup = prepare(config, Silent())
    rng = np.random.default_rng(0)
    wanted = BATCH * (2 * batches + 1) + slow
    genomes = np.unique(setup.problem.sample_feasible(wanted, rng), axis=0)
    rng.shuffle(genomes)
    reader = RunTrials(setup, lambda g, records: (np.arange(len(g), dtype=float), [""] * len(g)))
    parts = [records_of(genomes[s : s + BATCH]) for s in range(0, BATCH * 2 * batches, BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        writer = StudyWriter(StorageUrl(f"sqlite:///{folder}/batches.db"), spec_of(setup))
        other = StudyWriter(StorageUrl(f"sqlite:///{folder}/one-by-one.db"), spec_of(setup))
        ready: list[float] = []
        written: list[float] = []
        one_by_one: list[float] = []
        for number, part in enumerate(parts):
            found = []
            read_s = c.seconds(lambda part=part, found=found: found.extend(reader.read(part, writer)[0]))
            write_s = c.seconds(lambda found=found: writer.add(found))
            if number < batches:
                other.add(found)  # so that both hold as many
                continue
            ready.append(1e3 * (read_s + write_s) / len(part))
            written.append(1e3 * write_s / len(part))
            for trial in found[: slow // batches]:
                frozen = other._frozen(trial)
                one_by_one.append(1e3 * c.seconds(lambda f=frozen: other._study.add_trial(f)))
        size_kb = Path(f"{folder}/batches.db").stat().st_size / 1024 / len(writer)
        check(writer, other)
    report = c.Report("mirror", "a trial of an Optuna study on SQLite")
    each = float(np.median(one_by_one))
    report.add(
        "read from the log and written, a trial",
        float(np.median(ready)),
        "ms",
        target=f"<= {TARGET_MS}",
        beside="add_trial",
        other=each,
    )
    report.add("  of which written", float(np.median(written)), "ms", beside="add_trial", other=each)
    report.add("on disk, a trial", size_kb, "KB")
    report.details = {"batch": BATCH, "ready_ms": ready, "written_ms": written, "add_trial_ms": one_by_one}
    report.details |= {"parameters": len(spec_of(setup).choices), "optuna": optuna.__version__}
    report.notes.append(f"batches of {BATCH}, medians; add_trial alone, without making the trial")
    c.finish(report, args)


def check(writer: StudyWriter, other: StudyWriter) -> None:
    """Whether both storages say the same of each network that stands in both."""
    ours = {t.user_attrs["genome"]: t for t in writer._study.get_trials(deepcopy=False)}
    for trial in other._study.get_trials(deepcopy=False):
        same = ours[trial.user_attrs["genome"]]
        for name in ("params", "distributions", "values", "user_attrs", "system_attrs", "state"):
            assert getattr(trial, name) == getattr(same, name), name


if __name__ == "__main__":
    main()
