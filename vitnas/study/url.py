"""The address of a storage, which may hold a password that nobody else should see."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

from vitnas.errors import StorageError

HIDDEN = "***"
EXAMPLES = "such as sqlite:///study.db or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
CONNECT_S = 10  # a server that does not answer is given up after this
# entries of a query that tell nothing secret, as long as their value is a plain one; all others are hidden
_HARMLESS = frozenset(
    (
        *("host", "port", "dbname", "driver", "charset", "collation", "use_unicode", "encoding"),
        *(
            "client_encoding",
            "application_name",
            "autocommit",
            "isolation_level",
            "mode",
            "cache",
            "uri",
        ),
        *("timeout", "connect_timeout", "read_timeout", "write_timeout", "check_same_thread", "nolock"),
        *("sslmode", "ssl_mode", "ssl_disabled", "encrypt", "trustservercertificate", "trusted_connection"),
        *("target_session_attrs", "immutable", "prepare_threshold", "unix_socket"),
    )
)
_PLAIN = re.compile(r"[\w./+ ,-]*")  # a connection string has one of '=', ';', ':' and '@'
_PAIR = re.compile(r"([^=;&\s]+)\s*=\s*(\{[^}]*\}|'[^']*'|[^;&\s]*)")
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
        self._typed = text
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
        url = self._url
        main, has_query, query = self._typed.partition("?")
        if "@" in query:  # of a password that is not escaped: nobody knows where it ends
            return f"{url.drivername}://{HIDDEN}"
        _, _, rest = main.partition("://")
        is_path = self.is_sqlite and url.host is None and url.username is None
        user, _, place = ("", "", rest) if is_path else rest.rpartition("@")
        shown = f"{url.drivername}://{self._shown_user(user)}{place}"
        entries = [self._shown_entry(*entry) for entry in sorted(url.query.items())]
        return f"{shown}?{'&'.join(entries)}" if has_query and entries else shown

    def _shown_user(self, typed: str) -> str:
        """What stands before the server, without what may be a password."""
        if not typed:
            return ""
        user, has_password, _ = typed.partition(":")
        user = HIDDEN if "@" in user or "/" in user else user
        return f"{user}:{HIDDEN}@" if has_password else f"{user}@"

    def _shown_entry(self, name: str, value: str | tuple[str, ...]) -> str:
        name = name if _PLAIN.fullmatch(name) else HIDDEN
        if not self._is_harmless(name, value):
            return f"{name}={HIDDEN}"
        return "&".join(f"{name}={quote_plus(v)}" for v in ([value] if isinstance(value, str) else value))

    @staticmethod
    def _is_harmless(name: str, value: str | tuple[str, ...]) -> bool:
        values = [value] if isinstance(value, str) else value
        return name.lower() in _HARMLESS and all(_PLAIN.fullmatch(own) for own in values)

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
        for secret in sorted(self._secrets(), key=len, reverse=True):
            for spelled in {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}:
                line = line.replace(spelled, HIDDEN)
        return line

    def _secrets(self) -> set[str]:
        """Texts that no message may have, whole and in the parts that a driver may take them for."""
        before, at, _ = self._typed.partition("://")[2].rpartition("@")
        _, _, typed = before.partition(":")
        found = (
            {str(self._url.password or ""), typed, unquote_plus(typed), *typed.split("@")} if at else set()
        )
        for name, value in self._url.query.items():
            if not self._is_harmless(name, value):
                for own in [value] if isinstance(value, str) else value:
                    found |= {own, *_values(own)} - {name}
        return {secret for secret in found if secret}


def _values(text: str) -> set[str]:
    """Of a connection string, what its entries hold, but for those that name a server."""
    pairs = [(name.lower(), value.strip("{}'")) for name, value in _PAIR.findall(unquote_plus(text))]
    return {
        value
        for name, value in pairs
        if name not in _HARMLESS and name not in ("server", "database", "user", "uid")
    }
