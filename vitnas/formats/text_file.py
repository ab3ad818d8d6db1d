"""Text files: UTF-8 without control characters, or one line that says what they are instead."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from vitnas.errors import VitnasError

LARGEST = 1 << 30  # bytes
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str | Path, error: type[VitnasError]) -> str:
    """The text of a file, with its byte-order mark if it has one.

    Raises:
        VitnasError: (``error``) it cannot be read, or is no UTF-8 text; names file and line.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as problem:  # a name with a null byte is a ValueError
        raise error(f"{path}: cannot be read: {getattr(problem, 'strerror', None) or problem}") from None
    if len(data) > LARGEST:
        raise error(f"{path}: cannot be read: it is larger than {LARGEST >> 20} MiB")
    return decode_text(data, str(path), error)


def decode_text(data: bytes, file: str, error: type[VitnasError]) -> str:
    """UTF-8 bytes as a text.

    Raises:
        VitnasError: (``error``) they are none; names file and line.
    """
    if data.startswith(_UTF16):
        raise error(f"{file}: is UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise error(
            f"{file}:{line}: is no UTF-8 text (byte {data[problem.start]:#04x}); save it as UTF-8"
        ) from None
    check_characters(text, file, error)
    return text


def check_characters(text: str, file: str, error: type[VitnasError]) -> None:
    """Refuse characters that no text has.

    Raises:
        VitnasError: (``error``) names file, line and character.
    """
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise error(f"{file}:{line}: holds the control character U+{ord(found[0]):04X}; take it out")
