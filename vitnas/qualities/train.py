"""Accuracies after brief trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from vitnas.formats.resolution import any_in_px
from vitnas.quality.base import Details, FitContext, Quality, Record
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of


class Train(Quality):
    """Accuracy after a brief training (--data)."""

    rates = "trainings"
    needs = ("data",)
    unit = "%"

    def __init__(self, notes: Sequence[str] = (), span: tuple[float, float] | None = None) -> None:
        self.notes = tuple(notes)
        self.span = span

    @classmethod
    def fit(cls, context: FitContext) -> Self:
        """What the accuracies will mean; without images (a study of the run) nothing is said of them."""
        if context.data is None:
            return cls()
        return cls(_notes(context), (100.0 / context.data.classes, 100.0))

    def details(self, genomes: Genomes, records: Sequence[Record]) -> list[Details]:
        """Each accuracy, after how many epochs, and whether the training was stopped early."""
        found = super().details(genomes, records)
        for own, record in zip(found, records, strict=True):
            if "value" in own.get(self.name, {}):
                own[self.name] |= {name: record[name] for name in record if name in ("epochs", "stopped")}
        return found

    @classmethod
    def caption(cls, name: str, notes: Sequence[str]) -> str:
        """What the accuracies are."""
        return f"{'; '.join(notes)}."


def _notes(context: FitContext) -> list[str]:
    """What a reader of the accuracies should know."""
    from vitnas.training.brief import recipe_of_training

    assert context.data is not None
    data, space, settings = context.data, context.space, context.settings
    sizes = any_in_px(space.resolutions_px)
    early_stop = settings.get("early_stop") is not False and "seconds" not in settings
    notes = [
        f"accuracy in per cent on {len(data.validation):,} validation images ({data.held_out}) after a brief "
        f"training of {_length(context, early_stop)} at {sizes}, {settings['train_batch']} images a step"
    ]
    if early_stop:
        notes.append(
            "weak trainings were stopped early (ASHA): which ones depends on timing, so another run may end "
            "with another front (without early stopping it does not)"
        )
    classes = space.decode(context.pool[0]).classes
    if classes != data.classes:
        notes.append(f"trained for {data.classes} classes; costs are those of {classes}, as the space says")
    if ignored := recipe_of_training(recipe_of(space))[1]:
        notes.append(f"a brief training does not follow the recipe's {', '.join(ignored)}")
    return notes


def _length(context: FitContext, early_stop: bool) -> str:
    """How long the trainings are, in words."""
    from vitnas.training.length import SECOND_MACS, length_of_seconds

    settings = context.settings
    if "seconds" not in settings:
        return f"{'at most ' * early_stop}{settings['epochs']} epochs"
    assert context.data is not None
    macs, available = context.table.price(context.pool)["macs"], len(context.data.train)
    length = length_of_seconds(settings["seconds"], macs, settings["train_batch"], available)
    return (
        f"{length.total:,} images each ({settings['seconds']:g} s of the median network, at "
        f"{SECOND_MACS / 1e9:g} GMACs of training a second)"
    )
