"""One variable says where e-mail is handed over, and that nobody on the way reads the password."""

import pytest

from portal.core.configuration import mail_server

NAME = "CLOUDLOKET_SMTP_URL"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_it_there_is_none(monkeypatch, value):
    monkeypatch.delenv(NAME, raising=False)
    if value is not None:
        monkeypatch.setenv(NAME, value)

    assert mail_server(NAME) is None


@pytest.mark.parametrize(
    ("url", "port", "is_encrypted", "is_upgraded"),
    [
        ("smtps://mail.example.nl", 465, True, False),
        ("smtp://mail.example.nl", 587, False, True),
        ("smtp://mail.example.nl:25", 25, False, True),
        ("smtp://127.0.0.1:1025", 1025, False, False),
        ("smtps://localhost:1465/", 1465, True, False),
    ],
)
def test_only_on_this_machine_mail_travels_in_the_clear(
    monkeypatch, url, port, is_encrypted, is_upgraded
):
    monkeypatch.setenv(NAME, url)

    server = mail_server(NAME)

    assert (server.port, server.is_encrypted, server.is_upgraded) == (
        port,
        is_encrypted,
        is_upgraded,
    )


def test_user_and_password_may_hold_any_character(monkeypatch):
    monkeypatch.setenv(NAME, "smtps://loket%40example.nl:p%3A%2Fw@mail.example.nl")

    server = mail_server(NAME)

    assert (server.user, server.password) == ("loket@example.nl", "p:/w")
