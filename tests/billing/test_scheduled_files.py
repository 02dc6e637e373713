"""Files by the clock: what is due, made whole and once, tried again, kept and removed."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, transaction
from openpyxl import load_workbook
from pyarrow import parquet

from billing.models import (
    FileKind,
    FileRhythm,
    FileSchedule,
    FileState,
    ScheduledFile,
    ScheduledFilePart,
    Statement,
)
from billing.services import scheduled_files
from billing.services.scheduled_files import (
    PART_SIZE,
    make_files,
    plan_files,
    remove_files,
    tend_files,
)
from billing.tasks import tend_files as tend_files_task
from portal.core.calendar import start_of_day
from portal.identity.models import Organization
from tests.billing.files import SET_AT, content, schedule_of
from tests.billing.focus.reading import problems_of, problems_of_parquet, read
from tests.billing.months.conftest import (
    SEPTEMBER,
    close,
    first,
    platform,
    project,
    second,
    server,
    service,
    used,
)
from tests.constraints import refused_by
from tests.factories import make_organization, make_project
from tests.races import at_once, meeting

__all__ = ["close", "first", "platform", "project", "second", "server", "service"]  # fixtures
pytestmark = pytest.mark.django_db
NIGHT = start_of_day(date(2026, 11, 12)) + timedelta(minutes=1)


def journal_of(file: ScheduledFile) -> list[dict[str, str]]:
    text = content(file).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


# --- what is in them -----------------------------------------------------------------------------


def test_a_day_has_the_month_until_its_end(service: Any, server: Any, first: Any) -> None:
    schedule_of(service.parent, by=first)

    tend_files(at=NIGHT)

    file = ScheduledFile.objects.get()
    assert (file.day, file.state) == (date(2026, 11, 11), FileState.READY)
    text = content(file).decode()
    assert problems_of(text) == []
    assert read(text)[0]["ChargePeriodEnd"] == "2026-11-11T23:00:00Z"
    assert file.sha256 == hashlib.sha256(content(file)).hexdigest()
    assert file.size == len(content(file))


def test_the_last_day_of_a_month_has_all_of_that_month(
    service: Any, server: Any, first: Any
) -> None:
    schedule_of(service, FileKind.FOCUS_PARQUET, by=first)

    tend_files(at=start_of_day(date(2026, 12, 1)))

    made = content(ScheduledFile.objects.get())
    assert problems_of_parquet(made) == []
    table = parquet.read_table(BytesIO(made))
    assert table.column("BilledCost").to_pylist() == [Decimal("38.4")]


def test_what_is_made_late_counts_no_later_use(service: Any, server: Any, first: Any) -> None:
    schedule_of(service, by=first)
    plan_files(at=NIGHT)

    make_files(at=NIGHT + timedelta(days=3))

    row = read(content(ScheduledFile.objects.get()).decode())[0]
    assert row["ChargePeriodEnd"] == "2026-11-11T23:00:00Z"


def test_costs_that_are_made_late_count_no_later_use(service: Any, server: Any, first: Any) -> None:
    """38.40 a month, for eleven days of thirty."""
    schedule_of(service, FileKind.COSTS, by=first)
    plan_files(at=NIGHT)

    make_files(at=NIGHT + timedelta(days=3))

    book = load_workbook(BytesIO(content(ScheduledFile.objects.get())))
    _head, row = book.active.iter_rows(values_only=True)
    assert row[5:] == (14.08, 38.4, 38.4)


def test_a_closed_month_has_its_journal_and_that_of_nobody_else(
    close: Any, service: Any, server: Any, first: Any
) -> None:
    used(make_project(make_organization(name="Andere dienst")), SEPTEMBER.start)
    schedule_of(service.parent, FileKind.JOURNAL, FileRhythm.CLOSING, by=first)
    tend_files(at=NIGHT)
    assert not ScheduledFile.objects.exists()
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    file = ScheduledFile.objects.get()
    own = Statement.objects.get(organization=service)
    assert file.day == date(2026, 9, 30)
    assert [row["Bron-id"] for row in journal_of(file)] == [f"{own.number}/1"]


def test_costs_are_a_sheet_in_dutch(close: Any, service: Any, server: Any, first: Any) -> None:
    schedule_of(service, FileKind.COSTS, FileRhythm.CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    book = load_workbook(BytesIO(content(ScheduledFile.objects.get())))
    head, row = book.active.iter_rows(values_only=True)
    assert head[:3] == ("Organisatie", "Project", "Dienst")
    assert (row[:2], row[5]) == (("Dienst", "Zaaksysteem"), 38.4)


# --- what is due ---------------------------------------------------------------------------------


def test_each_file_is_made_once(service: Any, server: Any, first: Any) -> None:
    schedule_of(service, by=first)

    for minute in range(3):
        tend_files(at=NIGHT + timedelta(minutes=minute))

    assert ScheduledFile.objects.count() == 1
    assert ScheduledFilePart.objects.count() == 1


@pytest.mark.parametrize(
    ("at", "days"),
    [
        (SET_AT + timedelta(minutes=1), []),  # the day before it was set up
        (start_of_day(date(2026, 11, 11)), [date(2026, 11, 10)]),
        (start_of_day(date(2026, 11, 11)) - timedelta(seconds=1), []),
    ],
)
def test_the_first_is_of_the_day_itself(
    service: Any, first: Any, at: datetime, days: list[date]
) -> None:
    schedule_of(service, by=first)

    plan_files(at=at)

    assert list(ScheduledFile.objects.values_list("day", flat=True)) == days


def test_the_last_day_of_a_month_is_not_lost_when_nothing_runs_on_the_next(
    service: Any, first: Any
) -> None:
    schedule_of(service, by=first)

    for night in (date(2026, 11, 30), date(2026, 12, 3), date(2026, 12, 4)):
        plan_files(at=start_of_day(night) + timedelta(minutes=5))

    days = list(ScheduledFile.objects.order_by("day").values_list("day", flat=True))
    assert days == [
        *(date(2026, 11, 29), date(2026, 11, 30)),
        *(date(2026, 12, 2), date(2026, 12, 3)),
    ]


def test_the_month_before_it_was_set_up_has_no_file(service: Any, first: Any) -> None:
    schedule_of(service, by=first, set_at=start_of_day(date(2026, 12, 1)))

    plan_files(at=start_of_day(date(2026, 12, 2)))

    assert [file.day for file in ScheduledFile.objects.all()] == [date(2026, 12, 1)]


def test_months_that_were_closed_before_are_left_alone(
    close: Any, service: Any, server: Any, first: Any
) -> None:
    close(SEPTEMBER)
    after = start_of_day(date(2100, 1, 1))  # the fixture closes it now
    schedule_of(service, FileKind.JOURNAL, FileRhythm.CLOSING, by=first, set_at=after)

    plan_files(at=after)

    assert not ScheduledFile.objects.exists()


def test_nothing_is_made_once_it_ended(service: Any, server: Any, first: Any) -> None:
    schedule = schedule_of(service, by=first)
    plan_files(at=NIGHT)
    FileSchedule.objects.filter(pk=schedule.pk).update(ended_by=first, ended_at=NIGHT)

    tend_files(at=NIGHT + timedelta(days=1))

    assert [file.state for file in ScheduledFile.objects.all()] == [FileState.WAITING]


def test_of_an_organization_that_ended_there_is_no_daily_file(service: Any, first: Any) -> None:
    schedule_of(service, by=first)
    Organization.objects.filter(pk=service.pk).update(ended_at=NIGHT)

    plan_files(at=NIGHT)

    assert not ScheduledFile.objects.exists()


# --- what goes wrong -----------------------------------------------------------------------------


def broken(monkeypatch: pytest.MonkeyPatch, error: type[BaseException], *pks: int) -> None:
    """These files break half-way."""
    real = scheduled_files.content_of

    def content_of(file: ScheduledFile) -> Any:
        if file.schedule_id in pks:
            yield b"half"
            raise error
        yield from real(file)

    monkeypatch.setattr(scheduled_files, "content_of", content_of)


def test_what_fails_leaves_nothing_and_does_not_keep_the_others(
    service: Any, server: Any, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = schedule_of(service, by=first)
    schedule_of(service, FileKind.FOCUS_PARQUET, by=first)
    with monkeypatch.context() as patch:
        broken(patch, ZeroDivisionError, bad.pk)
        tend_files(at=NIGHT)

    failed = ScheduledFile.objects.get(schedule=bad)
    assert (failed.state, failed.attempts) == (FileState.WAITING, 1)
    assert not failed.parts.exists()
    assert ScheduledFile.objects.exclude(pk=failed.pk).get().state == FileState.READY
    tend_files(at=failed.due_at - timedelta(seconds=1))  # not yet
    failed.refresh_from_db()
    assert failed.attempts == 1
    tend_files(at=failed.due_at)
    failed.refresh_from_db()
    assert (failed.state, failed.attempts) == (FileState.READY, 1)


def test_pauses_grow_but_not_for_ever(
    service: Any, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = schedule_of(service, by=first)
    broken(monkeypatch, ZeroDivisionError, schedule.pk)
    plan_files(at=NIGHT)
    pauses = []
    for _ in range(12):
        ScheduledFile.objects.update(due_at=NIGHT)
        make_files(at=NIGHT)
        pauses.append(ScheduledFile.objects.get().due_at)

    assert ScheduledFile.objects.get().attempts == 12
    assert pauses == sorted(pauses)
    assert pauses[-1] - pauses[-2] < timedelta(minutes=1)  # six hours, both


def test_what_takes_too_long_is_put_off_and_comes_last(
    service: Any, server: Any, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = schedule_of(service, by=first)
    schedule_of(service, FileKind.FOCUS_PARQUET, by=first)
    broken(monkeypatch, SoftTimeLimitExceeded, slow.pk)

    with pytest.raises(SoftTimeLimitExceeded):
        tend_files(at=NIGHT)
    assert ScheduledFile.objects.get(schedule=slow).attempts == 1
    make_files(at=NIGHT)

    states = dict(ScheduledFile.objects.values_list("schedule__kind", "state"))
    assert states == {"focus_csv": "waiting", "focus_parquet": "ready"}


def test_after_a_while_no_other_file_is_begun(
    service: Any, server: Any, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_of(service, by=first)
    schedule_of(service, FileKind.FOCUS_PARQUET, by=first)
    monkeypatch.setattr(scheduled_files, "_ENOUGH", -1)

    tend_files(at=NIGHT)

    assert not ScheduledFile.objects.filter(state=FileState.READY).exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_file(
    service: Any, server: Any, first: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    schedule_of(service, by=first)
    plan_files(at=NIGHT)
    real = scheduled_files.content_of
    monkeypatch.setattr(scheduled_files, "content_of", meeting(lambda file: list(real(file))))

    at_once(*[lambda: make_files(at=NIGHT)] * 2)

    file = ScheduledFile.objects.get()
    assert (file.state, file.attempts, file.parts.count()) == (FileState.READY, 0, 1)
    assert caplog.records == []  # who was second is no failure


def test_the_task_is_of_one_process_at_a_time(service: Any, first: Any) -> None:
    tend_files_task()

    assert tend_files_task.time_limit < 1800  # how long RabbitMQ waits for a task


# --- keeping -------------------------------------------------------------------------------------


def test_a_large_file_is_kept_in_parts(
    service: Any, server: Any, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_of(service, by=first)
    whole = b"0123456789" * (PART_SIZE // 4)
    monkeypatch.setattr(scheduled_files, "content_of", lambda file: iter([whole]))

    tend_files(at=NIGHT)

    file = ScheduledFile.objects.get()
    assert file.parts.count() == 3
    assert content(file) == whole
    assert file.sha256 == hashlib.sha256(whole).hexdigest()


def test_content_goes_when_its_day_comes_and_is_not_made_again(
    service: Any, server: Any, first: Any
) -> None:
    schedule_of(service, by=first, kept_days=7)
    tend_files(at=NIGHT)
    file = ScheduledFile.objects.get()
    assert file.remove_on is not None
    on_its_day = start_of_day(file.remove_on)

    remove_files(at=on_its_day - timedelta(seconds=1))
    assert file.parts.exists()
    remove_files(at=on_its_day)

    file.refresh_from_db()
    assert (file.state, file.parts.count()) == (FileState.REMOVED, 0)
    plan_files(at=NIGHT)
    make_files(at=on_its_day)
    assert ScheduledFile.objects.get().state == FileState.REMOVED


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda: ScheduledFile.objects.update(sha256="0" * 64), "scheduled_file_stays_as_made"),
        (lambda: ScheduledFile.objects.update(day=NIGHT.date()), "scheduled_file_stays_as_made"),
        (lambda: ScheduledFile.objects.all()._raw_delete("default"), "scheduled_file_stays"),
        (
            lambda: ScheduledFilePart.objects.update(content=b"other"),
            "scheduled_file_part_stays_as_made",
        ),
        (lambda: ScheduledFilePart.objects.all().delete(), "scheduled_file_part_stays_as_made"),
        (
            lambda: ScheduledFilePart.objects.create(
                file=ScheduledFile.objects.get(), position=9, content=b"more"
            ),
            "scheduled_file_part_stays_as_made",
        ),
        (lambda: FileSchedule.objects.update(kept_days=1), "file_schedule_stays_as_set_up"),
    ],
)
def test_the_database_keeps_what_was_made(
    service: Any, server: Any, first: Any, change: Any, name: str
) -> None:
    schedule_of(service, by=first)
    tend_files(at=NIGHT)

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        change()

    assert str(refused.value.__cause__.diag.constraint_name).startswith(name)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("pieces", "size"), [({}, 4), ({0: b"half"}, 5), ({1: b"half"}, 4), ({0: b"ha", 2: b"lf"}, 4)]
)
def test_nothing_is_ready_before_all_of_it_is_there(
    service: Any, first: Any, pieces: dict[int, bytes], size: int
) -> None:
    schedule_of(service, by=first)
    plan_files(at=NIGHT)
    file = ScheduledFile.objects.get()
    for position, piece in pieces.items():
        ScheduledFilePart.objects.create(file=file, position=position, content=piece)
    made: dict[str, Any] = {"made_at": NIGHT, "remove_on": NIGHT.date(), "sha256": "0" * 64}

    for state in (FileState.READY, FileState.REMOVED):
        with refused_by("scheduled_file_is_all_there"):
            ScheduledFile.objects.update(state=state, size=size, **made)
        with refused_by("scheduled_file_waits_first"):
            ScheduledFile.objects.create(
                schedule=file.schedule, day=SET_AT, due_at=NIGHT, state=state, size=size, **made
            )


def test_ending_is_final(service: Any, first: Any) -> None:
    schedule = schedule_of(service, by=first)
    FileSchedule.objects.update(ended_by=first, ended_at=NIGHT)

    with pytest.raises(IntegrityError), transaction.atomic():
        FileSchedule.objects.filter(pk=schedule.pk).update(ended_by=None, ended_at=None)
