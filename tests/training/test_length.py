"""How long a brief training is."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.training.length import Length, length_of_seconds

MACS = np.array([1e6, 2e6, 50e6])  # the median counts


@pytest.mark.parametrize(
    ("seconds", "available", "length"),
    [
        (10, 50_000, Length(1, 16_640)),  # 10 s x 10 GMACs / (3 x 2 MMACs) = 16,667: whole steps of 128
        (60, 50_000, Length(2, 50_000)),  # twice over all of them
        (60, 90_000, Length(2, 50_048)),
        (1e-9, 50_000, Length(1, 128)),
        (10, 100, Length(167, 100)),
    ],
)
def test_seconds_are_images_of_the_median_network(seconds, available, length):
    assert length_of_seconds(seconds, MACS, 128, available) == length


def test_all_images():
    assert (Length(3).total, Length(2, 640).total) == (None, 1280)
