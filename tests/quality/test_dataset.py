"""Labelled images: every layout, what is held out, what is never read, what is refused, what is decoded."""

from __future__ import annotations

import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageOps

from vitnas.errors import InvalidData, InvalidInput, RunError
from vitnas.quality.data.dataset import load_dataset
from vitnas.quality.data.decoded import decode, open_decoded, try_out

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, size=(40, 12, 12, 3), dtype=np.uint8)
LABELS = np.arange(40, dtype=np.uint8) % 4


def encoded(pixels, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def save(tmp_path, **arrays):
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"


def folder(root, pixels=PIXELS, labels=LABELS):
    for k, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        place = root / f"class{label}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{k:02}.png").write_bytes(encoded(image))
    return root


def jpegs(pixels, kind="JPEG"):
    files = [encoded(image, kind) for image in pixels]
    return np.frombuffer(b"".join(files), np.uint8), np.cumsum([0, *map(len, files)])


def opened(data, tmp_path, side=12, channels=3):
    return open_decoded(decode(data, tmp_path / "decoded", side, channels))


def rows(images):
    return {image.tobytes() for image in images}


def test_arrays_hold_out_a_fixed_tenth(tmp_path):
    path = save(tmp_path, x_train=PIXELS, y_train=LABELS, x_test=PIXELS, y_test=LABELS)
    data = load_dataset(path)
    assert (data.classes, len(data.train), len(data.validation)) == (4, 36, 4)
    found = opened(data, tmp_path)
    whole = PIXELS.transpose(0, 3, 1, 2)
    assert rows(found.train) | rows(found.validation) == rows(whole)
    assert not rows(found.train) & rows(found.validation)
    label_of = {image.tobytes(): label for image, label in zip(whole, LABELS, strict=True)}
    assert [label_of[image.tobytes()] for image in found.validation] == found.validation_labels.tolist()
    flat = np.asarray(found.train, np.float64).transpose(1, 0, 2, 3).reshape(3, -1)
    np.testing.assert_allclose(found.mean, flat.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.spread, flat.std(axis=1), rtol=1e-5)
    again = load_dataset(path)
    assert (again.fingerprint, again.validation.labels.tolist()) == (
        data.fingerprint,
        data.validation.labels.tolist(),
    )


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_arrays_of_their_own_for_validation(tmp_path, name):
    more = {f"x_{name}": PIXELS[:8], f"y_{name}": LABELS[:8, None]}
    data = load_dataset(save(tmp_path, x_train=PIXELS[8:], y_train=LABELS[8:], **more))
    assert (len(data.train), len(data.validation), data.held_out) == (32, 8, f"x_{name}")
    assert data.validation.labels.tolist() == LABELS[:8].tolist()


def test_jpegs_hold_out_the_last_of_train(tmp_path):
    joined, offsets = jpegs(PIXELS)
    arrays = {"jpeg_train": joined, "offset_train": offsets, "y_train": LABELS, "classes": list("abcde")}
    data = load_dataset(save(tmp_path, **arrays))
    assert (data.classes, len(data.train), len(data.validation)) == (5, 36, 4)
    found = opened(data, tmp_path)
    lossy = [np.asarray(Image.open(io.BytesIO(encoded(p, "JPEG")))) for p in PIXELS]
    np.testing.assert_array_equal(found.validation, np.stack(lossy[36:]).transpose(0, 3, 1, 2))
    assert found.validation_labels.tolist() == LABELS[36:].tolist()


def test_what_is_called_test_is_never_read(tmp_path):
    path = save(tmp_path, x_train=PIXELS, y_train=LABELS)
    before = load_dataset(path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x_test.npy", b"this would break whoever reads it")
    after = load_dataset(path)
    assert after.fingerprint == before.fingerprint
    root = folder(tmp_path / "split" / "train")
    (root.parent / "test" / "class0").mkdir(parents=True)
    (root.parent / "test" / "class0" / "broken.png").write_bytes(b"no image")
    opened(load_dataset(root.parent), tmp_path)


def test_a_folder_holds_out_a_tenth_of_each_class(tmp_path):
    data = load_dataset(folder(tmp_path / "images"))
    assert (data.classes, len(data.train), len(data.validation)) == (4, 36, 4)
    assert sorted(data.validation.labels.tolist()) == [0, 1, 2, 3]
    found = opened(data, tmp_path)
    assert rows(found.train) | rows(found.validation) == rows(PIXELS.transpose(0, 3, 1, 2))
    (tmp_path / "images" / "class0" / "new.png").write_bytes(encoded(PIXELS[0]))
    assert load_dataset(tmp_path / "images").fingerprint != data.fingerprint


def test_a_folder_with_train_and_val(tmp_path):
    root = tmp_path / "images"
    folder(root / "train", PIXELS[8:], LABELS[8:])
    folder(root / "val", PIXELS[:8], LABELS[:8])
    data = load_dataset(root)
    assert (len(data.train), len(data.validation), data.held_out) == (32, 8, "val/")
    (root / "val" / "class9").mkdir()
    with pytest.raises(InvalidData, match="class 'class9' is not in"):
        load_dataset(root)
    shutil.rmtree(root / "train")
    with pytest.raises(InvalidInput, match="has val/ but no train/"):
        load_dataset(root)


def test_images_become_squares_of_the_side(tmp_path):
    wide = RNG.integers(0, 256, size=(40, 20, 30, 3), dtype=np.uint8)
    found = opened(load_dataset(folder(tmp_path / "images", wide)), tmp_path, side=8)
    expected = [ImageOps.fit(Image.fromarray(p), (8, 8), Image.Resampling.BILINEAR) for p in wide]
    whole = rows(np.stack([np.asarray(image) for image in expected]).transpose(0, 3, 1, 2))
    assert rows(found.train) | rows(found.validation) == whole
    arrays = opened(load_dataset(save(tmp_path, x_train=wide, y_train=LABELS)), tmp_path, side=8)
    cropped = [Image.fromarray(p[:, 5:25]).resize((8, 8), Image.Resampling.BILINEAR) for p in wide]
    near = np.stack([np.asarray(image) for image in cropped]).transpose(0, 3, 1, 2).astype(int)
    ours = np.concatenate([arrays.train, arrays.validation]).astype(int)
    gaps = np.abs(ours[:, None] - near[None]).max(axis=(2, 3, 4)).min(axis=1)
    assert gaps.max() <= 2  # the same image to a rounding or two


def test_grey_images_and_floats(tmp_path):
    grey = PIXELS[..., :1]
    three = opened(load_dataset(save(tmp_path, x_train=grey, y_train=LABELS)), tmp_path)
    assert three.train.shape == (36, 3, 12, 12) and (three.train[:, 0] == three.train[:, 2]).all()
    floats = opened(load_dataset(save(tmp_path, x_train=PIXELS / 255.0, y_train=LABELS)), tmp_path)
    assert floats.train.dtype == np.float32 and 0.4 < floats.mean.mean() < 0.6
    with pytest.raises(InvalidInput, match="3 channels, the space's networks take 1"):
        try_out(load_dataset(save(tmp_path, x_train=PIXELS, y_train=LABELS)), 1)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": PIXELS, "y": LABELS}, "expected x_train and y_train, or jpeg_train"),
        ({"x_train": PIXELS}, "y_train is missing (got x_train)"),
        ({"x_train": PIXELS, "y_train": LABELS[:-1]}, "y_train: expected 40 whole numbers"),
        ({"x_train": PIXELS, "y_train": LABELS / 2}, "got (40,) of float64"),
        ({"x_train": PIXELS, "y_train": np.eye(4)[LABELS]}, "got (40, 4) of float64"),
        ({"x_train": PIXELS, "y_train": LABELS.astype(int) - 1}, "a class of -1"),
        ({"x_train": PIXELS, "y_train": LABELS * 0}, "images of one class alone"),
        ({"x_train": PIXELS[:9], "y_train": LABELS[:9]}, "9 images are too few"),
        ({"x_train": PIXELS[0], "y_train": LABELS}, "x_train: expected (N, H, W, 3)"),
        ({"x_train": np.full(PIXELS.shape, np.nan), "y_train": LABELS}, "not finite"),
        ({"x_train": PIXELS, "y_train": LABELS, "classes": ["a", "b"]}, "class 3, but 'classes' names 2"),
        ({"x_train": PIXELS, "y_train": LABELS, "x_val": PIXELS}, "y_val is missing"),
        ({"jpeg_train": np.zeros(3, np.uint8), "offset_train": np.array([0, 9])}, "offset_train (N + 1,)"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, arrays, said):
    with pytest.raises(InvalidData) as raised:
        load_dataset(save(tmp_path, **arrays))
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(InvalidInput, match="`data`: no such folder or file"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no classes in it"):
        load_dataset(tmp_path / "empty")
    (tmp_path / "text.npz").write_text("no array")
    with pytest.raises(InvalidData, match=r"not a readable \.npz"):
        load_dataset(tmp_path / "text.npz")
    lonely = folder(tmp_path / "images", PIXELS[:5], LABELS[:5])
    with pytest.raises(InvalidData, match="class1: one image of this class"):
        load_dataset(lonely)
    whole = folder(tmp_path / "whole")
    (whole / "class0" / "00.png").write_bytes(b"no image at all")
    with pytest.raises(InvalidData, match=r"00\.png: not a readable image"):
        decode(load_dataset(whole), tmp_path / "decoded", 12, 3)
    with pytest.raises(RunError, match="workers need to see the run folder"):
        open_decoded(tmp_path / "nowhere")


def test_images_are_decoded_once(tmp_path):
    data = load_dataset(save(tmp_path, x_train=PIXELS, y_train=LABELS))
    seen = []
    first = decode(data, tmp_path / "decoded", 12, 3, lambda done, total: seen.append((done, total)))
    assert seen == [(36, 40), (40, 40)]
    assert decode(data, tmp_path / "decoded", 12, 3, lambda *_: pytest.fail("decoded again")) == first
    (first / "facts.json").unlink()  # as if it had been killed before the end
    shutil.move(first, first.with_suffix(".part"))
    assert opened(data, tmp_path).train.shape == (36, 3, 12, 12)
