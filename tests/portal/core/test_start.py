"""A missing or wrong variable stops the start with one clear line, and no traceback.

That each one is missed is tested with the list of them, in tests/test_docs.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

KEYS = Path(settings.BASE_DIR) / "tests" / "keys"
GOOD = {
    "CLOUDLOKET_PUBLIC_URL": "http://127.0.0.1:8000",
    "CLOUDLOKET_DATABASE_URL": "postgresql://cloudloket:cloudloket@127.0.0.1:5432/cloudloket",
    "CLOUDLOKET_BROKER_URL": "redis://127.0.0.1:6379/0",
    "CLOUDLOKET_SECRET_KEY_FILE": str(KEYS / "secret-key"),
    "CLOUDLOKET_AUDIT_KEY_FILE": str(KEYS / "audit-key"),
    "CLOUDLOKET_ENCRYPTION_KEY_FILE": str(KEYS / "encryption-keys"),
    "CLOUDLOKET_OIDC_FILE": str(KEYS / "oidc.toml"),
    "CLOUDLOKET_CLOUDS": "sovereign",
}
MANAGE = ["manage.py", "check"]
GUNICORN = ["-m", "gunicorn", "portal.wsgi:application", "--bind", "127.0.0.1:0", "--preload"]
CELERY = ["-m", "celery", "--app", "portal.celery:app", "worker"]
SECONDS = 60


def start(program: list[str], **changes: str) -> subprocess.CompletedProcess[str]:
    """Start a program of the portal with these variables, ``GOOD`` for the others."""
    others = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLOUDLOKET_", "OS_", "DJANGO_"))
    }
    return subprocess.run(
        [sys.executable, *program],
        cwd=settings.BASE_DIR,
        env={**others, **GOOD, **changes},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def assert_one_line(result: subprocess.CompletedProcess[str], variable: str) -> None:
    (line,) = (result.stdout + result.stderr).splitlines()
    assert line.startswith(f"cloudloket: {variable}")
    assert result.returncode == 1


def test_nothing_wrong_nothing_said() -> None:
    result = start(MANAGE)

    assert (result.returncode, result.stderr) == (0, "")


def test_missing_owner_of_the_database() -> None:
    result = start(MANAGE, CLOUDLOKET_AS_DATABASE_OWNER="1")

    assert_one_line(result, "CLOUDLOKET_DATABASE_OWNER_URL is not set")


WRONG = [
    ("CLOUDLOKET_PUBLIC_URL", "loket.example.nl"),
    ("CLOUDLOKET_PUBLIC_URL", "http://loket.example.nl"),
    ("CLOUDLOKET_PUBLIC_URL", "https://loket.example.nl/portal"),
    ("CLOUDLOKET_PUBLIC_URL", "https://loket.example.nl?a=b"),
    ("CLOUDLOKET_PUBLIC_URL", "https://loket.example.nl:eighty"),
    ("CLOUDLOKET_DATABASE_URL", "mysql://cloudloket@db.example.nl/cloudloket"),
    ("CLOUDLOKET_DATABASE_URL", "postgresql://cloudloket@db.example.nl"),
    ("CLOUDLOKET_DATABASE_URL", "postgresql://cloudloket@db.example.nl:x/cloudloket"),
    ("CLOUDLOKET_BROKER_URL", "kafka://mq.example.nl"),
    ("CLOUDLOKET_BROKER_URL", "redis://mq.example.nl:x/0"),
    ("CLOUDLOKET_BROKER_URL", "amqp://"),
    ("CLOUDLOKET_SECRET_KEY_FILE", "/nowhere"),
    ("CLOUDLOKET_SECRET_KEY_FILE", "/dev/null"),
    ("CLOUDLOKET_AUDIT_KEY_FILE", str(KEYS / "secret-key")),
    ("CLOUDLOKET_AUDIT_RETENTION_YEARS", "2"),
    ("CLOUDLOKET_AUDIT_RETENTION_YEARS", "3.5"),
    ("CLOUDLOKET_ENCRYPTION_KEY_FILE", str(KEYS / "secret-key")),
    ("CLOUDLOKET_OIDC_FILE", "/nowhere"),
    ("CLOUDLOKET_OIDC_FILE", str(KEYS / "secret-key")),
    ("CLOUDLOKET_CLOUDS", ","),
    ("OS_CLIENT_CONFIG_FILE", "/nowhere"),
    ("OS_CLIENT_CONFIG_FILE", str(KEYS / "secret-key")),
    ("CLOUDLOKET_LOG_LEVEL", "LOUD"),
    ("CLOUDLOKET_STEP_LEASE_SECONDS", "long"),
    ("CLOUDLOKET_STEP_LEASE_SECONDS", "0"),
    ("CLOUDLOKET_SMTP_URL", "mail.example.nl"),
    ("CLOUDLOKET_SMTP_URL", "http://mail.example.nl"),
    ("CLOUDLOKET_SMTP_URL", "smtps://"),
    ("CLOUDLOKET_SMTP_URL", "smtps://mail.example.nl:x"),
    ("CLOUDLOKET_SMTP_URL", "smtps://mail.example.nl/inbox"),
]


@pytest.mark.parametrize(("variable", "value"), WRONG)
def test_wrong(variable: str, value: str) -> None:
    assert_one_line(start(MANAGE, **{variable: value}), variable)


def test_cloud_that_the_file_does_not_have(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds: {other: {}}")

    result = start(MANAGE, OS_CLIENT_CONFIG_FILE=str(file))

    assert_one_line(result, f"CLOUDLOKET_CLOUDS: {file} has no cloud called sovereign")


@pytest.mark.parametrize("program", [GUNICORN, CELERY], ids=["web server", "worker"])
@pytest.mark.parametrize(
    ("variable", "value"), [("CLOUDLOKET_BROKER_URL", ""), ("CLOUDLOKET_LOG_LEVEL", "LOUD")]
)
def test_every_program_says_it(program: list[str], variable: str, value: str) -> None:
    assert_one_line(start(program, **{variable: value}), variable)
