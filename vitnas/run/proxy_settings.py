"""What the proxies of a run are computed with: images and device, checked before anything dear begins."""

from __future__ import annotations

import numpy as np

from vitnas.quality.data.images import Images, load_images
from vitnas.quality.measure import torch_device
from vitnas.searching.config import SearchConfig
from vitnas.space.space import Space

TRIED_PX = 32


def proxy_images(config: SearchConfig, space: Space) -> Images | None:
    """The images that the settings name, if any; the device is checked as well.

    Raises:
        InvalidInput: the images cannot be read, or are of other channels; the device is not there.
    """
    torch_device(config.device)
    if config.images is None:
        return None
    images = load_images(config.images)
    member = space.decode(space.sample(1, np.random.default_rng(config.seed))[0])
    images.draw(1, member.in_channels, TRIED_PX, config.seed)
    return images
