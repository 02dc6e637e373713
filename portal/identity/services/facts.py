"""What is true of a node from a day on: its owners, cost centre and VAT treatment.

Rows never overlap, and nothing of the past changes: a correction is a new row. What was planned
and is overtaken keeps its row, with an end at its beginning: it never holds.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from portal.audit.services import record
from portal.core.calendar import start_of_day, whole_second
from portal.core.errors import InvalidInput
from portal.core.models import end_from
from portal.core.text import clean_text
from portal.identity.facts import FactKind, Row, kinds_of, make_row, rows_of
from portal.identity.models import Node, Person, VatTreatment
from portal.identity.policies import may_administer_from_above, possible_owners
from portal.identity.sensitive import sensitive
from portal.identity.services.tree import node_to_change

COST_CENTRE_LENGTH: Final = 20
COST_CENTRE_NAME_LENGTH: Final = 120
FURTHEST: Final = timedelta(days=5 * 366)  # a plan for later than that is a typing mistake


@sensitive("cost_centre.set")
def set_cost_centre(
    public_id: UUID, *, actor: Person, code: str, name: str, starts_on: date
) -> Row:
    """From that day on, costs of the node and what inherits from it fall under this cost centre.

    Args:
        starts_on: today (then it holds at once) or later.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``.
        InvalidInput: something is not right in a field.
    """
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for field, text, longest in (
        ("code", code, COST_CENTRE_LENGTH),
        ("name", name, COST_CENTRE_NAME_LENGTH),
    ):
        try:
            values[field] = clean_text(text, max_length=longest)
            if not values[field]:
                raise ValueError(_("Fill this in."))
        except ValueError as error:
            errors[field] = [str(error)]
    with node_to_change(public_id, actor) as node:
        return _begin(FactKind.COST_CENTRE, node, actor, values, starts_on, errors)


@sensitive("vat_treatment.set")
def set_vat_treatment(public_id: UUID, *, actor: Person, treatment: str, starts_on: date) -> Row:
    """From that day on, charges of the organization are taxed so. Decided by somebody from above.

    Raises:
        NotAllowed, NodeEnded, InvalidInput: as ``set_cost_centre``.
    """
    errors = {}
    if treatment not in VatTreatment.values:
        errors["treatment"] = [_("Choose one of these.")]
    with node_to_change(public_id, actor, may=may_administer_from_above) as node:
        values = {"treatment": treatment}
        return _begin(FactKind.VAT_TREATMENT, node, actor, values, starts_on, errors)


def set_data_owner(public_id: UUID, *, actor: Person, owner: UUID, starts_on: date) -> Row:
    """From that day on, this person answers for the data of the node and what inherits from it.

    Raises:
        NotAllowed, NodeEnded, InvalidInput: as ``set_cost_centre``; an owner has a role there.
    """
    return _set_owner(FactKind.DATA_OWNER, public_id, actor, owner, starts_on)


def set_project_owner(public_id: UUID, *, actor: Person, owner: UUID, starts_on: date) -> Row:
    """From that day on, this person answers for the project.

    Raises:
        NotAllowed, NodeEnded, InvalidInput: as ``set_data_owner``.
    """
    return _set_owner(FactKind.PROJECT_OWNER, public_id, actor, owner, starts_on)


def _set_owner(kind: FactKind, public_id: UUID, actor: Person, owner: UUID, starts_on: date) -> Row:
    with node_to_change(public_id, actor) as node:
        person = possible_owners(node).filter(public_id=owner).first()
        errors = {}
        if person is None:
            errors["owner"] = [_("Choose somebody who has a role here.")]
        return _begin(kind, node, actor, {"owner": person}, starts_on, errors)


def _begin(
    kind: FactKind,
    node: Node,
    actor: Person,
    values: dict[str, Any],
    starts_on: date,
    errors: dict[str, list[str]],
) -> Row:
    """Let the new row hold from then on; what held ends there, what was planned never begins."""
    if kind not in kinds_of(node):
        raise ValueError(f"{kind} is not a fact of {node.kind}s")
    today = localdate()
    if not today <= starts_on <= today + FURTHEST:
        errors["starts_on"] = [_("Choose today or a later day, at most five years ahead.")]
    if errors:
        raise InvalidInput(errors)
    moment = whole_second(now()) if starts_on == today else start_of_day(starts_on)
    end_from(rows_of(kind, [node.pk]), moment)
    row = make_row(kind, node, valid_from=moment, **values)
    row.save(force_insert=True)
    data = {key: getattr(value, "pk", value) for key, value in values.items()}
    record(
        f"{kind.replace('-', '_')}.set",
        node,
        actor=actor,
        node_id=node.pk,
        data={**data, "from": moment.isoformat()},
    )
    return row
