"""A worker makes the documents of closed months: each once, of a size that is bounded."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import typst
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.utils.translation import override

from billing.documents import pdf, render
from billing.documents.pdf import DocumentFailed, _data_of, make_document
from billing.models import Statement
from billing.services import documents
from billing.services.documents import make_documents
from billing.tasks import make_documents as make_documents_task
from portal.identity.models import Project
from tests.billing.months.conftest import SEPTEMBER, used
from tests.billing.months.conftest import september as day
from tests.factories import make_organization, make_project
from tests.factories.billing import SkuFactory, set_price
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db


def documents_made() -> list[bytes]:
    return [bytes(one.document) for one in Statement.objects.order_by("sequence")]


def test_a_document_is_kept_with_its_checksum(close, server):
    close(SEPTEMBER)
    assert documents_made() == [b""]

    make_documents_task()

    statement = Statement.objects.get()
    assert bytes(statement.document).startswith(b"%PDF-1.")
    assert hashlib.sha256(statement.document).hexdigest() == statement.document_sha256


def test_who_closes_rings_for_the_documents(close, server, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as rings:
        close(SEPTEMBER)

    (ring,) = [ring.__self__ for ring in rings]  # type: ignore[attr-defined]
    assert (ring.task_name, ring.options["queue"]) == ("billing.make_documents", "billing")


def test_documents_are_accessible_and_in_dutch(close, server):
    close(SEPTEMBER)
    with override("en"):
        make_documents()

    document = documents_made()[0]
    for told in (b"/MarkInfo", b"/StructTreeRoot", b"/DisplayDocTitle", b"pdfuaid:part", b"nl"):
        assert told in document
    assert b"Afschrift 2026-000001" in document


@pytest.mark.parametrize(
    "name",
    [
        "Zaak \U0001f680",
        "\u9879\u76ee",
        "zaak \u2713 \u0391\u03b2",
        "a\x07b",
        "Fase 1\u20e3",  # around an ordinary digit
        "\u0e01\u0e47",
        "\u0bb5\u0ba3\u0b95\u0bcd",
    ],
)
def test_a_name_that_no_font_can_show_stops_nobody(close, server, project, name):
    Project.objects.filter(pk=project.pk).update(name=name)
    close(SEPTEMBER)

    make_documents()

    statement = Statement.objects.get()
    assert statement.lines.get().project_name == name
    assert bytes(statement.document).startswith(b"%PDF")


def test_many_characters_that_no_font_has_take_no_longer_than_a_few(monkeypatch):
    tries = []

    def compile_latin(data: str, issued_at: int) -> bytes:
        tries.append(data)
        strange = [mark for mark in data if mark >= "\u4e00"]
        if strange:
            raise typst.TypstError(f'the text `"{strange[0]}"` could not be displayed')
        return data.encode()

    monkeypatch.setattr(render, "_compile", compile_latin)
    many = "".join(chr(0x4E00 + number) for number in range(500))

    assert render.render(f"Caf\u00e9 \u2013 {many}", 0).decode() == f"Caf\u00e9 \u2013 {'?' * 500}"
    assert len(tries) <= 21


@pytest.mark.parametrize("trouble", [DocumentFailed("the renderer said no"), OSError("said no")])
def test_what_fails_keeps_no_other_and_is_tried_again(trouble, close, server, monkeypatch, caplog):
    used(make_project(make_organization(name="Andere dienst")), day(1), day(3))
    close(SEPTEMBER)

    def fail_for_the_first(statement: Statement) -> bytes:
        if statement.sequence == 1:
            raise trouble
        return b"%PDF"

    with monkeypatch.context() as patch:
        patch.setattr(documents, "make_document", fail_for_the_first)
        make_documents()
    assert documents_made() == [b"", b"%PDF"]
    assert "said no" in caplog.text

    make_documents()
    assert documents_made()[0].startswith(b"%PDF-1.")
    assert documents_made()[1] == b"%PDF"


@pytest.mark.parametrize("end", [SystemExit("out of power"), SoftTimeLimitExceeded()])
def test_a_worker_that_dies_half_way_leaves_the_rest_to_the_next(end, close, server, monkeypatch):
    used(make_project(make_organization(name="Andere dienst")), day(1), day(3))
    close(SEPTEMBER)

    asked = []

    def die_at_the_second(statement: Statement) -> bytes:
        asked.append(statement.sequence)
        if len(asked) == 2:
            raise end
        return b"%PDF"

    with monkeypatch.context() as patch:
        patch.setattr(documents, "make_document", die_at_the_second)
        with pytest.raises(type(end)):
            make_documents()

    make_documents()
    made = dict(zip((1, 2), documents_made(), strict=True))
    assert made[asked[0]] == b"%PDF"
    assert made[asked[1]].startswith(b"%PDF-1.")


def test_no_document_takes_all_the_time_of_the_task():
    assert pdf._PATIENCE * 2 < settings.CELERY_TASK_SOFT_TIME_LIMIT


@pytest.mark.django_db(transaction=True)
def test_two_make_it_at_once_and_the_first_stays(close, server, monkeypatch):
    close(SEPTEMBER)
    made = iter([b"one", b"other"])
    monkeypatch.setattr(documents, "make_document", meeting(lambda _statement: next(made)))

    assert at_once(make_documents, make_documents) == ["done", "done"]

    statement = Statement.objects.get()
    assert statement.document_sha256 == hashlib.sha256(statement.document).hexdigest()
    assert bytes(statement.document) in (b"one", b"other")


def test_what_the_renderer_says_is_told(close, server, monkeypatch):
    close(SEPTEMBER)
    monkeypatch.setattr(pdf, "_data_of", lambda statement: {})

    with pytest.raises(DocumentFailed, match="title"):
        make_document(Statement.objects.get())


def test_the_renderer_takes_no_more_than_it_may(close, server, monkeypatch):
    monkeypatch.setattr(render, "render", lambda data, issued_at: b"")
    limits: list[Any] = []
    monkeypatch.setattr("resource.setrlimit", lambda what, limit: limits.append((what, limit)))
    monkeypatch.setattr("json.load", lambda file: {"data": "", "issued_at": 0})

    render.main()

    assert limits == [(render.resource.RLIMIT_AS, (render.MOST_MEMORY, render.MOST_MEMORY))]


# --- many lines --------------------------------------------------------------------------------


@pytest.fixture
def many(close, server, project, service):
    """Five lines: one of a server, and four of gateways in two projects at two prices."""
    other = make_project(service, name="Archief")
    set_price("1.00", sku="gateway")
    set_price("2.00", sku="gateway", organization=service, since=day(16))
    for place in (project, other):
        used(place, day(1), sku=SkuFactory(code="gateway"))
    close(SEPTEMBER)
    return Statement.objects.get()


@pytest.mark.parametrize(
    ("most", "rows"),
    [
        (
            3,
            [
                ["Archief", "gateway (nl)", "2 regels", "€\xa01,50"],
                ["Zaaksysteem", "gateway (nl)", "2 regels", "€\xa01,50"],
                ["Zaaksysteem", "server.gp.small (nl)", "1 regel", "€\xa038,40"],
            ],
        ),
        (
            2,
            [
                ["Alle projecten", "gateway (nl)", "4 regels", "€\xa03,00"],
                ["Alle projecten", "server.gp.small (nl)", "1 regel", "€\xa038,40"],
            ],
        ),
    ],
)
def test_of_many_lines_the_document_has_sums(many, monkeypatch, most, rows):
    monkeypatch.setattr(pdf, "MOST_ROWS", most)

    with override("nl"):
        data = _data_of(many)

    assert data["heading"] == "Bedragen van de regels samen"
    assert many.content_sha256 in data["note"]
    assert "5 regels" in data["note"]
    assert [[text for text, _small in row] for row in data["rows"]] == rows
    assert make_document(many).startswith(b"%PDF-1.")


def test_of_few_lines_the_document_has_each(close, server):
    close(SEPTEMBER)

    with override("nl"):
        data = _data_of(Statement.objects.get())

    assert (data["heading"], data["note"], len(data["rows"])) == ("Regels", "", 1)
