"""New plug-ins from commented, working templates."""

from __future__ import annotations

import keyword
import re
import time
from pathlib import Path

from vitnas import plugins
from vitnas.errors import InvalidInput, unknown
from vitnas.store.disk import atomic_write_text, make_folder
from vitnas.testing import KINDS

TEMPLATES = Path(__file__).parent / "templates"
DATA = {kind: folder for folder, kind in plugins.DATA.items()}
LONGEST = 60  # characters of a name


def create(kind: str, name: str) -> Path:
    """Write the file of a new plug-in into the user's folder of its kind.

    Args:
        kind: one of `vitnas.testing.KINDS`.
        name: of the plug-in.

    Returns:
        the file.

    Raises:
        InvalidInput: the name does not do, is one of ours, or has a file already.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    is_data = kind in DATA
    stem = name if is_data else name.replace("-", "_")
    _check_name(kind, name, stem)
    folder = Path(DATA[kind] if is_data else plugins.KINDS[kind][1])
    path = folder / f"{stem}{'.yaml' if is_data else '.py'}"
    known = plugins.list_data(str(folder)) if is_data else plugins.list_plugins(kind)
    if path.exists():
        raise InvalidInput(f"{path} is there already: take another name")
    if name in known or stem in known:
        raise InvalidInput(f"there is a {kind} '{name}' already, which {path} would hide: take another name")
    text = (TEMPLATES / f"{kind}{path.suffix}.txt").read_text(encoding="utf-8")
    words = {"name": name, "stem": stem, "Class": plugins.camel_case(stem), "date": time.strftime("%Y-%m-%d")}
    for word, value in words.items():
        text = text.replace("{{" + word + "}}", value)
    make_folder(folder)
    atomic_write_text(path, text)
    return path


def _check_name(kind: str, name: str, stem: str) -> None:
    """A name is typed on command lines, and becomes a file and a class.

    Raises:
        InvalidInput: it does not do; suggests one that does.
    """
    if re.fullmatch(r"[a-z][a-z0-9_]*", stem.replace("-", "_")) and not keyword.iskeyword(stem):
        if len(stem) <= LONGEST:
            return
        raise InvalidInput(f"'{name}' is longer than {LONGEST} characters")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", Path(name).stem).lower()
    other = re.sub(r"[^a-z0-9]+", "_", words).strip("_0123456789")
    hint = f"; '{other}' does" if other and not keyword.iskeyword(other) else ""
    raise InvalidInput(
        f"'{name}' is no name of a {kind}: small letters, digits and '_', a letter first{hint}"
    )
