"""A storage's address, and that its password is nobody's business."""

from __future__ import annotations

import traceback

import pytest

from vitnas.errors import StorageError
from vitnas.study.url import StorageUrl

SECRET = "s3:cr/et"
SPELLED = "s3%3Acr%2Fet"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sqlite:///study.db", "sqlite:///study.db"),
        (f"postgresql+psycopg://me:{SPELLED}@host/db", "postgresql+psycopg://me:***@host/db"),
        (
            f"postgresql+psycopg://me@host/db?password={SPELLED}",
            "postgresql+psycopg://me@host/db?password=***",
        ),
        (
            f"mysql://me:{SPELLED}@host/db?ssl_key={SPELLED}&a=b",
            "mysql://me:***@host/db?a=b&ssl_key=***",
        ),
    ],
)
def test_what_is_shown_has_no_password(text: str, shown: str) -> None:
    url = StorageUrl(text)
    assert str(url) == repr(url) == f"{url}" == shown


def test_the_library_gets_the_password() -> None:
    text = f"postgresql+psycopg://me:{SPELLED}@host/db"
    assert StorageUrl(text).text == text


def test_messages_are_scrubbed_in_every_spelling() -> None:
    url = StorageUrl(f"postgresql+psycopg://me:{SPELLED}@host/db?sslpassword=other")
    said = url.scrub(f"cannot connect\n to me:{SPELLED}@host as {SECRET!r}, other")
    assert said == "cannot connect to me:***@host as '***', ***"


@pytest.mark.parametrize("text", ["study.db", "", f"me:{SECRET}@host", f"postgresql://me:{SECRET}@host:x/db"])
def test_what_is_no_url_is_not_repeated(text: str) -> None:
    with pytest.raises(StorageError, match="`mirror`: this is no URL of a database") as raised:
        StorageUrl(text, "`mirror`")
    assert SECRET not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(text: str) -> None:
    with pytest.raises(StorageError, match="in memory would be gone at once"):
        StorageUrl(text)


def test_a_server_that_does_not_answer_is_given_up() -> None:
    pytest.importorskip("psycopg")
    assert StorageUrl("postgresql+psycopg://host/db").connect_args() == {"connect_timeout": 10}
    assert StorageUrl("postgresql+psycopg://host/db?connect_timeout=3").connect_args() == {}
    assert StorageUrl("sqlite:///a.db").connect_args() == {"timeout": 30}
