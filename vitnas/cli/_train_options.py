"""Options about trainings: of ``--quality train`` and of a rung ``--then train:N``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

TRAIN_OPTIONS = ("data", "epochs", "train_batch", "learning_rate", "early_stop")


def _option(metavar: str | None, text: str, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, rich_help_panel="Trainings", show_default=False)


Data = Annotated[
    str | None,
    _option(
        "PATH",
        "Labelled images for quality 'train': a folder CLASS/*.jpg (or train/ and val/), or an .npz file. A "
        "part is held out for validation; what is called test is never read.",
    ),
]
Epochs = Annotated[int | None, _option("NUMBER", "Of a training, at most [default: 9].")]
TrainBatch = Annotated[int | None, _option("NUMBER", "Images a step of a training [default: 128].")]
LearningRate = Annotated[
    float | None, _option("NUMBER", "Of trainings, at the recipe's batch [default: the recipe's].")
]
EarlyStop = Annotated[
    bool | None,
    _option(
        None,
        "End the trainings of weak candidates early (ASHA). Which ones depends on timing; without it equal "
        "settings give equal fronts on a processor [default: yes].",
        "--early-stop/--no-early-stop",
    ),
]
