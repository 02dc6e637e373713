"""``manage.py check_focus``: the checker, for people."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from billing.management.commands.check_focus import MOST_SHOWN
from tests.billing.focus.test_checker import text_of


def test_right_file_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "good.csv"
    path.write_bytes(text_of({}).encode())

    call_command("check_focus", path)

    assert capsys.readouterr().out == f"{path} is FOCUS 1.2\n"


def test_wrong_file_is_told_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.csv"
    path.write_bytes(text_of({}, {"BilledCost": "1"}).encode())

    with pytest.raises(CommandError, match="1 problem found"):
        call_command("check_focus", path)

    assert capsys.readouterr().out == (
        "row 3, BilledCost: breaks “is a number with a decimal point and nothing else”\n"
    )


def test_no_more_is_told_than_somebody_reads(tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_bytes(text_of(*[{"BilledCost": "1"}] * (MOST_SHOWN + 1)).encode())

    with pytest.raises(CommandError, match=f"{MOST_SHOWN} problems or more found"):
        call_command("check_focus", path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "file.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandError, match="cannot be read"):
        call_command("check_focus", path)
