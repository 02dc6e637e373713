"""A ministry with two directorates, an agency with one of its own, and a municipality."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.utils.timezone import localdate

from catalog.placement_words import BaseRegister, PersonalData, Rubricering, Score
from catalog.services.placement import Answers, write_profile
from portal.audit.services import record
from portal.identity.models import (
    CostCentre,
    Identity,
    Node,
    Person,
    ProjectOwner,
    VatTreatment,
    VatTreatmentPeriod,
)
from portal.identity.services.tree import create_organization, create_project

# how bad it is when data is wrong, and personal data: TBB 3 and 4
_PERSONAL: Final = (Score.MIDDLE, PersonalData.SOME)
_OPEN: Final = (Score.LOW, PersonalData.NONE)
_Data = tuple[Score, PersonalData]
# code, name, its data, cost centre
PROJECTS: Final[dict[str, list[tuple[str, str, _Data, str, str]]]] = {
    "waterregistratie": [
        ("zaaksysteem", "Zaaksysteem", _PERSONAL, "410210", "Zaakgericht werken"),
        ("grondwater-api", "Grondwater-API", _OPEN, "410220", "Open data"),
        ("meetnet", "Meetnet", _OPEN, "410230", "Meetnet"),
    ],
    "informatievoorziening": [
        ("vergunningenportaal", "Vergunningenportaal", _PERSONAL, "510110", "Vergunningen"),
        ("datawarehouse", "Datawarehouse", _PERSONAL, "510120", "Datawarehouse"),
    ],
    "veldonderzoek": [
        ("boringen", "Boringen", _OPEN, "620110", "Boringen"),
    ],
    "voorbeeldstad": [
        ("burgerzaken", "Burgerzaken", _PERSONAL, "7001", "Burgerzaken"),
    ],
}

# Who answers for the projects there. They have no login: whoever logs in is somebody else.
OWNERS: Final = {
    "waterregistratie": "Femke Hartog",
    "informatievoorziening": "Joris Blok",
    "veldonderzoek": "Amira Kaddour",
    "voorbeeldstad": "Wim Terpstra",
}


NO_PROVIDER: Final = "urn:cloudloket:demonstration"


def load_organizations(since: datetime) -> None:
    """Add the tree; ``since`` is when its dated facts begin."""
    ministry = create_organization(
        code="mwb",
        name="Ministerie van Water en Bodem",
        parent=None,
        oin="00000001003214345000",
        rsin="003214345",
        actor=None,
    )
    agency = create_organization(
        code="bodemonderzoek", name="Agentschap Bodemonderzoek", parent=ministry, actor=None
    )
    directorates = [
        create_organization(code=code, name=name, parent=parent, actor=None)
        for code, name, parent in (
            ("waterregistratie", "Directie Waterregistratie", ministry),
            ("informatievoorziening", "Directie Informatievoorziening", ministry),
            ("veldonderzoek", "Directie Veldonderzoek", agency),
        )
    ]
    municipality = create_organization(
        code="voorbeeldstad",
        name="Gemeente Voorbeeldstad",
        parent=None,
        oin="00000001002306608000",
        kvk_number="90001354",
        rsin="002306608",
        actor=None,
    )
    for organization, treatment in (
        (ministry, VatTreatment.OUTSIDE_SCOPE),
        (agency, VatTreatment.STANDARD_21),
        (municipality, VatTreatment.STANDARD_21),
    ):
        VatTreatmentPeriod.objects.create(
            organization=organization, treatment=treatment, valid_from=since
        )
    for parent in (*directorates, municipality):
        _load_projects(parent, since)


def _answers(integrity: Score, personal_data: PersonalData) -> Answers:
    return Answers(
        is_core_task=personal_data != PersonalData.NONE,
        personal_data=personal_data,
        has_special_data=False,
        availability=Score.LOW,
        integrity=integrity,
        confidentiality=Score.LOW,
        rubricering=Rubricering.NONE,
        base_register=BaseRegister.NO,
        is_workplace=False,
        is_vital=False,
        longest_outage_hours=72,
        review_on=localdate() + timedelta(days=365),
    )


def _load_projects(parent: Node, since: datetime) -> None:
    owner = Person.objects.create(name=OWNERS[parent.code])
    # Known here, as by a login that nobody can repeat: no provider has this issuer.
    Identity.objects.create(
        person=owner, issuer=NO_PROVIDER, subject=str(owner.public_id), node=parent
    )
    record("person.joined", owner, actor=None, node_id=parent.pk)
    for code, name, known, centre, centre_name in PROJECTS[parent.code]:
        project = create_project(code=code, name=name, parent=parent, actor=None)
        write_profile(project, _answers(*known), actor=None)
        CostCentre.objects.create(node=project, code=centre, name=centre_name, valid_from=since)
        ProjectOwner.objects.create(project=project, owner=owner, valid_from=since)
