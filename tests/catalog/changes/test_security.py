"""Who reaches a server changes while it runs: the rules of a group, and the groups it is in."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from django.urls import reverse
from django.utils.translation import override

from billing.models import UsageSpan
from catalog.kinds.security_group import SecurityGroup, read_rule
from catalog.models import Offering, OperationState, OrderState, StepState
from catalog.services.changes import changeable_parameters, clean_change, preview_change
from catalog.services.operations import abandon_operation, resume_operation
from catalog.services.undoing import cancel_operation
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.core.errors import InvalidInput
from tests.factories import OfferingVersionFactory, priced, reoffered
from tests.factories.catalog import SPEC
from tests.logins import log_in

pytestmark = pytest.mark.django_db

WEB, MAIL, DNS = "tcp 443 0.0.0.0/0", "tcp 25 10.0.0.0/8", "udp 53 10.0.0.0/8"


@pytest.fixture
def version(version):
    """The virtual server, which may be in groups and try another size."""
    return reoffered(version, extras=["security_groups", "resize_trial"])


@pytest.fixture
def group(run, version):
    """Delivers a security group of this name."""
    priced(security_group="0.00")
    offering = Offering.objects.create(code="groep", kind="security_group")
    offered = OfferingVersionFactory(offering=offering, cloud=version.cloud, choices={})

    def order(name="web", *rules):
        return run(offered, name=name, spec={"rules": "\n".join(rules or [WEB])})

    return order


def admitted(cloud, group):
    """What the cloud lets in, in its own order."""
    return cloud.things[group.cloud_ids["security_group"]].details["rules"]


def openings(*lines):
    return [asdict(read_rule(line)) for line in lines]


@pytest.fixture
def give_up(engine, requester):
    """Gives a change up that failed, and lets the engine come to rest."""

    def ask(operation, resource):
        engine.call(abandon_operation, operation.public_id, actor=requester)
        engine.run()
        resource.refresh_from_db()
        operation.order_line.order.refresh_from_db()
        assert operation.order_line.order.state == OrderState.CANCELED

    return ask


class TestRulesOfAGroup:
    @pytest.fixture
    def web(self, group):
        return group("web", WEB, MAIL)

    def test_what_comes_in_is_exactly_what_the_new_rules_say(self, change, cloud, web):
        operation = change(web, rules=f"{DNS}\n{WEB}")

        assert operation.state == OperationState.SUCCEEDED
        assert admitted(cloud, web) == openings(WEB, DNS)
        assert web.spec["rules"] == f"{DNS}\n{WEB}"

    def test_use_runs_on_whatever_the_rules_are(self, change, web):
        span = UsageSpan.objects.get(resource__public_id=web.public_id)
        assert (span.sku.code, span.quantity, span.ended_at) == ("security_group", 1, None)

        change(web, rules=DNS)

        assert UsageSpan.objects.get(resource__public_id=web.public_id) == span
        span.refresh_from_db()
        assert span.ended_at is None

    def test_one_from_before_groups_were_metered_is_so_from_its_next_change_on(
        self, change, group, monkeypatch
    ):
        with monkeypatch.context() as before:
            before.setattr(SecurityGroup, "meters", lambda *asked: [])
            old = group("oud")
        spans = UsageSpan.objects.filter(resource__public_id=old.public_id)
        assert not spans.exists()

        assert change(old, rules=DNS).state == OperationState.SUCCEEDED

        assert spans.get().sku.code == "security_group"

    def test_new_rules_hold_before_old_ones_go(self, change, cloud, web, engine, requester):
        cloud.fail_next("remove_other_security_rules", CloudRefused("no"))

        failed = change(web, rules=DNS)

        assert failed.state == OperationState.FAILED
        assert admitted(cloud, web) == openings(WEB, MAIL, DNS)
        engine.call(resume_operation, failed.public_id, actor=requester)
        engine.run()
        assert admitted(cloud, web) == openings(DNS)

    @pytest.mark.parametrize("call", ["ensure_security_rules", "remove_other_security_rules"])
    def test_lost_answer_leaves_each_rule_once(self, change, cloud, web, call):
        cloud.lose_next_reply(call)

        assert change(web, rules=DNS).state == OperationState.SUCCEEDED
        assert admitted(cloud, web) == openings(DNS)

    def test_worker_that_dies_half_way_is_followed_by_another(self, begin, cloud, web, engine):
        cloud.fail_next("remove_other_security_rules", CloudUnavailable("the worker was killed"))
        operation = begin(web, rules=DNS)
        engine.run_one()
        assert admitted(cloud, web) == openings(WEB, MAIL, DNS)

        engine.sweep()
        engine.run()

        operation.refresh_from_db()
        assert operation.state == OperationState.SUCCEEDED
        assert admitted(cloud, web) == openings(DNS)

    def test_change_that_is_given_up_brings_the_old_rules_back(self, change, cloud, web, give_up):
        cloud.lose_next_reply("remove_other_security_rules", CloudRefused("no"))
        failed = change(web, rules=DNS)
        assert admitted(cloud, web) == openings(DNS)

        give_up(failed, web)

        assert admitted(cloud, web) == openings(WEB, MAIL)
        assert web.spec["rules"] == f"{WEB}\n{MAIL}"

    def test_what_somebody_opened_in_the_cloud_is_closed(self, change, cloud, web):
        admitted(cloud, web).extend(openings("tcp 22 0.0.0.0/0"))

        change(web, rules=f"{WEB}\n{MAIL}\n{DNS}")

        assert admitted(cloud, web) == openings(WEB, MAIL, DNS)

    def test_group_that_is_gone_is_told(self, change, cloud, web):
        del cloud.things[web.cloud_ids["security_group"]]

        assert change(web, rules=DNS).state == OperationState.FAILED

    @override("en")
    def test_effects_say_for_whom_it_holds_and_that_something_stops(self, web):
        def effects(rules):
            return preview_change(web, clean_change(web, {"rules": rules}, None)).effects

        everywhere = "It holds for every server in the group. None of them restarts."
        stops = "What no rule lets in any more is stopped. Open connections may break off."
        assert effects(f"{WEB}\n{MAIL}\n{DNS}") == [everywhere]
        assert effects(WEB) == [everywhere, stops]
        assert effects(f"{MAIL}\n{WEB}") == []

    @pytest.mark.parametrize("rules", ["", "tcp 443", "tcp 443 overal"])
    def test_rules_are_judged_as_in_an_order(self, ask, web, rules):
        with pytest.raises(InvalidInput):
            ask(web, rules=rules)

    def test_who_decides_sees_each_rule_on_a_line_of_its_own(self, ask, web, client, requester):
        order = ask(web, rules=f"{WEB}\n{DNS}")
        log_in(client, requester)

        page = client.get(reverse("catalog:order", args=[order.public_id])).content.decode()

        assert f"{WEB}<br>{MAIL}" in page
        assert f"{WEB}<br>{DNS}" in page


def port_of(cloud, server):
    return cloud.things[server.cloud_ids["port"]].details["security_group_ids"]


class TestGroupsOfAServer:
    @pytest.fixture
    def web(self, group):
        return group("web")

    @pytest.fixture
    def mail(self, run, web):
        return run(web.order_line.offering_version, name="mail", spec={"rules": MAIL})

    @pytest.fixture
    def server(self, run, version, web):
        return run(version, name="zaken", spec={**SPEC, "security_groups": "web"})

    @pytest.fixture
    def is_in(self, cloud, server):
        """Whether the server is in exactly these, beside the one of all servers."""

        def judge(*groups):
            usual = server.cloud_ids["security_group"]
            ids = [found.cloud_ids["security_group"] for found in groups]
            return port_of(cloud, server) == [usual, *ids]

        return judge

    def test_server_is_in_others_without_a_restart(self, change, cloud, server, mail, is_in):
        operation = change(server, security_groups="mail")

        assert operation.state == OperationState.SUCCEEDED
        assert [step.name for step in operation.steps.all()] == ["groups", "room"]
        assert is_in(mail)
        assert server.spec["security_groups"] == "mail"

    def test_it_may_be_in_none(self, change, server, is_in):
        change(server, security_groups="")

        assert is_in()
        assert server.spec["security_groups"] is None

    def test_lost_answer_does_no_harm(self, change, cloud, server, web, mail, is_in):
        cloud.lose_next_reply("set_port_security_groups")

        assert change(server, security_groups="web, mail").state == OperationState.SUCCEEDED
        assert is_in(web, mail)

    def test_group_that_does_not_run_stops_it_before_anything_else(
        self, change, cloud, server, web, is_in
    ):
        operation = change(server, security_groups="mail", flavor="gp.medium")

        assert operation.state == OperationState.FAILED
        step = operation.steps.get(name="groups")
        assert step.last_error == "no security group of this project runs by the name 'mail'"
        assert cloud.calls["resize_server"] == 0
        assert is_in(web)

    def test_with_another_size_both_are_put_back(
        self, change, engine, server, web, mail, is_in, requester
    ):
        trial = change(server, security_groups="mail", flavor="gp.medium")
        assert trial.steps.get(name="trial").state == StepState.TODO
        assert is_in(mail)
        assert server.spec["security_groups"] == "web"

        engine.call(cancel_operation, trial.public_id, actor=requester)
        engine.run()

        server.refresh_from_db()
        assert is_in(web)
        assert (server.spec["security_groups"], server.spec["flavor"]) == ("web", "gp.small")

    def test_with_another_size_both_are_kept(self, change, engine, server, mail, is_in):
        trial = change(server, security_groups="mail", flavor="gp.medium")
        trial.steps.filter(name="trial").update(started_at=trial.started_at.replace(year=2020))

        engine.sweep()
        engine.run()

        server.refresh_from_db()
        assert is_in(mail)
        assert (server.spec["security_groups"], server.spec["flavor"]) == ("mail", "gp.medium")

    def test_put_back_it_does_without_a_group_that_went_meanwhile(
        self, change, cloud, engine, retire, server, web, mail, is_in, requester
    ):
        trial = change(server, security_groups="mail", flavor="gp.medium")
        retire(web)
        engine.run()
        assert web.cloud_ids["security_group"] not in cloud.things

        engine.call(cancel_operation, trial.public_id, actor=requester)
        engine.run()

        server.refresh_from_db()
        trial.order_line.order.refresh_from_db()
        assert is_in()
        assert (server.spec["security_groups"], server.spec["flavor"]) == (None, "gp.small")
        assert trial.order_line.order.state == OrderState.CANCELED

    def test_who_decides_sees_that_there_is_nothing_left(self, ask, server, client, requester):
        order = ask(server, security_groups="")
        log_in(client, requester)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

        page = client.get(reverse("catalog:order", args=[order.public_id])).content.decode()

        assert '<strong class="cl-wrap">Nothing</strong>' in page

    def test_server_that_was_never_asked_is_not_asked_now(self, run, version):
        bare = reoffered(version, extras=[])
        server = run(bare, name="plat", spec=SPEC)
        reoffered(bare, extras=["security_groups"])

        assert "security_groups" not in {item.name for item in changeable_parameters(server)}
