"""The pages of one organization or project: who sees it, who changes it, what they read."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import localdate, now

from portal.audit.models import AuditEntry
from portal.identity.models import CostCentre, DataOwner, Node, Role, VatTreatmentPeriod
from portal.identity.services.facts import set_cost_centre, set_data_owner
from tests.factories import PersonFactory, administrator_of, grant, make_organization, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db

ORGANIZATION_FORMS = ["edit", "add-organization", "add-project"]
FACT_FORMS = ["cost-centre", "data-owner"]
ROLES_WITHOUT = sorted(set(Role) - {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR})


@pytest.fixture
def ministry():
    return make_organization(name="Ministerie")


@pytest.fixture
def directorate(ministry):
    return make_organization(ministry, name="Directie")


@pytest.fixture
def project(directorate):
    return make_project(directorate, name="Zaaksysteem")


@pytest.fixture
def administrator(directorate):
    return administrator_of(directorate)


def address(node, *rest):
    return "/".join(["/organizations", str(node.public_id), *rest])


def with_role(role, node):
    person = PersonFactory()
    grant(person, role, node)
    return person


def stored():
    """All that a form here may change."""
    models = (Node, CostCentre, DataOwner, VatTreatmentPeriod)
    return [list(model.objects.order_by("pk").values()) for model in models]


def text_of(response):
    return response.content.decode()


class TestWhoSees:
    @pytest.mark.parametrize("role", [Role.QUOTA_ADMINISTRATOR, Role.AUDITOR])
    @pytest.mark.parametrize("language", ["nl", "en"])
    def test_administrators_and_auditors(self, client, directorate, project, role, language):
        client.cookies["cloudloket-language"] = language
        log_in(client, with_role(role, directorate))

        for node in (directorate, project):
            assert client.get(address(node)).status_code == 200

    @pytest.mark.parametrize("role", ROLES_WITHOUT)
    def test_other_roles_may_not(self, client, project, role):
        log_in(client, with_role(role, project))

        assert client.get(address(project)).status_code == 403

    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize(
        "form", ["", *ORGANIZATION_FORMS, *FACT_FORMS, "vat-treatment", "move", "end"]
    )
    def test_another_tenant_does_not_exist(self, client, directorate, role, form):
        log_in(client, with_role(role, make_organization()))
        page = address(directorate, *filter(None, [form]))
        before = stored()

        assert client.get(page).status_code == 404
        if form:
            assert client.post(page, {"name": "Gekaapt"}).status_code == 404
        assert stored() == before

    def test_what_stands_above_does_not_exist_either(
        self, client, ministry, directorate, administrator
    ):
        log_in(client, administrator)

        assert client.get(address(ministry)).status_code == 404
        page = text_of(client.get(address(directorate)))
        assert str(ministry.public_id) not in page

    @pytest.mark.parametrize("form", ["", *ORGANIZATION_FORMS, *FACT_FORMS])
    def test_a_stranger_logs_in_first(self, client, directorate, form):
        page = address(directorate, *filter(None, [form]))

        assert client.get(page).headers["Location"].startswith("/login")

    def test_what_nobody_has(self, client, administrator):
        log_in(client, administrator)

        assert client.get(f"/organizations/{uuid4()}").status_code == 404


class TestWhoChanges:
    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.QUOTA_ADMINISTRATOR}))
    @pytest.mark.parametrize(
        "form", [*ORGANIZATION_FORMS, *FACT_FORMS, "vat-treatment", "move", "end"]
    )
    def test_other_roles_may_not_and_a_try_is_written_down(self, client, directorate, role, form):
        person = with_role(role, directorate)
        log_in(client, person)
        before = stored()

        assert client.get(address(directorate, form)).status_code == 403
        assert not AuditEntry.objects.filter(event="node.change_refused").exists()
        assert client.post(address(directorate, form), {"name": "x"}).status_code == 403

        assert stored() == before
        assert AuditEntry.objects.get(event="node.change_refused").actor_id == person.pk

    def test_an_auditor_sees_no_buttons(self, client, directorate):
        log_in(client, with_role(Role.AUDITOR, directorate))
        page = text_of(client.get(address(directorate)))

        for form in (*ORGANIZATION_FORMS, *FACT_FORMS, "vat-treatment", "move", "end"):
            assert address(directorate, form) not in page

    def test_vat_and_moving_are_for_who_administers_from_above(
        self, client, ministry, directorate, administrator
    ):
        log_in(client, administrator)
        page = text_of(client.get(address(directorate)))
        assert address(directorate, "vat-treatment") not in page
        assert address(directorate, "move") not in page
        assert client.get(address(directorate, "vat-treatment")).status_code == 403
        assert "rsin" not in text_of(client.get(address(directorate, "edit")))

        log_in(client, administrator_of(ministry))
        page = text_of(client.get(address(directorate)))
        assert address(directorate, "vat-treatment") in page
        assert address(directorate, "move") in page
        assert "rsin" in text_of(client.get(address(directorate, "edit")))

    def test_nothing_of_what_has_ended(self, client, directorate, project, administrator):
        Node.objects.filter(pk=project.pk).update(ended_at=now())
        log_in(client, administrator)

        page = text_of(client.get(address(project)))
        assert "Beëindigd" in page
        assert address(project, "edit") not in page
        values = {"name": "Anders", "code": project.code}
        assert client.post(address(project, "edit"), values).status_code == 409

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_other_methods(self, client, directorate, administrator, method):
        log_in(client, administrator)

        for form in ("edit", "move", "end"):
            assert getattr(client, method)(address(directorate, form)).status_code == 405
        assert client.post(address(directorate)).status_code == 405


class TestForms:
    def test_adding_a_project(self, client, directorate, administrator):
        log_in(client, administrator)
        answers = {
            "name": "Meetnet",
            "code": "meetnet",
            "description": "Metingen",
        }

        response = client.post(address(directorate, "add-project"), answers)

        made = Node.objects.get(code="meetnet").project
        assert (response.status_code, response.headers["Location"]) == (303, address(made))
        assert made.parent_id == directorate.pk
        assert made.protection_level is None

    def test_adding_an_organization(self, client, directorate, administrator):
        log_in(client, administrator)
        answers = {"name": "Afdeling", "code": "afdeling", "kvk_number": "12345678"}

        client.post(address(directorate, "add-organization"), answers)

        assert Node.objects.get(code="afdeling").organization.kvk_number == "12345678"

    def test_a_project_has_no_parts(self, client, project, administrator):
        log_in(client, administrator)

        for form in ("add-project", "add-organization", "vat-treatment"):
            assert client.get(address(project, form)).status_code in {403, 404}

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 121}, "name"),
            ({"name": "a\x00b"}, "name"),
            ({"name": "a\u200bb"}, "name"),
            ({"code": "met spatie"}, "code"),
            ({"code": "<b>"}, "code"),
            ({"code": "x" * 41}, "code"),
            ({"oin": "12"}, "oin"),
            ({"kvk_number": "x"}, "kvk_number"),
            ({"rsin": "123456789"}, "rsin"),
        ],
    )
    def test_a_mistake_is_at_its_field_and_nothing_is_lost(
        self, client, directorate, administrator, changes, field
    ):
        log_in(client, administrator)
        answers = {"name": "Afdeling <b>", "code": "afdeling", "oin": "", "rsin": ""} | changes
        before = stored()

        response = client.post(address(directorate, "add-organization"), answers)

        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
        page = text_of(response)
        assert "<title>Fout:" in page
        assert field == "name" or "Afdeling &lt;b&gt;" in page
        assert stored() == before

    def test_what_is_taken_is_said(self, client, directorate, project, administrator):
        log_in(client, administrator)
        answers = {"name": project.name, "code": project.code}

        response = client.post(address(directorate, "add-project"), answers)

        assert set(response.context["form"].errors) == {"name", "code"}

    def test_editing_shows_what_is_there(self, client, project, administrator):
        log_in(client, administrator)

        form = client.get(address(project, "edit")).context["form"]
        assert (form["name"].value(), form["code"].value()) == ("Zaaksysteem", project.code)

        answers = {"name": "Zaken", "code": project.code, "description": "Werk"}
        assert client.post(address(project, "edit"), answers).status_code == 303
        project.refresh_from_db()
        assert (project.name, project.description) == ("Zaken", "Werk")

    def test_an_empty_form_is_a_mistake_too(self, client, project, administrator):
        log_in(client, administrator)

        assert client.post(address(project, "edit"), {}).status_code == 422


class TestFacts:
    def test_an_owner_is_chosen_from_who_works_here(self, client, ministry, project, administrator):
        boss = with_role(Role.AUDITOR, ministry)
        stranger = with_role(Role.AUDITOR, make_organization())
        log_in(client, administrator)
        page = text_of(client.get(address(project, "data-owner")))
        assert str(boss.public_id) in page
        assert str(stranger.public_id) not in page

        today = localdate().strftime("%d-%m-%Y")
        wrong = {"owner": str(stranger.public_id), "starts_on": today}
        assert client.post(address(project, "data-owner"), wrong).status_code == 422
        right = wrong | {"owner": str(boss.public_id)}
        assert client.post(address(project, "data-owner"), right).status_code == 303

        assert DataOwner.objects.get().owner == boss
        assert boss.name in text_of(client.get(address(project)))

    @pytest.mark.parametrize("starts_on", ["", "gisteren", "31-02-2027", "01-01-2020", "1-1-9999"])
    def test_a_day_that_cannot_be(self, client, project, administrator, starts_on):
        log_in(client, administrator)
        answers = {"code": "410210", "name": "Water", "starts_on": starts_on}

        response = client.post(address(project, "cost-centre"), answers)

        assert response.status_code == 422
        assert list(response.context["form"].errors) == ["starts_on"]
        assert "410210" in text_of(response)
        assert not CostCentre.objects.exists()

    def test_an_old_login_comes_back_to_what_was_typed(self, client, project, administrator):
        log_in(client, administrator, age_seconds=3600)
        page = address(project, "cost-centre")
        answers = {"code": "410210", "name": "Water", "starts_on": "01-12-2027"}

        response = client.post(page, answers)

        assert response.status_code == 302
        assert "/login/local?" in response.headers["Location"]
        assert not CostCentre.objects.exists()
        token = client.session["kept_input"]["token"]
        back = client.get(page, {"kept": token})
        assert back.context["form"]["code"].value() == "410210"
        assert back.context["form"]["starts_on"].value() == "01-12-2027"

    def test_appointing_an_owner_asks_for_no_fresh_login(self, client, project, administrator):
        log_in(client, administrator, age_seconds=3600)
        answers = {"owner": str(administrator.public_id), "starts_on": str(localdate())}

        assert client.post(address(project, "data-owner"), answers).status_code == 303

    def test_another_name_asks_for_no_fresh_login(self, client, project, administrator):
        log_in(client, administrator, age_seconds=3600)
        answers = {"code": project.code, "name": "Anders"}

        assert client.post(address(project, "edit"), answers).status_code == 303
        project.refresh_from_db()
        assert project.name == "Anders"

    def test_history_and_plans_are_shown(self, client, directorate, project, administrator):
        for node, code, days in (
            (directorate, "100", 0),
            (project, "200", 9),
            (project, "300", 5),
        ):
            set_cost_centre(
                node.public_id,
                actor=administrator,
                code=code,
                name="Water",
                starts_on=localdate() + timedelta(days=days),
            )
        log_in(client, administrator)

        page = text_of(client.get(address(project)))

        assert "100 Water" in page
        assert "Directie" in page
        assert "(gepland)" in page
        assert "(vervangen voordat het inging)" in page

    def test_an_owner_who_left_stands_out(self, client, project, administrator):
        gone = with_role(Role.AUDITOR, project)
        set_data_owner(
            project.public_id, actor=administrator, owner=gone.public_id, starts_on=localdate()
        )
        gone.is_active = False
        gone.save(update_fields=["is_active"])
        log_in(client, administrator)

        assert "Account geblokkeerd" in text_of(client.get(address(project)))


class TestPage:
    def test_who_has_a_role_and_by_way_of_what(self, client, ministry, project, administrator):
        with_role(Role.REQUESTER, project)
        boss = with_role(Role.AUDITOR, ministry)
        log_in(client, administrator)

        page = text_of(client.get(address(project)))

        assert boss.name in page
        assert "via Ministerie" in page

    def test_names_are_text(self, client, directorate, administrator):
        make_project(directorate, name="<script>alert(1)</script>")
        log_in(client, administrator)

        assert "<script>alert" not in text_of(client.get(address(directorate)))

    def test_queries_do_not_depend_on_what_is_shown(
        self, client, directorate, project, administrator, django_assert_max_num_queries
    ):
        log_in(client, administrator)
        client.get(address(directorate))
        counts = []
        for more in (1, 6):
            for _number in range(more):
                with_role(Role.REQUESTER, directorate)
                make_project(directorate)
            with django_assert_max_num_queries(35) as captured:
                client.get(address(directorate))
            counts.append(len(captured))

        assert counts[0] == counts[1]
