"""Who may order what where, in one statement: for the price that is shown while somebody chooses.

It says what ``policies.projects_to_order_in`` says, of one project; a test compares the two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils.timezone import now

from catalog.kinds import get_kind
from catalog.models import Offering, OfferingVersion, OfferingVersionState
from portal.cloud.models import Cloud, Flavor, Image
from portal.core.rows import Cut, RowOf, ask
from portal.identity.models import Person, Project, Role


@dataclass(frozen=True)
class Opening:
    """Something that a person may order, and the project in which they may.

    The sizes and images of its cloud are read with it.
    """

    version: OfferingVersion
    project: Project


_VERSION: Final = RowOf(OfferingVersion)
_OFFERING: Final = RowOf(Offering)
_CLOUD: Final = RowOf(Cloud)
_PROJECT: Final = RowOf(Project)
_FLAVOR: Final = RowOf(Flavor)
_IMAGE: Final = RowOf(Image)
_STATEMENT: Final = f"""
    SELECT {_VERSION.columns}, {_OFFERING.columns}, {_CLOUD.columns}, {_PROJECT.columns},
        (SELECT jsonb_agg(to_jsonb(one)) FROM cloud_flavor one WHERE one.cloud_id = cloud_cloud.id),
        (SELECT jsonb_agg(to_jsonb(one)) FROM cloud_image one WHERE one.cloud_id = cloud_cloud.id)
    FROM catalog_offering
    JOIN catalog_offeringversion
        ON offering_id = catalog_offering.id AND catalog_offeringversion.state = %(published)s
    JOIN cloud_cloud ON cloud_cloud.id = cloud_id
    JOIN identity_node
        ON identity_node.public_id = %(project)s AND identity_node.ended_at IS NULL
    JOIN identity_project ON node_ptr_id = identity_node.id
    WHERE catalog_offering.code = %(code)s
        AND EXISTS (
            SELECT FROM identity_rolegrant
            WHERE person_id = %(person)s AND role = %(role)s
                AND valid_from <= %(at)s AND (valid_until IS NULL OR valid_until > %(at)s)
                AND node_id = ANY(identity_node.ancestor_ids || identity_node.id)
        )
        AND (
            NOT EXISTS (
                SELECT FROM catalog_offeringversion_visible_to
                WHERE offeringversion_id = catalog_offeringversion.id
            )
            OR EXISTS (
                SELECT FROM catalog_offeringversion_visible_to
                WHERE offeringversion_id = catalog_offeringversion.id
                    AND organization_id = ANY(identity_node.ancestor_ids)
            )
        )
"""  # noqa: S608  (names of columns, and nothing that anybody typed)


def find_opening(person: Person, code: str, project_id: UUID) -> Opening | None:
    """The offering with this code in the project with this public id, if the person may order it.

    None also of what is made of other offerings, each of which may be for others. One query.
    """
    asked = {
        "published": OfferingVersionState.PUBLISHED.value,
        "project": project_id,
        "code": code,
        "person": person.pk,
        "role": Role.REQUESTER.value,
        "at": now(),
    }
    opening = next(map(_read, ask(_STATEMENT, asked)), None)
    if opening and get_kind(opening.version.offering.kind).made_of(opening.version):
        return None
    return opening


def _read(row: Cut) -> Opening:
    version = row.take(_VERSION)
    version.offering, version.cloud = row.take(_OFFERING), row.take(_CLOUD)
    project = row.take(_PROJECT)
    flavors, images = row.rest()
    version.cloud.seen_flavors = [_FLAVOR.read_json(one) for one in json.loads(flavors or "[]")]
    version.cloud.seen_images = [_IMAGE.read_json(one) for one in json.loads(images or "[]")]
    return Opening(version, project)
