"""The operators' pages: what runs, what waits, what needs a person, and what they do about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from catalog.models import (
    Operation,
    OperationKind,
    OperationState,
    Solution,
    SolutionState,
    Step,
    StepFault,
    StepState,
)
from catalog.services.resources import act_on_resource
from catalog.services.solutions import solve_operation
from portal.identity.models import LoginSession, Role
from portal.identity.oidc.assurance import Assurance
from tests.factories import (
    PersonFactory,
    begun,
    delivered,
    failed,
    grant,
    make_project,
    place,
    stuck,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
LIST = "/operations"


@pytest.fixture
def operator(project):
    person = PersonFactory(name="Ali")
    grant(person, Role.OPERATOR, project.parent)
    return person


@pytest.fixture
def colleague(project):
    person = PersonFactory(name="Bea")
    grant(person, Role.OPERATOR, project)
    return person


@pytest.fixture
def order(requester, project, version, sent_tasks):
    def make(name):
        return place(requester, project, version, name=name)

    return make


@pytest.fixture
def hanging(order, approver):
    operation = stuck(order("hangt"), approver=approver)
    operation.steps.filter(position=1).update(
        fault=StepFault.REFUSED,
        last_error="No more <b>addresses</b>",
        last_request_id="req-7d41",
        attempts=4,
    )
    return operation


@pytest.fixture
def running(order, approver):
    return begun(order("loopt"), approver=approver)


def get(client, person, path):
    client.cookies["cloudloket-language"] = "en"
    response = log_in(client, person).get(path)
    return response.status_code, response.content.decode()


def url(thing, name="operation"):
    return reverse(f"catalog:{name}", args=[thing.public_id])


class TestList:
    def test_tells_what_hangs_why_and_with_which_request(self, client, operator, hanging, running):
        status, text = get(client, operator, LIST)

        assert status == 200
        assert "Needs a person (1)" in text
        assert "Waits (1)" in text
        assert "Runs (0)" in text
        assert "1 of 7: Room in the cloud" in text
        assert "The cloud refused this step." in text
        assert "No more &lt;b&gt;addresses&lt;/b&gt;" in text
        assert "req-7d41" in text
        assert url(hanging, "operation-resume") in text
        assert url(running) not in text

    def test_looks_again_without_keeping_anybody_logged_in(self, client, operator, hanging):
        _status, text = get(client, operator, f"{LIST}?group=waiting&page=1")

        assert 'hx-get="/operations?group=waiting&amp;page=1" hx-trigger="every 15s"' in text
        assert "X-Cloudloket-Poll" in text
        seen = LoginSession.objects.get().last_seen_at
        LoginSession.objects.update(last_seen_at=seen - timedelta(minutes=5))
        client.get(LIST, headers={"X-Cloudloket-Poll": "1"})
        assert LoginSession.objects.get().last_seen_at == seen - timedelta(minutes=5)

    @pytest.mark.parametrize(
        ("state", "group"),
        [
            (StepState.TODO, "waiting"),
            (StepState.AWAITING, "waiting"),
            (StepState.RUNNING, "running"),
        ],
    )
    def test_puts_each_where_it_belongs(self, client, operator, running, state, group):
        lease = now() if state == StepState.RUNNING else None
        running.steps.filter(position=1).update(state=state, leased_until=lease)

        for other in ("stuck", "waiting", "running"):
            _status, text = get(client, operator, f"{LIST}?group={other}")
            assert (url(running) in text) == (other == group)

    def test_says_what_is_waited_for(self, client, operator, running):
        page = f"{LIST}?group=waiting"
        assert "It waits for its turn." in get(client, operator, page)[1]

        running.steps.filter(position=1).update(
            failures=2, due_at=now() + timedelta(minutes=1), fault=StepFault.UNAVAILABLE
        )
        assert "The cloud does not answer." in get(client, operator, page)[1]

    def test_oldest_trouble_stands_on_top(self, client, operator, order, approver):
        ages = {"jong": 1, "oud": 9, "midden": 4}
        for name, hours in ages.items():
            operation = stuck(order(name), approver=approver)
            Operation.objects.filter(pk=operation.pk).update(
                failed_at=now() - timedelta(hours=hours)
            )

        _status, text = get(client, operator, LIST)

        assert text.index(">oud<") < text.index(">midden<") < text.index(">jong<")

    def test_says_that_it_is_good_when_nothing_hangs(self, client, operator, running):
        assert "Nothing waits for a person" in get(client, operator, LIST)[1]
        assert "Nothing is being done" in get(client, operator, f"{LIST}?group=running")[1]
        assert "Nothing waits for a person" in get(client, operator, f"{LIST}?group=nonsense")[1]

    def test_auditor_reads_and_has_no_buttons(self, client, project, hanging):
        auditor = PersonFactory()
        grant(auditor, Role.AUDITOR, project)

        status, text = get(client, auditor, LIST)

        assert (status, "req-7d41" in text) == (200, True)
        assert url(hanging, "operation-resume") not in text
        status, text = get(client, auditor, url(hanging))
        assert status == 200
        assert "What you can do" not in text

    def test_other_places_stay_out_of_sight(self, client, hanging):
        stranger = PersonFactory()
        grant(stranger, Role.OPERATOR, make_project())

        status, text = get(client, stranger, LIST)

        assert (status, "hangt" in text) == (200, False)
        assert get(client, stranger, url(hanging))[0] == 404

    def test_other_roles_are_refused(self, client, requester, hanging):
        assert get(client, requester, LIST)[0] == 403
        assert get(client, requester, url(hanging))[0] == 302  # to its resource

    def test_number_of_questions_does_not_grow(self, client, operator, order, approver):
        counts = []
        for names in (["een"], ["twee", "drie", "vier"]):
            for name in names:
                stuck(order(name), approver=approver)
            log_in(client, operator)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(LIST).status_code == 200
            counts.append(len(queries))

        assert counts[0] == counts[1]

    def test_has_pages(self, client, operator, order, approver, monkeypatch):
        monkeypatch.setattr("catalog.views.work.PAGE_SIZE", 1)
        for name in ("een", "twee"):
            stuck(order(name), approver=approver)

        _status, text = get(client, operator, f"{LIST}?group=stuck&page=2")

        assert ">twee<" in text
        assert ">een<" not in text

    def test_menu_counts_what_waits_for_the_operator(self, client, operator, hanging):
        _status, text = get(client, operator, "/")

        assert f'href="{LIST}"' in text
        assert "Work in the cloud" in text


class TestDetail:
    def test_tells_everything_of_every_step(self, client, operator, hanging):
        hanging.steps.filter(position=1).update(remakes=2, external_id="project-1")

        _status, text = get(client, operator, url(hanging))

        assert text.count('class="cl-step cl-step--') == Step.objects.count()
        for words in ("4 attempts", "Made anew 2 times.", "req-7d41", "project-1"):
            assert words in text
        assert 'hx-trigger="every' not in text

    def test_looks_again_while_something_moves(self, client, operator, running):
        running.steps.filter(position=1).update(
            state=StepState.AWAITING, attempts=1, started_at=now()
        )

        _status, text = get(client, operator, url(running))

        assert 'hx-trigger="every 2s"' in text
        assert "a person must look." in text

    def test_resuming_leads_back_to_the_page(self, client, operator, hanging):
        back = {"back": "operation"}
        response = log_in(client, operator).post(url(hanging, "operation-resume"), back)

        assert response["Location"] == url(hanging)
        hanging.refresh_from_db()
        assert hanging.state == OperationState.RUNNING

    def test_trying_again_from_an_earlier_step(self, client, operator, hanging):
        hanging.steps.filter(position__lt=3).update(state=StepState.DONE, finished_at=now())
        hanging.steps.filter(position=3).update(state=StepState.FAILED)
        _status, text = get(client, operator, url(hanging))
        assert '<option value="2">2. Disk</option>' in text
        assert '<option value="3">' not in text

        client.post(url(hanging, "operation-retry"), {"position": "2", "back": "operation"})

        states = hanging.steps.values_list("state", flat=True)[:3]
        assert list(states) == [StepState.DONE, StepState.TODO, StepState.TODO]

    @pytest.mark.parametrize("position", ["", "7", "-1", "x", "²", "99999999999999999999"])
    def test_step_that_is_none_changes_nothing(self, client, operator, hanging, position):
        log_in(client, operator)
        back = {"position": position, "back": "operation"}
        response = client.post(url(hanging, "operation-retry"), back, follow=True)

        assert "vanaf die stap kan het niet opnieuw" in response.content.decode().lower()
        hanging.refresh_from_db()
        assert hanging.state == OperationState.FAILED

    def test_requester_resumes_but_chooses_no_step(self, client, requester, hanging):
        log_in(client, requester)

        assert client.post(url(hanging, "operation-retry"), {"position": "1"}).status_code == 403
        assert client.post(url(hanging, "operation-resume")).status_code == 302


class TestStopping:
    def test_page_names_what_is_stopped(self, client, requester, running):
        status, text = get(client, requester, url(running, "operation-cancel"))

        assert status == 200
        assert "stop the work on virtual server loopt?" in text

    def test_delivery_is_undone(self, client, requester, running):
        response = log_in(client, requester).post(url(running, "operation-cancel"))

        order = running.resource.order_line.order
        assert response["Location"] == reverse("catalog:order", args=[order.public_id])
        running.refresh_from_db()
        assert running.state == OperationState.CANCELED
        assert Operation.objects.filter(kind=OperationKind.COMPENSATE).count() == 1

    def test_order_page_offers_it_while_it_runs(self, client, requester, running):
        address = reverse("catalog:order", args=[running.resource.order_line.order.public_id])
        assert url(running, "operation-cancel") in get(client, requester, address)[1]

        client.post(url(running, "operation-cancel"))

        assert url(running, "operation-cancel") not in get(client, requester, address)[1]

    def test_what_a_worker_holds_is_said_to_be_stopping(self, client, operator, running):
        later = now() + timedelta(minutes=1)
        running.steps.filter(position=1).update(state=StepState.RUNNING, leased_until=later)
        log_in(client, operator).post(url(running, "operation-cancel"), {"back": "operation"})

        _status, text = get(client, operator, url(running))

        assert "Being stopped" in text
        assert url(running, "operation-cancel") not in text

    def test_what_ended_leads_to_where_it_is(self, client, operator, running):
        log_in(client, operator).post(url(running, "operation-cancel"))

        address = f"{url(running, 'operation-cancel')}?back=operation"
        assert client.get(address)["Location"] == url(running)


class TestSolving:
    @pytest.fixture
    def known(self, hanging):
        hanging.steps.filter(name="server").update(external_id="server-1")
        return hanging

    def test_two_operators_and_it_runs(self, client, operator, colleague, known):
        _status, text = get(client, operator, url(known, "operation-solve"))
        assert "From then on it costs money." in text
        client.post(url(known, "operation-solve"), {"reason": "Zelf <i>hersteld</i>"})
        solution = Solution.objects.get()
        _status, text = get(client, operator, url(known))
        assert "To be confirmed" in text
        assert url(solution, "solution-confirm") not in text

        _status, text = get(client, colleague, url(known))
        assert "Zelf &lt;i&gt;hersteld&lt;/i&gt;" in text
        client.post(url(solution, "solution-confirm"))

        known.refresh_from_db()
        assert known.state == OperationState.SOLVED
        assert "Solved by hand" in get(client, colleague, url(known))[1]

    def test_reason_is_asked_for_at_its_field(self, client, operator, known):
        log_in(client, operator)
        response = client.post(url(known, "operation-solve"), {"reason": "  "})

        assert response.status_code == 422
        assert 'id="reason-error"' in response.content.decode()
        assert not Solution.objects.exists()

    def test_reason_that_is_too_long_is_kept(self, client, operator, known):
        log_in(client, operator)
        response = client.post(url(known, "operation-solve"), {"reason": "x" * 501})

        assert response.status_code == 422
        assert "x" * 501 in response.content.decode()

    def test_own_word_is_not_confirmed(self, client, operator, known):
        solution = solve_operation(known.public_id, actor=operator, reason="Zelf hersteld")

        response = log_in(client, operator).post(url(solution, "solution-confirm"))

        assert response.status_code == 403
        solution.refresh_from_db()
        assert solution.state == SolutionState.PROPOSED

    def test_refusing_asks_why(self, client, operator, colleague, known):
        solution = solve_operation(known.public_id, actor=operator, reason="Zelf hersteld")
        log_in(client, colleague)

        assert client.post(url(solution, "solution-refuse"), {"reason": ""}).status_code == 422
        client.post(url(solution, "solution-refuse"), {"reason": "Staat er niet"})

        assert "Staat er niet" in get(client, operator, url(known))[1]
        assert url(known, "operation-solve") in get(client, operator, url(known))[1]

    def test_word_is_taken_back(self, client, operator, known):
        solution = solve_operation(known.public_id, actor=operator, reason="Zelf hersteld")

        log_in(client, operator).post(url(solution, "solution-withdraw"))

        solution.refresh_from_db()
        assert solution.state == SolutionState.WITHDRAWN

    def test_weak_login_comes_back_to_what_was_typed(self, client, operator, known):
        client.cookies["cloudloket-language"] = "en"
        log_in(client, operator, level=Assurance.LOW)
        response = client.post(url(known, "operation-solve"), {"reason": "Zelf hersteld"})

        assert response.status_code == 302
        assert "level=substantial" in response["Location"]
        assert not Solution.objects.exists()

    def test_action_is_solved_at_once(self, client, operator, order, approver, requester):
        resource = delivered(order("draait"), approver=approver)
        action = failed(act_on_resource(resource.public_id, action="stop", actor=requester))

        log_in(client, operator).post(url(action, "operation-solve"), {"reason": "Zelf gestopt"})

        action.refresh_from_db()
        assert action.state == OperationState.SOLVED
        address = reverse("catalog:resource", args=[resource.public_id])
        assert 'id="progress-heading"' not in get(client, requester, address)[1]
