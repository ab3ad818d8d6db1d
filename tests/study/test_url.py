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
            "mysql://me:***@host/db?a=***&ssl_key=***",
        ),
        ("postgresql://me:un@escaped@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("postgresql://me:s3/cr@et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:a?b@c@host/db", "postgresql://***"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3Ds3cret", "mssql+pyodbc:///?odbc_connect=***"),
        ("postgresql://h/db?dsn=host%3Dh+password%3Ds3cret", "postgresql://h/db?dsn=***"),
        ("postgresql:///?host=password%3Ds3cret", "postgresql:///?host=***"),
        ("postgresql:///db?conninfo=s3cret&sslmode=require", "postgresql:///db?conninfo=***&sslmode=require"),
        ("mysql://host/db?host=a&host=b", "mysql://host/db?host=a&host=b"),
        ("sqlite:////home/me@host/x.db", "sqlite:////home/me@host/x.db"),
        ("sqlite:///file:x.db?mode=ro&uri=true&s3cret=1", "sqlite:///file:x.db?mode=ro&s3cret=***&uri=true"),
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


@pytest.mark.parametrize(
    "text",
    [
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BUID%3Dme%3BPWD%3Ds3cret%3BSERVER%3Dhost",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3D%7Bs3cret%7D",
        "postgresql:///?dsn=host%3Dh+password%3Ds3cret",
        "postgresql://me:x@s3cret@host/db",
        "postgresql://me@host/db?options=s3cret",
    ],
)
def test_what_a_driver_says_of_a_secret_is_scrubbed(text: str) -> None:
    url = StorageUrl(text)
    assert "s3cret" not in str(url) + url.scrub(
        f"{text}: login of 's3cret' failed at s3cret@host; PWD=s3cret;"
    )


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
