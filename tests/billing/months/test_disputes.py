"""Disputing a line of a statement, and answering that."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from billing.closing_checks import find_findings
from billing.errors import (
    CreditTooHigh,
    DisputeSettled,
    LineDisputed,
    LineNotDisputable,
    OwnDispute,
)
from billing.models import Credit, Dispute, Statement, StatementLine
from billing.services.corrections import LateFacts
from billing.services.cost_lines import Costs
from billing.services.credits import propose_credit, take_back_credit
from billing.services.disputes import (
    grant_dispute,
    raise_dispute,
    refuse_dispute,
    take_back_dispute,
)
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Role
from tests.billing.downloads import download
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, lines_of
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization

pytestmark = pytest.mark.django_db
SIX = Decimal("6.00")


@pytest.fixture
def payer(service):
    person = PersonFactory(name="Bram Kok")
    grant(person, Role.FINANCE, service)
    return person


@pytest.fixture
def line(close, server) -> StatementLine:
    """38.40 of September."""
    close(SEPTEMBER)
    return StatementLine.objects.get()


@pytest.fixture
def dispute(line, payer) -> Dispute:
    return raise_dispute(line.public_id, reason="Die week lag het plat.", actor=payer)


def text(response) -> str:
    return response.content.decode()


class TestService:
    def test_what_is_granted_is_a_credit_on_the_next_statement(self, dispute, first, close):
        answered = grant_dispute(
            dispute.public_id, amount=SIX, answer="Storing in week 36.", actor=first
        )
        close(OCTOBER)

        credit = Credit.objects.get()
        assert (answered.state, answered.credit) == ("confirmed", credit)
        assert (credit.amount, credit.reason) == (SIX, "Storing in week 36.")
        october = Statement.objects.get(month__first_day__month=10)
        assert [row[0] for row in lines_of(october)] == ["usage", "credit"]
        events = AuditEntry.objects.filter(event__startswith="dispute.")
        assert [*events.order_by("pk").values_list("event", flat=True)] == [
            *("dispute.raised", "dispute.granted")
        ]

    def test_refused_it_stays_as_it_was_and_can_be_disputed_again(self, dispute, first, payer):
        refused = refuse_dispute(dispute.public_id, answer="Er was geen storing.", actor=first)

        assert (refused.state, refused.credit) == ("refused", None)
        assert not Credit.objects.exists()
        again = raise_dispute(dispute.line.public_id, reason="Toch wel.", actor=payer)
        assert again.state == "proposed"

    def test_taken_back_nobody_answers_any_more(self, dispute, payer, first):
        take_back_dispute(dispute.public_id, actor=payer)

        with pytest.raises(DisputeSettled):
            refuse_dispute(dispute.public_id, answer="Nee.", actor=first)
        with pytest.raises(DisputeSettled):
            take_back_dispute(dispute.public_id, actor=payer)

    def test_one_dispute_of_a_line_at_a_time(self, dispute, payer):
        with pytest.raises(LineDisputed):
            raise_dispute(dispute.line.public_id, reason="Nog eens.", actor=payer)

        assert Dispute.objects.count() == 1

    def test_what_was_given_back_whole_is_not_disputed(self, line, payer, first):
        propose_credit(line.public_id, amount=line.amount, reason="Storing", actor=first)

        with pytest.raises(LineNotDisputable):
            raise_dispute(line.public_id, reason="Te duur.", actor=payer)

    def test_what_is_given_back_is_not_disputed(self, line, payer, first, close):
        propose_credit(line.public_id, amount=SIX, reason="Storing", actor=first)
        close(OCTOBER)
        given = StatementLine.objects.get(kind="credit")

        with pytest.raises(StatementLine.DoesNotExist):
            raise_dispute(given.public_id, reason="Te weinig.", actor=payer)

    @pytest.mark.parametrize("reason", ["", "  ", "a" * 1001, "a\x00b", "\u202enaar"])
    def test_a_reason_that_is_none_changes_nothing(self, line, payer, reason):
        with pytest.raises(InvalidInput) as refusal:
            raise_dispute(line.public_id, reason=reason, actor=payer)

        assert list(refusal.value.errors) == ["reason"]
        assert not Dispute.objects.exists()

    @pytest.mark.parametrize(
        ("amount", "answer", "field"),
        [
            ("0", "Storing.", "amount"),
            ("-1", "Storing.", "amount"),
            ("0.001", "Storing.", "amount"),
            ("NaN", "Storing.", "amount"),
            ("6", "", "answer"),
            ("6", "a" * 301, "answer"),
        ],
    )
    def test_an_answer_that_is_none_changes_nothing(self, dispute, first, amount, answer, field):
        with pytest.raises(InvalidInput) as refusal:
            grant_dispute(dispute.public_id, amount=Decimal(amount), answer=answer, actor=first)

        dispute.refresh_from_db()
        assert list(refusal.value.errors) == [field]
        assert (dispute.state, Credit.objects.count()) == ("proposed", 0)

    def test_what_is_said_may_have_several_lines(self, line, payer, first):
        said = "Die week lag het plat.\r\n\r\nZie de melding."

        refused = refuse_dispute(
            raise_dispute(line.public_id, reason=said, actor=payer).public_id,
            answer="Nee.\nEcht niet.",
            actor=first,
        )
        again = raise_dispute(line.public_id, reason=said, actor=payer)
        granted = grant_dispute(again.public_id, amount=SIX, answer="Ja.\r\nToch.", actor=first)

        assert (refused.reason, refused.decision_reason) == (said, "Nee.\nEcht niet.")
        assert granted.credit.reason == granted.decision_reason == "Ja. Toch."

    def test_more_than_was_paid_is_not_given(self, dispute, first):
        with pytest.raises(CreditTooHigh):
            grant_dispute(dispute.public_id, amount=Decimal("38.41"), answer="Ja.", actor=first)

        dispute.refresh_from_db()
        assert dispute.state == "proposed"

    def test_only_finance_of_who_pays_disputes(self, line, service, first, second):
        approver, auditor, other = PersonFactory(), PersonFactory(), PersonFactory()
        grant(approver, Role.APPROVER, service)
        grant(auditor, Role.AUDITOR, service)

        for person in (approver, auditor, other, first):
            with pytest.raises(NotAllowed):
                raise_dispute(line.public_id, reason="Te duur.", actor=person)

    def test_who_pays_does_not_answer(self, dispute, payer, service):
        colleague = PersonFactory()
        grant(colleague, Role.FINANCE, service)

        for person in (payer, colleague):
            with pytest.raises(NotAllowed):
                grant_dispute(dispute.public_id, amount=SIX, answer="Ja.", actor=person)
        refusals = AuditEntry.objects.filter(event="dispute.answering_refused")
        assert refusals.count() == 2

    def test_nobody_answers_themselves(self, line, platform, service):
        both = PersonFactory(email="bram@dienst.example")
        twin = PersonFactory(email="BRAM@dienst.example")
        for person in (both, twin):
            grant(person, Role.FINANCE, platform)
            grant(person, Role.FINANCE, service)
        dispute = raise_dispute(line.public_id, reason="Te duur.", actor=both)

        with pytest.raises(OwnDispute):
            grant_dispute(dispute.public_id, amount=SIX, answer="Ja.", actor=both)
        with pytest.raises(SameHuman):
            refuse_dispute(dispute.public_id, answer="Nee.", actor=twin)

    def test_closing_says_that_something_waits(self, dispute, first):
        def told() -> list[str]:
            found = find_findings(OCTOBER, Costs(lines=()), late=LateFacts())
            return [finding.url for finding in found if not finding.is_blocking]

        assert "/costs/months/disputes" in told()
        refuse_dispute(dispute.public_id, answer="Nee.", actor=first)
        assert "/costs/months/disputes" not in told()


class TestDatabase:
    """What the code would not do, the database refuses."""

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ({"reason": "Anders."}, "never changes"),
            ({"state": "confirmed"}, "dispute_"),
            ({"state": "refused"}, "dispute_"),
        ],
    )
    def test_what_was_said_stays(self, dispute, change, constraint):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Dispute.objects.filter(pk=dispute.pk).update(**change)

    def test_an_answer_stays(self, dispute, first):
        refuse_dispute(dispute.public_id, answer="Nee.", actor=first)

        for change in ({"decision_reason": "Ja."}, {"state": "proposed"}):
            with (
                pytest.raises(IntegrityError, match="never changes"),
                transaction.atomic(),
            ):
                Dispute.objects.filter(pk=dispute.pk).update(**change)
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            Dispute.objects.all().delete()

    def test_nothing_begins_answered(self, line, payer, first):
        with (
            pytest.raises(IntegrityError, match="begins without an answer"),
            transaction.atomic(),
        ):
            Dispute.objects.create(
                line=line,
                reason="Te duur.",
                proposed_by=payer,
                proposed_at=now(),
                state="refused",
                decided_by=first,
                decided_at=now(),
                decision_reason="Nee.",
            )

    def test_what_was_given_back_is_neither_disputed_nor_given_back(
        self, line, payer, first, close
    ):
        propose_credit(line.public_id, amount=SIX, reason="Storing", actor=first)
        close(OCTOBER)
        given = StatementLine.objects.get(kind="credit")
        said = {"line": given, "reason": "Storing", "proposed_by": payer, "proposed_at": now()}

        with pytest.raises(IntegrityError, match="only what was charged"), transaction.atomic():
            Dispute.objects.create(**said)
        with pytest.raises(IntegrityError, match="nothing is given back"), transaction.atomic():
            Credit.objects.create(amount=1, **said)


class TestPages:
    def test_from_statement_to_answer(self, line, payer, first, close):
        payers, closers = visit_as(payer), visit_as(first)
        statement = f"/costs/months/statements/{line.statement.public_id}"
        new = f"/costs/months/lines/{line.public_id}/dispute"

        assert new in text(payers.get(statement))
        assert new not in text(closers.get(statement))
        sent = payers.post(new, {"reason": "Die week lag het plat."}, follow=True)
        assert "Waits for an answer" in text(sent)
        dispute = Dispute.objects.get()
        page = f"/costs/months/disputes/{dispute.public_id}"
        assert page in text(payers.get(statement))
        assert "1 line of a statement is disputed" in text(closers.get("/"))
        assert page in text(closers.get("/costs/months/disputes"))
        answered = closers.post(
            f"{page}/grant", {"answer": "Storing in week 36.", "amount": "6.00"}, follow=True
        )
        assert "€6.00 is given back on the statement of the next month" in text(answered)
        close(OCTOBER)
        assert "€6.00 was given back on statement 2026-000002" in text(payers.get(page))
        assert "1 line of a statement is disputed" not in text(closers.get("/"))

    def test_all_of_them_can_be_downloaded(self, dispute, payer, first, line):
        refuse_dispute(dispute.public_id, answer="Het draaide wel.", actor=first)
        raise_dispute(line.public_id, reason="=Toch niet.", actor=payer)
        client = visit_as(first)

        _head, waiting, refused = download(client, client.get("/costs/months/disputes?page=7"))

        assert (waiting[0], waiting[9:]) == ("Waits for an answer", ["'=Toch niet.", "", ""])
        assert refused[:8] == [
            *("Refused", "Dienst", "Zaaksysteem", line.service, "2026-000001", "2026-09"),
            *("38.4", "Bram Kok"),
        ]
        assert refused[9:] == ["Die week lag het plat.", "Het draaide wel.", ""]

    def test_its_file_says_what_was_given_back_once_it_was(self, dispute, first, close):
        grant_dispute(dispute.public_id, amount=SIX, answer="Ja.", actor=first)
        client = visit_as(first)

        (waiting,) = download(client, client.get("/costs/months/disputes"))[1:]
        coming = download(client, client.get("/costs/months/2026-10"))
        close(OCTOBER)
        (settled,) = download(client, client.get("/costs/months/disputes"))[1:]

        assert (waiting[0], waiting[-1]) == ("Granted", "")
        assert coming[1:] == [["Dienst", "32.4", "0", "6", "0"]]
        assert (settled[0], settled[-1]) == ("Granted", "6")

    def test_it_says_when_what_was_granted_was_taken_back(self, dispute, first, payer):
        granted = grant_dispute(dispute.public_id, amount=SIX, answer="Ja.", actor=first)
        take_back_credit(granted.credit.public_id, actor=first)

        page = text(visit_as(payer).get(f"/costs/months/disputes/{dispute.public_id}"))

        assert "You can dispute the line again" in page

    @pytest.mark.parametrize(
        ("act", "sent", "said"),
        [
            ("grant", {"answer": "Ja.", "amount": ""}, "Fill in an amount"),
            ("grant", {"answer": "Ja.", "amount": "veel"}, "Fill in an amount"),
            ("grant", {"answer": "", "amount": "6"}, "Fill this in."),
            ("refuse", {"answer": ""}, "Fill this in."),
            ("grant", {"answer": "Ja.", "amount": "38.41"}, "At most"),
        ],
    )
    def test_what_was_typed_wrong_is_kept(self, dispute, first, act, sent, said):
        response = visit_as(first).post(f"/costs/months/disputes/{dispute.public_id}/{act}", sent)

        assert response.status_code == 422
        assert said in text(response)
        assert all(value in text(response) for value in sent.values())
        dispute.refresh_from_db()
        assert dispute.state == "proposed"

    def test_no_page_reads_the_documents_of_what_it_names(self, dispute, payer, first, close):
        grant_dispute(dispute.public_id, amount=SIX, answer="Ja.", actor=first)
        close(OCTOBER)
        visit, line = visit_as(payer), dispute.line

        for page in (
            "/costs/months/disputes",
            f"/costs/months/disputes/{dispute.public_id}",
            f"/costs/months/lines/{line.public_id}/dispute",
            f"/costs/months/statements/{line.statement.public_id}",
        ):
            with CaptureQueriesContext(connection) as asked:
                assert visit.get(page).status_code == 200
            assert [query["sql"] for query in asked if '."document"' in query["sql"]] == []

    def test_it_is_taken_back_on_its_page(self, dispute, payer):
        visit = visit_as(payer)
        page = f"/costs/months/disputes/{dispute.public_id}"

        assert f"{page}/grant" not in text(visit.get(page))
        assert "Taken back" in text(visit.post(f"{page}/take-back", follow=True))

    def test_others_see_nothing_of_it(self, dispute):
        stranger = PersonFactory()
        grant(stranger, Role.FINANCE, dispute.line.project.parent.parent)
        outsider = visit_as(PersonFactory())

        assert (
            visit_as(stranger).get(f"/costs/months/disputes/{dispute.public_id}").status_code == 200
        )
        assert outsider.get("/costs/months/disputes").status_code == 403
        assert outsider.get(f"/costs/months/disputes/{dispute.public_id}").status_code == 403
        elsewhere = PersonFactory()
        grant(elsewhere, Role.FINANCE, make_organization(name="Andere dienst"))
        page = f"/costs/months/disputes/{dispute.public_id}"
        assert visit_as(elsewhere).get(page).status_code == 404
        assert visit_as(elsewhere).post(f"{page}/refuse", {"answer": "Nee."}).status_code == 404
