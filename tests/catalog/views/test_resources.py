"""The pages of resources: who sees them, what they say, and cleaning up."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from billing.services.metering import UsageTime, start_metering
from catalog.kinds import get_kind
from catalog.models import OperationKind, OperationState, Resource, ResourceState, StepState
from catalog.services.approvals import approve_order
from catalog.services.operations import start_operation
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, make_project, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db

ADDRESS = {"network": "intern", "address": "10.20.4.17", "version": 4, "type": "fixed"}


@pytest.fixture
def make_resource(requester, approver, project, version, sent_tasks):
    """Make a running server that has been metered for an hour."""

    def make(name="zaak-app", **changes):
        order = place(requester, project, version, name=name)
        approve_order(order.public_id, approver=approver, reason="")
        resource = Resource.objects.get(order_line__order=order)
        resource.operations.update(state=OperationState.SUCCEEDED)
        began = now() - timedelta(hours=1)
        fields = {"state": ResourceState.ACTIVE, "activated_at": began, **changes}
        fields.setdefault("facts", {"addresses": [ADDRESS]})
        Resource.objects.filter(pk=resource.pk).update(**fields)
        start_metering(
            public_id=resource.public_id,
            project=project,
            cloud=version.cloud,
            kind="server",
            name=name,
            openstack_id="",
            meters=get_kind("server").meters(version, resource.spec),
            time=UsageTime(cloud=None, intended=began, observed=began),
        )
        resource.refresh_from_db()
        return resource

    return make


@pytest.fixture
def resource(make_resource):
    return make_resource()


@pytest.fixture
def stranger():
    person = PersonFactory()
    grant(person, Role.REQUESTER, make_project())
    return person


def url(resource, name="resource"):
    return reverse(f"catalog:{name}", args=[resource.public_id])


def text_of(client, person, address):
    response = log_in(client, person).get(address)
    assert response.status_code == 200
    return response.content.decode()


class TestAccess:
    @pytest.mark.parametrize("name", ["resource", "resource-retire"])
    def test_nobody_gets_in_without_a_login(self, client, resource, name):
        response = client.get(url(resource, name))

        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("identity:login"))

    def test_another_tenant_finds_nothing(self, client, resource, stranger):
        log_in(client, stranger)

        assert client.get(url(resource)).status_code == 404
        assert client.get(url(resource, "resource-retire")).status_code == 404
        assert client.post(url(resource, "resource-retire")).status_code == 404
        assert "zaak-app" not in client.get(reverse("catalog:resources")).content.decode()

    def test_unknown_resource_is_not_found(self, client, requester):
        address = reverse("catalog:resource", args=[uuid4()])

        assert log_in(client, requester).get(address).status_code == 404

    @pytest.mark.parametrize("role", list(Role))
    def test_every_role_on_the_project_may_read(self, client, resource, project, role):
        person = PersonFactory()
        grant(person, role, project)

        assert "10.20.4.17" in text_of(client, person, url(resource))

    @pytest.mark.parametrize(
        "role", [Role.APPROVER, Role.FINANCE, Role.QUOTA_ADMINISTRATOR, Role.AUDITOR]
    )
    def test_who_only_reads_may_not_clean_up(self, client, resource, project, role):
        person = PersonFactory()
        grant(person, role, project)

        assert url(resource, "resource-retire") not in text_of(client, person, url(resource))
        assert client.get(url(resource, "resource-retire")).status_code == 403
        response = client.post(url(resource, "resource-retire"), {"confirmation": "zaak-app"})
        assert response.status_code == 403
        resource.refresh_from_db()
        assert resource.state == ResourceState.ACTIVE


class TestPage:
    def test_running_resource_shows_address_cost_and_order(self, client, resource, requester):
        text = text_of(client, requester, url(resource))

        assert "10.20.4.17" in text
        assert reverse("billing:resource-costs", args=[resource.public_id]) in text
        assert resource.order_line.order.number in text
        assert 'hx-trigger="every' not in text

    def test_page_of_its_costs_leads_back_and_to_the_order(self, client, resource, requester):
        text = text_of(
            client, requester, reverse("billing:resource-costs", args=[resource.public_id])
        )

        assert f'href="{url(resource)}"' in text
        order = resource.order_line.order
        assert f'href="{reverse("catalog:order", args=[order.public_id])}"' in text

    def test_cost_is_that_of_the_use(self, client, resource, requester):
        response = log_in(client, requester).get(url(resource))

        cost = response.context["month_cost"]
        assert Decimal("0") < cost.amount < Decimal("1")
        assert response.context["total_cost"].amount >= cost.amount

    def test_never_metered_has_no_costs(self, client, requester, project, version, approver):
        order = place(requester, project, version, name="nieuw")
        approve_order(order.public_id, approver=approver, reason="")

        text = text_of(client, requester, url(Resource.objects.get(name="nieuw")))
        assert "Nog geen kosten" in text
        assert 'hx-trigger="every 2s"' in text

    @pytest.mark.parametrize(
        ("days", "says"),
        [
            (-1, "is verstreken"),
            (0, "Loopt vandaag af"),
            (30, "Loopt over 30 dagen af"),
            (31, ""),
        ],
    )
    def test_end_date_warns_in_time(self, client, make_resource, requester, days, says):
        end_date = localdate() + timedelta(days=days)
        text = text_of(client, requester, url(make_resource(end_date=end_date)))

        known = ("is verstreken", "Loopt vandaag af", "Loopt over 30 dagen af")
        warnings = [words for words in known if words in text]
        assert warnings == ([says] if says else [])

    def test_hostile_facts_are_text(self, client, make_resource, requester):
        facts = {"addresses": [ADDRESS | {"network": "<script>alert(1)</script>"}]}

        assert "<script>alert" not in text_of(client, requester, url(make_resource(facts=facts)))

    @pytest.mark.parametrize(
        ("language", "words"), [("nl", "Bereikbaar op"), ("en", "Can be reached at")]
    )
    def test_both_languages(self, client, resource, requester, language, words):
        client.cookies["cloudloket-language"] = language

        assert words in text_of(client, requester, url(resource))


class TestRetiring:
    def test_confirmation_says_what_goes_and_what_comes_free(self, client, resource, requester):
        text = text_of(client, requester, url(resource, "resource-retire"))

        assert "gp.small, Debian 12, 40 GiB" in text
        assert "10.20.4.17" in text
        assert "geheugen 4" in text

    def test_typing_the_name_begins_to_clean_up(self, client, resource, requester):
        response = log_in(client, requester).post(
            url(resource, "resource-retire"), {"confirmation": " zaak-app "}
        )

        assert response.status_code == 303
        assert response.headers["Location"] == url(resource)
        text = client.get(url(resource)).content.decode()
        assert "Wordt opgeruimd" in text
        assert 'hx-trigger="every 2s"' in text
        assert 'data-cl-dialog="retire"' not in text

    @pytest.mark.parametrize("typed", ["", "zaak", "ZAAK-APP", "<b>", "zaak-app\x00", "x" * 5000])
    def test_another_name_stops_it_and_keeps_what_was_typed(
        self, client, resource, requester, typed
    ):
        response = log_in(client, requester).post(
            url(resource, "resource-retire"), {"confirmation": typed}
        )

        assert response.status_code == 422
        assert response.context["confirmation"] == typed
        resource.refresh_from_db()
        assert resource.state == ResourceState.ACTIVE

    @pytest.mark.parametrize(
        "state", [ResourceState.PROVISIONING, ResourceState.FAILED, ResourceState.RETIRING]
    )
    def test_what_does_not_run_is_not_cleaned_up(self, client, make_resource, requester, state):
        resource = make_resource(state=state)
        log_in(client, requester)

        response = client.post(url(resource, "resource-retire"), {"confirmation": resource.name})
        assert response.status_code == 409
        assert "Dit is niet gebeurd" in response.content.decode()
        assert client.get(url(resource, "resource-retire")).status_code == 302

    def test_stuck_retirement_can_be_tried_again(self, client, resource, requester):
        operation = start_operation(resource, OperationKind.RETIRE, requested_by=requester)
        operation.steps.filter(position=1).update(state=StepState.FAILED)
        operation.state = OperationState.FAILED
        operation.save(update_fields=["state"])
        Resource.objects.filter(pk=resource.pk).update(state=ResourceState.RETIRING)

        text = text_of(client, requester, url(resource))
        assert "Probeer opnieuw" in text
        assert "Draai de levering terug" not in text
        assert "Vraagt aandacht" in text
        response = client.post(reverse("catalog:operation-resume", args=[operation.public_id]))
        assert response.headers["Location"] == url(resource)

    def test_gone_resource_shows_how_it_went(self, client, make_resource, requester):
        resource = make_resource(state=ResourceState.RETIRED, retired_at=now())

        text = text_of(client, requester, url(resource))
        assert "Bereikbaar op" not in text
        assert 'hx-trigger="every' not in text


class TestList:
    def test_shows_what_exists_with_its_cost(self, client, make_resource, requester):
        make_resource("levend")
        make_resource("weg", state=ResourceState.RETIRED, retired_at=now())

        text = text_of(client, requester, reverse("catalog:resources"))
        assert "levend" in text
        assert ">weg<" not in text
        assert ">weg<" in text_of(
            client, requester, reverse("catalog:resources") + "?state=retired"
        )

    @pytest.mark.parametrize("words", ["zaak-a", "10.20.4.17", "Zaaksysteem"])
    def test_search_by_name_address_and_project(self, client, resource, requester, words):
        address = reverse("catalog:resources")
        log_in(client, requester)

        assert "zaak-app" in client.get(address, {"q": words}).content.decode()
        assert "zaak-app" not in client.get(address, {"q": f"{words}9"}).content.decode()

    @pytest.mark.parametrize(
        "query", ["?state=onzin", "?page=-1", "?page=x", "?page=99999999999", "?q=%00", "?q=%20"]
    )
    def test_nonsense_in_the_address_shows_the_list(self, client, resource, requester, query):
        assert "zaak-app" in text_of(client, requester, reverse("catalog:resources") + query)

    def test_empty_list_points_to_the_catalogue(self, client, requester):
        text = text_of(client, requester, reverse("catalog:resources"))

        assert reverse("catalog:catalogue") in text

    def test_queries_do_not_depend_on_the_number_of_resources(
        self, client, make_resource, requester, django_assert_max_num_queries
    ):
        log_in(client, requester)
        counts = []
        for wanted in (1, 6):
            while Resource.objects.count() < wanted:
                make_resource(f"server-{Resource.objects.count()}")
            with django_assert_max_num_queries(20) as captured:
                client.get(reverse("catalog:resources"))
            counts.append(len(captured))

        assert counts[0] == counts[1]
