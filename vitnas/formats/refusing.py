"""Whatever a decoder raises over somebody's file, as one error that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitnas.errors import VitnasError, describe


@contextmanager
def refusing(file: str | Path, problem: str, error: type[VitnasError]) -> Iterator[None]:
    """Turn any exception into ``error``; errors of vitnas pass.

    Decoders of images, archives and arrays raise dozens of types over damaged or hostile bytes.

    Args:
        file: to name; with a line or an entry where that is known.
        problem: what cannot be done, such as "cannot be read as .npz".
        error: to raise.
    """
    try:
        yield
    except VitnasError:
        raise
    except OSError as fault:
        why = fault.strerror or describe(fault)
        raise error(f"{file}: {problem}: {why}") from None
    except Exception as fault:
        raise error(f"{file}: {problem}: {describe(fault)}") from None
