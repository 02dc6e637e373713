"""How much hangs on few suppliers and countries, and what stops when one of them stops."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from billing.forms import month_key, read_month
from billing.overview import months_with_use
from catalog.placement.concentration import SOIL_AIM_PERCENT, SoilShare
from catalog.placement_policies import REGISTER_READERS
from catalog.register_forms import ConcentrationForm
from catalog.services.placement.dependence import (
    Dependence,
    Hit,
    ShareRow,
    Split,
    dependence_of,
)
from catalog.services.placement.dependence_files import dependence_json, dependence_rows
from catalog.views.placement.register import JSON_TYPE, chosen_node, node_choices
from portal.core.calendar import Period
from portal.core.countries import country_name
from portal.core.formats import quantity
from portal.core.sheets import answer_file
from portal.identity.access import roles_of
from portal.identity.models import Node
from portal.identity.requests import PersonRequest

_WHOLE: Final = Decimal(10_000)


@dataclass(frozen=True, kw_only=True)
class ShownShare:
    """A row, with the per cent that its bar shows."""

    name: str
    share: ShareRow
    bar: Decimal


@dataclass(frozen=True, kw_only=True)
class ShareCard:
    """Shares as bars in a table. ``index``: what the concentration is, in words."""

    key: str
    title: str
    hint: str
    column: str
    rows: list[ShownShare]
    index: str


@dataclass(frozen=True, kw_only=True)
class SoilRow:
    """What stands on European soil: per cent, with one decimal; None: nothing to divide."""

    name: str
    european: Decimal | None
    dutch: Decimal | None
    unknown: Decimal | None
    reaches: bool


@dataclass(frozen=True, kw_only=True)
class _Asked:
    form: ConcentrationForm
    node: Node | None
    month: Period
    at: datetime
    found: Dependence


@require_safe
def concentration(request: PersonRequest) -> HttpResponse:
    """Shares, soil, and, of the supplier that was chosen, what stops without it."""
    asked = _read(request)
    found, supplier = asked.found, asked.form.supplier
    stops, weakens = found.without(supplier) if supplier else (None, None)
    context = {
        "form": asked.form,
        "found": found,
        "month": asked.month,
        "is_running": asked.at < asked.month.end,
        "cards": _cards(found),
        "soil": [
            _soil(_("Of what was spent"), found.soil.amount),
            _soil(_("Of where projects stand"), found.soil.projects),
        ],
        "aim": SOIL_AIM_PERCENT,
        "supplier": supplier,
        "hits": _hits(stops, weakens) if stops and weakens else [],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if asked.form.errors else HTTPStatus.OK
    return render(request, "catalog/placement/concentration.html", context, status=status)


@require_safe
def concentration_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """Shares, indices and soil, a row each."""
    asked = _read(request)
    if asked.form.errors:
        return concentration(request)
    return answer_file(dependence_rows(asked.found), form, _name(asked))


@require_safe
def concentration_json(request: PersonRequest) -> HttpResponseBase:
    """The same for programs, with what stops without the supplier that was chosen."""
    asked = _read(request)
    if asked.form.errors:
        return concentration(request)
    told = {
        "month": month_key(asked.month),
        "node": str(asked.node.public_id) if asked.node else None,
        **dependence_json(asked.found, asked.form.supplier),
    }
    response = HttpResponse(json.dumps(told), content_type=JSON_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{_name(asked)}.json"'
    return response


def _read(request: PersonRequest) -> _Asked:
    """What the address asks for.

    Raises:
        PermissionDenied: the person has no role for it.
        Http404: they do not reach that part.
    """
    if not roles_of(request.user) & REGISTER_READERS:
        raise PermissionDenied
    moment = now()
    node, months = chosen_node(request), months_with_use(now=moment)
    given = request.GET.dict() | ({"node": str(node.public_id)} if node else {})
    form = ConcentrationForm(given, nodes=node_choices(request, node), months=months)
    month = read_month(form.cleaned_data["month"]) if form.is_valid() else months[0]
    found = dependence_of(request.user, node=node, month=month, at=moment)
    form.offer_suppliers(found.suppliers)
    return _Asked(form=form, node=node, month=month, at=moment, found=found)


def _cards(found: Dependence) -> list[ShareCard]:
    return [
        _card(
            "operators",
            _("By operator"),
            pgettext("of a place", "Operator"),
            found.by_operator.rows,
            index=_index(found.by_operator),
        ),
        _card(
            "countries",
            _("By country of the ultimate owner"),
            _("Country"),
            found.by_jurisdiction.rows,
            index=_index(found.by_jurisdiction),
            are_countries=True,
        ),
        _card("suppliers", _("By supplier behind it"), _("Supplier"), found.by_supplier),
        _card(
            "supplier-countries",
            _("By country of the suppliers behind it"),
            _("Country"),
            found.by_dependency_jurisdiction,
            are_countries=True,
        ),
    ]


def _card(
    key: str,
    title: str,
    column: str,
    shares: list[ShareRow],
    *,
    index: str = "",
    are_countries: bool = False,
) -> ShareCard:
    """With bars of what was spent, or of projects where nothing was."""
    is_spent = any(share.amount_percent for share in shares)
    name_of = country_name if are_countries else str
    return ShareCard(
        key=key,
        title=title,
        hint=_("per cent of what was spent") if is_spent else _("per cent of the projects"),
        column=column,
        rows=[
            ShownShare(
                name=name_of(share.name) or _("Not known yet"),
                share=share,
                bar=share.amount_percent if is_spent else share.projects_percent,
            )
            for share in shares
        ],
        index=index,
    )


def _index(split: Split) -> str:
    """The Herfindahl-Hirschman index in words; empty where there is nothing to divide."""
    known = [
        (_("of what was spent"), split.amount_hhi),
        (_("of projects"), split.projects_hhi),
    ]
    told = [f"{quantity(_round(index))} {of}" for of, index in known if index is not None]
    count = len([row for row in split.rows if row.amount > 0 or row.projects])
    if not told:
        return ""
    return _(
        "Concentration (HHI): {indices}. At 10,000 one has everything; if all {count} had as much "
        "it would be {least}."
    ).format(indices=", ".join(told), count=count, least=quantity(_round(_WHOLE / count)))


def _soil(name: str, share: SoilShare) -> SoilRow:
    european = share.european
    return SoilRow(
        name=name,
        european=_tenths(european),
        dutch=_tenths(share.dutch),
        unknown=_tenths(share.unknown),
        reaches=european is not None and european >= SOIL_AIM_PERCENT,
    )


def _hits(stops: Hit, weakens: Hit) -> list[dict[str, Any]]:
    return [
        {"key": "stops", "title": _("What stops"), "hit": stops},
        {"key": "weakens", "title": _("What goes on without something"), "hit": weakens},
    ]


def _name(asked: _Asked) -> str:
    running = "-incomplete" if asked.at < asked.month.end else ""
    return f"concentration-{month_key(asked.month)}{running}"


def _round(index: Decimal) -> Decimal:
    return index.quantize(Decimal(1), ROUND_HALF_UP)


def _tenths(percent: Decimal | None) -> Decimal | None:
    return None if percent is None else percent.quantize(Decimal("0.1"), ROUND_HALF_UP)
