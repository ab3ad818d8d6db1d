"""Real images: every layout that is read, what is drawn, and what is refused."""

from __future__ import annotations

import io
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from vitnas.errors import InvalidData, InvalidInput, MissingExtra
from vitnas.quality.data.images import load_images
from vitnas.quality.measure import measure
from vitnas.space.files import load_architecture

PIXELS = np.random.default_rng(0).integers(0, 256, size=(12, 20, 16, 3), dtype=np.uint8)


def encoded(pixels, kind="JPEG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path):
    for k, pixels in enumerate(PIXELS):
        place = tmp_path / "images" / str(k % 2)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{k:02}.PNG").write_bytes(encoded(pixels, "PNG"))
    (tmp_path / "images" / "notes.txt").write_text("no image")
    return tmp_path / "images"


def save(tmp_path, **arrays):
    np.savez(tmp_path / "images.npz", **arrays)
    return tmp_path / "images.npz"


def naive(pixels, seed, batch, side):
    """Drawn, resized by Pillow's antialiased bilinear filter, normalised by channel."""
    chosen = pixels[np.random.default_rng(seed).choice(len(pixels), size=batch, replace=False)]
    planes = []
    for image in chosen.astype(np.float32):
        bands = [Image.fromarray(image[..., c], "F") for c in range(image.shape[-1])]
        planes.append(np.stack([b.resize((side, side), Image.Resampling.BILINEAR) for b in bands]))
    x = np.stack(planes).astype(float)
    return (x - x.mean(axis=(0, 2, 3), keepdims=True)) / x.std(axis=(0, 2, 3), keepdims=True)


@pytest.mark.parametrize("side", [8, 32])
def test_what_is_drawn(tmp_path, side):
    images = load_images(save(tmp_path, x=PIXELS))
    drawn = images.draw(5, 3, side, seed=3)
    assert drawn.shape == (5, 3, side, side) and drawn.dtype == torch.float32
    np.testing.assert_allclose(drawn, naive(PIXELS, 3, 5, side), atol=2e-3)
    drawn.zero_()
    assert float(images.draw(5, 3, side, seed=3).std()) > 0.9, "who draws gets a copy"
    assert not torch.equal(images.draw(5, 3, side, seed=4), images.draw(5, 3, side, seed=3))


@pytest.mark.parametrize("key", ["x", "x_train", "images"])
@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_layouts_of_an_array(tmp_path, key, first, kind):
    x = (PIXELS.transpose(0, 3, 1, 2) if first else PIXELS).astype(kind)
    drawn = load_images(save(tmp_path, **{key: x, "y": np.arange(12)})).draw(4, 3, 8, 0)
    np.testing.assert_allclose(drawn, naive(PIXELS, 0, 4, 8), atol=2e-3)


def test_a_folder_is_read_recursively(folder):
    images = load_images(folder)
    assert images.count == 12
    ordered = np.concatenate([PIXELS[0::2], PIXELS[1::2]])
    np.testing.assert_allclose(images.draw(6, 3, 8, 1), naive(ordered, 1, 6, 8), atol=2e-3)
    assert images.draw(6, 1, 8, 1).shape == (6, 1, 8, 8)


def test_jpeg_files_end_to_end(tmp_path):
    files = [encoded(pixels) for pixels in PIXELS]
    joined = np.frombuffer(b"".join(files), np.uint8)
    offsets = np.cumsum([0, *map(len, files)])
    images = load_images(save(tmp_path, jpeg_train=joined, offset_train=offsets))
    assert images.count == 12
    lossy = np.stack([np.asarray(Image.open(io.BytesIO(f))) for f in files])
    np.testing.assert_allclose(images.draw(4, 3, 8, 2), naive(lossy, 2, 4, 8), atol=2e-3)


def test_the_fingerprint_follows_the_images(tmp_path, folder):
    one = load_images(save(tmp_path, x=PIXELS)).fingerprint
    changed = PIXELS.copy()
    changed[0, 0, 0, 0] ^= 1
    assert load_images(save(tmp_path, x=changed)).fingerprint != one
    assert load_images(save(tmp_path, x=PIXELS)).fingerprint == one
    before = load_images(folder).fingerprint
    shutil.copytree(folder, tmp_path / "copy")
    assert load_images(tmp_path / "copy").fingerprint == before
    shutil.copytree(folder, tmp_path / "fewer")
    (tmp_path / "fewer" / "0" / "00.PNG").unlink()
    assert load_images(tmp_path / "fewer").fingerprint != before


def test_proxies_take_them(tmp_path):
    images = load_images(save(tmp_path, x=PIXELS))
    s0 = load_architecture("efficientformer:s0")
    real = measure(s0, ["naswot"], batch=4, images=images, seed=1).scores
    assert real == measure(s0, ["naswot"], batch=4, images=images, seed=1).scores
    assert real != measure(s0, ["naswot"], batch=4, seed=1).scores


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": PIXELS[0]}, "x: expected (N, H, W, 3) or (N, 3, H, W)"),
        ({"x": PIXELS[..., [0, 0, 0, 0, 0]]}, "got (12, 20, 16, 5) of uint8"),
        ({"x": PIXELS[:0]}, "got (0, 20, 16, 3)"),
        ({"x": PIXELS.astype(str)}, "got (12, 20, 16, 3) of <U3"),
        ({"pictures": PIXELS}, "expected an array x, x_train, images, or jpeg_train"),
        (
            {"jpeg_train": np.zeros(3, np.uint8), "offset_train": np.array([0, 9])},
            "offset_train (N + 1,) within",
        ),
    ],
)
def test_files_that_hold_no_images(tmp_path, arrays, said):
    with pytest.raises(InvalidData) as raised:
        load_images(save(tmp_path, **arrays))
    assert said in str(raised.value)


def test_what_cannot_be_drawn(tmp_path, folder):
    images = load_images(save(tmp_path, x=PIXELS))
    with pytest.raises(InvalidInput, match="12 images are too few for a batch of 13"):
        images.draw(13, 3, 8, 0)
    with pytest.raises(InvalidInput, match="its images have 3 channels, the network takes 1"):
        images.draw(2, 1, 8, 0)
    (folder / "0" / "00.PNG").write_bytes(b"no image at all")
    with pytest.raises(InvalidData, match=r"00\.PNG: not a readable image"):
        load_images(folder).draw(12, 3, 8, 0)
    with pytest.raises(InvalidInput, match="no such folder or file"):
        load_images(tmp_path / "nowhere")
    (tmp_path / "text.npz").write_text("no array")
    with pytest.raises(InvalidData, match=r"not a readable \.npz"):
        load_images(tmp_path / "text.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no images in this folder"):
        load_images(tmp_path / "empty")


def test_without_pillow(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vitnas\[images\]'"):
        load_images(folder).draw(2, 3, 8, 0)
