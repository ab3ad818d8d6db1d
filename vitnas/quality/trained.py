"""The quality that trains: its name, and what its scores mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vitnas.quality.data.dataset import Dataset

TRAIN = "train"


def training_notes(
    data: Dataset,
    *,
    epochs: int,
    batch: int,
    sides_px: tuple[int, ...],
    early_stop: bool,
    classes: int,
    ignored: tuple[str, ...],
) -> tuple[str, ...]:
    """What a reader of the accuracies should know; one line each.

    Args:
        data: trained on.
        epochs, batch: of the trainings.
        sides_px: of the images.
        early_stop: whether weak trainings were ended early.
        classes: that the space's networks tell apart.
        ignored: settings of the space's recipe that a brief training does not follow.
    """
    sides = " or ".join(map(str, sides_px))
    notes = [
        f"accuracy in per cent on {len(data.validation):,} validation images ({data.held_out}) after a brief "
        f"training of {'at most ' * early_stop}{epochs} epochs at {sides} px, {batch} images a step"
    ]
    if early_stop:
        notes.append(
            "weak trainings were stopped early (ASHA): which ones depends on timing, so another run may end "
            "with another front (with --no-early-stop it does not)"
        )
    if classes != data.classes:
        notes.append(f"trained for {data.classes} classes; costs are those of {classes}, as the space says")
    if ignored:
        notes.append(f"a brief training does not follow the recipe's {', '.join(ignored)}")
    return tuple(notes)
