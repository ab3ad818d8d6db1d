"""The options of ``vitnas search``, in the order of its help."""

from __future__ import annotations

from vitnas.cli import options as o
from vitnas.cli._option import Option, panel, switch
from vitnas.figures import FIGURES

_OBJECTIVES = ", ".join(["quality", *(figure.objective for figure in FIGURES.values())])
OPTIONS = (
    *panel(
        "What to search",
        o.SPACE,
        o.TARGET,
        Option(
            "quality",
            "NAME",
            "What is maximised: capacity, params, macs, depth, fitted, train (brief trainings, with --data), "
            "a name from 'vitnas proxies', or several as A+B [default: capacity, or fitted with --labels].",
            str,
            "capacity",
        ),
        o.COMBINE,
        Option(
            "labels",
            "FILE|RUN",
            "Architectures with known accuracies, to predict others from (quality fitted): a table, or a run "
            "with labels, whose space, device and budgets are taken where none are given.",
        ),
        o.LABEL,
        o.IMAGES,
        Option(
            "preset",
            "NAME",
            "Settings of a published method, as far as they are not given: asvit (space, quality, objective, "
            "strategy).",
        ),
        Option(
            "objectives",
            "NAME",
            f"{_OBJECTIVES}; repeat it for each. latency is that of every device, latency@A of one [default: "
            "quality, latency or throughput (macs without a device) and params; with several devices quality "
            "and each one's latency or throughput].",
            list[str] | None,
            flags=("--objective",),
        ),
        o.BATCH,
        o.RESOLUTION,
    ),
    *o.budget_options(),
    *panel(
        "How to search",
        Option(
            "strategy",
            "NAME",
            "Who proposes: a name from 'vitnas strategies' [default: evolution].",
            str,
            "evolution",
        ),
        Option(
            "trials",
            "NUMBER",
            "Feasible candidates to score, such as 300, 500k or 2M [default: 2M with capacity, 300 with a "
            "proxy, 32 with train, 1000 with an optuna strategy, 500 with reinforce].",
        ),
        Option(
            "then",
            "QUALITY:N",
            "A rung after the search: N networks of the front, evenly chosen, are scored by another quality, "
            "and the front by that goes on. Repeat it for more rungs, such as naswot:1000 and train:16.",
            list[str] | None,
        ),
        Option("time", "TIME", "Stop proposing after this time: 90s, 2m, 1h."),
        o.SEED.but(help="Equal seeds give equal fronts [default: 0]."),
        Option("population", "NUMBER", "Of the strategy [default: its own].", int | None),
        Option(
            "strategy_options",
            "NAME=VALUE",
            "An option of the strategy's own (see 'vitnas strategies'); may be repeated.",
            list[str] | None,
            flags=("--strategy-option",),
        ),
        Option("front", "NUMBER", "Networks of the front to check and write [default: 20].", int, 20),
        switch(
            "random_arm",
            "Run random search beside it, to see what is gained [default: yes, unless quality is a proxy].",
            "--random-arm/--no-random-arm",
            default=None,
        ),
        Option(
            "in_flight",
            "NUMBER",
            "Networks that are scored at once, whatever the number of workers; best four times that number "
            "[default: 32].",
            int | None,
        ),
        switch(
            "unordered",
            "Learn from scores as they come, not in the order of asking: no worker waits for a slow network, "
            "but the front is another each time.",
        ),
    ),
    *panel(
        "Trainings",
        Option(
            "data",
            "PATH",
            "Labelled images for quality 'train': a folder CLASS/*.jpg (or train/ and val/), or an .npz "
            "file. A part is held out for validation; what is called test is never read.",
        ),
        Option("epochs", "NUMBER", "Of a training, at most [default: 9].", int | None),
        Option(
            "seconds",
            "NUMBER",
            "Of a training on one core, in place of epochs, for the median network by MACs; all get as many "
            "images, so that equal settings give equal fronts.",
            float | None,
        ),
        Option("train_batch", "NUMBER", "Images a step of a training [default: 128].", int | None),
        Option(
            "learning_rate",
            "NUMBER",
            "Of trainings, at the recipe's batch [default: the recipe's].",
            float | None,
        ),
        switch(
            "early_stop",
            "End the trainings of weak candidates early (ASHA). Which ones depends on timing; without it "
            "equal settings give equal fronts on a processor [default: yes].",
            "--early-stop/--no-early-stop",
            default=None,
        ),
    ),
    *o.WORKERS,
    *panel(
        "Run and output",
        o.DEVICE.but(help="Where networks are scored and trained: cpu, cuda or cuda:1 [default: cpu]."),
        o.NAME,
        o.OUT,
        o.RESUME.but(
            help="Go on with a run's folder; --trials, --time, who works (--workers, --ray and so on), "
            "--mirror and --json may change. With the settings of a whole command: begin the run "
            "there, or go on with it."
        ),
        Option(
            "mirror",
            "URL",
            "Keep an Optuna study up with the run, such as sqlite:///study.db; see 'vitnas study --help'.",
        ),
        switch(
            "active",
            "At the end write 50 architectures to be labelled, as 'vitnas label' does.",
        ),
        switch("dry_run", "Only say what the space holds, what budgets allow, how long it takes."),
        o.JSON,
    ),
)
