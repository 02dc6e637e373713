"""A ministry with two directorates, an agency with one of its own, and a municipality."""

from __future__ import annotations

from datetime import datetime
from typing import Final

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

# code, name, protection level (TBB), personal data, cost centre
PROJECTS: Final = {
    "waterregistratie": [
        ("zaaksysteem", "Zaaksysteem", 3, True, "410210", "Zaakgericht werken"),
        ("grondwater-api", "Grondwater-API", 4, False, "410220", "Open data"),
        ("meetnet", "Meetnet", 4, False, "410230", "Meetnet"),
    ],
    "informatievoorziening": [
        ("vergunningenportaal", "Vergunningenportaal", 3, True, "510110", "Vergunningen"),
        ("datawarehouse", "Datawarehouse", 3, True, "510120", "Datawarehouse"),
    ],
    "veldonderzoek": [
        ("boringen", "Boringen", 4, False, "620110", "Boringen"),
    ],
    "voorbeeldstad": [
        ("burgerzaken", "Burgerzaken", 3, True, "7001", "Burgerzaken"),
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


def _load_projects(parent: Node, since: datetime) -> None:
    owner = Person.objects.create(name=OWNERS[parent.code])
    # Known here, as by a login that nobody can repeat: no provider has this issuer.
    Identity.objects.create(
        person=owner, issuer=NO_PROVIDER, subject=str(owner.public_id), node=parent
    )
    record("person.joined", owner, actor=None, node_id=parent.pk)
    for code, name, protection_level, has_personal_data, centre, centre_name in PROJECTS[
        parent.code
    ]:
        project = create_project(
            code=code,
            name=name,
            parent=parent,
            protection_level=protection_level,
            has_personal_data=has_personal_data,
            actor=None,
        )
        CostCentre.objects.create(node=project, code=centre, name=centre_name, valid_from=since)
        ProjectOwner.objects.create(project=project, owner=owner, valid_from=since)
