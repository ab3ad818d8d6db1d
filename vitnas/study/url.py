"""The address of a storage, which may hold a password that nobody else should see."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, quote_plus

from vitnas.errors import StorageError

HIDDEN = "***"
EXAMPLES = "such as sqlite:///study.db or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
CONNECT_S = 10  # a server that does not answer is given up after this
_SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)  # names of a query's entries
_CONNECT_TIMEOUT = {"psycopg", "psycopg2", "pymysql", "mysqldb", "mysqlconnector"}


class StorageUrl:
    """The URL of a database; printed, it shows no password.

    Args:
        text: as SQLAlchemy reads it.
        option: where it was given, for messages.

    Raises:
        StorageError: it is no URL of a database on disk or a server. The message does not repeat it.
    """

    def __init__(self, text: str, option: str = "`storage`") -> None:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import SQLAlchemyError

        self.option = option
        try:
            self._url = make_url(text)
        except (SQLAlchemyError, ValueError):
            raise StorageError(f"{option}: this is no URL of a database ({EXAMPLES})") from None
        if self.is_sqlite and self._url.database in (None, "", ":memory:"):
            raise StorageError(f"{option}: a database in memory would be gone at once ({EXAMPLES})")

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def text(self) -> str:
        """With the password: for the library that connects, and nobody else."""
        return self._url.render_as_string(hide_password=False)

    def __str__(self) -> str:
        hidden = {name: HIDDEN for name in self._url.query if _SECRET.search(name)}
        shown = self._url.update_query_dict(hidden) if hidden else self._url
        return shown.render_as_string(hide_password=True).replace(quote_plus(HIDDEN), HIDDEN)

    __repr__ = __str__

    def connect_args(self) -> dict[str, Any]:
        """What keeps a connection from waiting for ever."""
        if self.is_sqlite:
            return {"timeout": 30}  # another process may be writing
        driver = self._url.get_driver_name()
        known = driver in _CONNECT_TIMEOUT and "connect_timeout" not in self._url.query
        return {"connect_timeout": CONNECT_S} if known else {}

    def scrub(self, text: str) -> str:
        """``text`` as one line, without anything secret of this URL in it."""
        line = " ".join(text.split())
        for name, value in self._secrets():
            for spelled in {value, quote(value, safe=""), quote_plus(value)}:
                line = line.replace(spelled, HIDDEN) if spelled and spelled != name else line
        return line

    def _secrets(self) -> list[tuple[str, str]]:
        """Names and values, the longest first."""
        found = [("password", str(self._url.password))] if self._url.password else []
        for name, value in self._url.query.items():
            if _SECRET.search(name):
                found += [(name, v) for v in ([value] if isinstance(value, str) else value)]
        return sorted(found, key=lambda pair: -len(pair[1]))
