"""Output in an encoding that lacks a character: a plain one takes its place."""

from __future__ import annotations

import codecs
import sys
import unicodedata

HANDLER = "vitnas-plain"
PLAIN = {
    **dict.fromkeys("─━┄┈╌═╶╴╸╺", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("├┤┬┴┼└┘┌┐╭╮╰╯┝┥┯┷", "+"),
    **dict.fromkeys("•◆●·", "*"),
    **{"±": "+-", "×": "x", "…": "...", "✓": "ok", "✗": "no", "μ": "u", "µ": "u", "—": "-", "–": "-"},
    **{"≤": "<=", "≥": ">=", "→": "->", "’": "'", "‘": "'", "“": '"', "”": '"'},
}


def print_plainly() -> None:
    """Make stdout and stderr replace what their encoding lacks, instead of raising."""
    codecs.register_error(HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):  # a notebook's has none
            stream.reconfigure(errors=HANDLER)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_one, lacking)), error.end


def _one(letter: str) -> str:
    """One that ASCII has: from the table, without its accent, or a question mark."""
    if letter in PLAIN:
        return PLAIN[letter]
    base = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return base or "?"
