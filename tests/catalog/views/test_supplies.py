"""Pages of places: the list, one assessment, its sections, and the decision."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.timezone import localdate

from catalog.models import SupplyProfile
from catalog.placement import Link
from catalog.placement.csf import criteria_of
from catalog.placement_words import Objective
from catalog.services.placement import (
    CsfAnswer,
    SupplyChanges,
    confirm_supply,
    edit_supply,
    propose_supply,
)
from catalog.services.placement.minimums import propose_minimum
from catalog.supply_forms import SECTIONS
from portal.core.formats import DATE_FORMATS
from tests.catalog.placement.answers import DATA_CENTRE
from tests.factories import CloudFactory, PersonFactory, drafted_supply, proposed_supply, unassessed
from tests.logins import log_in

pytestmark = pytest.mark.django_db
ENGLISH = {"accept-language": "en"}
PROOF = {"evidence": "Rapport 12", "evidenced_on": localdate()}
WHOLE = {code: CsfAnswer(index=answer.index, **PROOF) for code, answer in DATA_CENTRE.items()}
TODAY = localdate().strftime(DATE_FORMATS[0])


def text_of(response):
    """What is read, without what is around it."""
    content = b"".join(response) if response.streaming else response.content
    return " ".join(unescape(strip_tags(content.decode())).split())


def address(name, *arguments):
    return reverse(f"catalog:{name}", args=arguments)


@pytest.fixture
def cloud(version):
    return version.cloud


@pytest.fixture
def draft(platform, cloud):
    return drafted_supply(cloud, by=platform.drafter)


@pytest.fixture
def answered(platform, draft):
    """A proposal in which all is answered and proven."""
    edit_supply(draft.public_id, SupplyChanges(answers=WHOLE), actor=platform.drafter)
    return propose_supply(draft.public_id, actor=platform.drafter)


def test_everybody_reads_which_places_there_are(client, cloud):
    log_in(client, PersonFactory())

    page = text_of(client.get(address("supplies"), headers=ENGLISH))
    sheet = text_of(client.get(address("supply-list-sheet", "csv"), headers=ENGLISH))

    assert cloud.name in page
    assert "Of the government itself" in page
    assert "Netherlands" in page
    assert "SEAL-3" in page
    assert "In the making" not in page
    assert f"{cloud.name},Of the government itself,Overheidsdatacenter" in sheet


def test_a_place_that_nobody_assessed_is_told(client, cloud):
    unassessed(cloud)
    log_in(client, PersonFactory())

    page = text_of(client.get(address("supplies"), headers=ENGLISH))

    assert "Nobody assessed this place: nothing may stand there." in page


def test_one_shows_level_score_gaps_and_evidence(client, platform, answered):
    log_in(client, platform.colleague)

    page = text_of(client.get(address("supply", answered.public_id), headers=ENGLISH))

    assert "SEAL-3: the lowest level counts. It is enough for TBB 3." in page
    assert "90.7 of 100 proven, 90.7 claimed" in page
    assert "88 of 100 proven, 88 claimed" in page
    assert "Rapport 12" in page
    assert "Higher with:" in page


def test_who_decides_reads_what_changes(client, platform, cloud):
    draft = drafted_supply(cloud, by=platform.drafter)
    said = SupplyChanges(
        facts={"locations": ["NL", "DE"]},
        chain=[Link(name="Noord", jurisdiction="NL"), Link(name="Holding", jurisdiction="US")],
        answers={"SOV-1.1": CsfAnswer(index=3)},
    )
    edit_supply(draft.public_id, said, actor=platform.drafter)
    proposed = propose_supply(draft.public_id, actor=platform.drafter)
    log_in(client, platform.colleague)

    response = client.get(address("supply", proposed.public_id), headers=ENGLISH)

    found = {each.name: (each.before, each.after) for each in response.context["changes"]}
    assert found["Countries where data stands"] == ("Netherlands", "Netherlands, Germany")
    assert found["Owners"] == (
        "Overheidsdatacenter (Netherlands)",
        "Noord (Netherlands), Holding (United States)",
    )
    (answer,) = [change for name, change in found.items() if name.startswith("SOV-1.1 ")]
    assert answer == ("None", "Entirely within the EU; no evidence")
    assert "Who holds the keys" not in found
    assert "beside assessment 1, which is in force" in text_of(response)


def test_a_first_assessment_is_told_as_such(client, platform, cloud):
    unassessed(cloud)
    proposed = proposed_supply(cloud, by=platform.drafter)
    log_in(client, platform.colleague)

    page = text_of(client.get(address("supply", proposed.public_id), headers=ENGLISH))

    assert "It is the first assessment of this place." in page
    assert "What changes" not in page


def test_the_answers_are_a_file(client, platform, answered):
    log_in(client, platform.colleague)

    sheet = text_of(client.get(address("supply-sheet", answered.public_id, "csv"), headers=ENGLISH))

    assert sheet.count("Rapport 12") == 48


@pytest.mark.parametrize("section", list(SECTIONS))
def test_each_section_is_saved_as_it_is_shown(client, platform, draft, section):
    """What is sent back unchanged changes nothing."""
    edit_supply(draft.public_id, SupplyChanges(answers=WHOLE), actor=platform.drafter)
    log_in(client, platform.drafter)
    where = address("supply-edit", draft.public_id, section)
    shown = client.get(where).context["form"]
    sent = {bound.html_name: _as_sent(bound.value()) for bound in shown}
    before = _said(draft)

    response = client.post(where, sent)

    assert response.status_code == 302
    assert _said(draft) == before


def test_going_on_leads_to_the_next_section(client, platform, draft):
    log_in(client, platform.drafter)
    lines = "Datacentrum BV; nl\nStaat der Nederlanden; NL"

    where = address("supply-edit", draft.public_id, "chain")
    response = client.post(where, {"chain": lines, "go_on": "yes"})

    assert response["Location"] == address("supply-edit", draft.public_id, "dependencies")
    assert list(draft.owners.values_list("name", "jurisdiction")) == [
        ("Datacentrum BV", "NL"),
        ("Staat der Nederlanden", "NL"),
    ]


def test_an_answer_needs_evidence_with_its_date_or_neither(client, platform, draft):
    log_in(client, platform.drafter)
    code = criteria_of(Objective.SOV_1)[0].code
    where = address("supply-edit", draft.public_id, "sov-1")

    response = client.post(where, {code: "3", f"{code}-evidence": "Rapport"}, headers=ENGLISH)

    assert response.status_code == 422
    assert "Fill in both where the evidence is and its date, or neither." in text_of(response)
    assert not draft.answers.exists()


@pytest.mark.parametrize(
    ("section", "body", "message"),
    [
        ("general", {"certifications": "ISO", "framework": "csf-1.2.1"}, "Line 1 has another"),
        ("general", {"locations": "Nederland", "framework": "csf-1.2.1"}, "letters NEDERLAND"),
        ("dependencies", {"dependencies": "a; b; c", "lists_dependencies": "no"}, "Line 1"),
        (
            "dependencies",
            {"dependencies": "a; A; ding; B; NL; ja", "lists_dependencies": "no"},
            "Choose hardware, software or service",
        ),
    ],
)
def test_what_cannot_be_read_is_told(client, platform, draft, section, body, message):
    log_in(client, platform.drafter)

    response = client.post(address("supply-edit", draft.public_id, section), body, headers=ENGLISH)

    assert response.status_code == 422
    assert message in text_of(response)


def test_dependencies_are_lines(client, platform, draft):
    log_in(client, platform.drafter)
    lines = (
        f"net; Net; dienst; Net NV; NL; ja\ndb; Base; software; X; US; nee; net; Contract; {TODAY}"
    )

    client.post(
        address("supply-edit", draft.public_id, "dependencies"),
        {"dependencies": lines, "lists_dependencies": "yes"},
        headers={"accept-language": "nl"},
    )

    draft.refresh_from_db()
    assert draft.lists_dependencies
    net, base = draft.dependencies.order_by("pk")
    assert (net.kind, net.is_critical, base.needs) == ("service", True, ["net"])
    assert (base.evidence, base.evidenced_on) == ("Contract", localdate())


def test_from_beginning_to_decision(client, platform, cloud):
    log_in(client, platform.drafter)
    begun = client.post(address("supply-new"), {"cloud": cloud.pk, "offering": ""})
    draft = SupplyProfile.objects.get(is_draft=True)
    until = (localdate() + timedelta(days=30)).strftime(DATE_FORMATS[0])
    general = {
        "hosting": "government",
        "locations": "NL",
        "framework": "guidance-2026-06",
        "valid_until": until,
    }
    client.post(begun["Location"], general)
    client.post(address("supply-propose", draft.public_id))
    log_in(client, platform.colleague)

    page = text_of(client.get(address("supply", draft.public_id), headers=ENGLISH))
    response = client.post(address("supply-confirm", draft.public_id))

    assert "Proposed by Mila de Boer" in page
    assert response.status_code == 302
    draft.refresh_from_db()
    assert draft.state == "confirmed"


def test_who_proposed_it_reads_why_they_do_not_decide(client, platform, cloud):
    profile = proposed_supply(cloud, by=platform.drafter)
    log_in(client, platform.drafter)

    page = text_of(client.get(address("supply", profile.public_id), headers=ENGLISH))
    response = client.post(address("supply-confirm", profile.public_id), headers=ENGLISH)

    assert "somebody else decides" in page
    assert (response.status_code, "second person must decide" in text_of(response)) == (403, True)


def test_a_draft_that_lacks_something_says_what(client, platform, draft):
    draft.owners.all().delete()
    log_in(client, platform.drafter)

    page = text_of(client.get(address("supply", draft.public_id), headers=ENGLISH))

    assert "This cannot be proposed yet" in page
    assert "owners of the place, and their countries" in page


def test_a_draft_says_what_is_open_in_each_section(client, platform, draft):
    answers = {"SOV-1.1": CsfAnswer(index=3)}
    edit_supply(draft.public_id, SupplyChanges(answers=answers), actor=platform.drafter)
    log_in(client, platform.drafter)

    shown = client.get(address("supply", draft.public_id)).context["sections"]

    found = {section.key: (section.gaps, section.claims) for section in shown}
    assert (found["general"], found["sov-1"], found["sov-3"]) == ((0, 0), (7, 1), (5, 0))


def test_more_places_ask_no_more_of_the_database(client, cloud, django_assert_max_num_queries):
    log_in(client, PersonFactory())
    with django_assert_max_num_queries(40) as few:
        client.get(address("supplies"))
    for key in ("west", "oost", "zuid"):
        CloudFactory(key=key, name=f"Overheidsdatacenter {key}")

    with django_assert_max_num_queries(len(few)):
        client.get(address("supplies"))


def _as_sent(value):
    if value is None:
        return ""
    return value.strftime(DATE_FORMATS[0]) if hasattr(value, "strftime") else value


def _said(draft):
    parts = [list(rows.order_by("pk").values()) for rows in (draft.owners, draft.answers)]
    for rows in parts:
        for row in rows:
            row.pop("id")
    profile = SupplyProfile.objects.filter(pk=draft.pk).values().get()
    return profile, *(sorted(rows, key=str) for rows in parts)


def test_who_can_confirm_an_assessment_finds_it_on_the_first_page(client, platform, cloud):
    profile = proposed_supply(cloud, by=platform.drafter)

    log_in(client, platform.drafter)
    assert titles(client) == []
    log_in(client, platform.administrator)
    assert titles(client) == [f"Assessment of {cloud.name}"]
    assert address("supply", profile.public_id) in client.get("/").content.decode()
    log_in(client, platform.auditor)
    assert titles(client) == []

    confirm_supply(profile.public_id, actor=platform.colleague)
    log_in(client, platform.administrator)
    assert titles(client) == []


def test_who_can_confirm_a_lowest_seal_finds_it_on_the_first_page(client, platform):
    minimum = propose_minimum(3, Objective.SOV_6, 4, actor=platform.drafter)

    log_in(client, platform.drafter)
    assert titles(client) == []
    log_in(client, platform.colleague)
    assert titles(client) == ["Lowest sovereignty: TBB 3, Technology: SEAL-4"]
    assert address("seal-minimum", minimum.public_id) in client.get("/").content.decode()


def titles(client):
    return [task.title for task in client.get("/", headers=ENGLISH).context["tasks"]]
