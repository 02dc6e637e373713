"""The components of the pages. These tags and filters need no ``{% load %}``: see settings.

Filters: money, difference, percent_difference, unit_price, quantity, duration. In text: icon,
once, day, last_day, moment, badge, tag. Blocks: card, alert, empty_state, fact, step,
stacked_table, dialog. Whole parts: breadcrumb, field, form_errors, meter, meter_bar, meter_key,
track, pagination, downloads.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.forms.boundfield import BoundField
from django.template.context import RequestContext
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from portal.core import formats
from portal.core.calendar import BUSINESS_TIME, last_day_before
from portal.core.countries import country_in_words, country_name
from portal.web import meters, tables
from portal.web.fields import FieldView, list_errors
from portal.web.icons import icon as draw_icon

register = template.Library()
register.filter("money", formats.money)
register.filter("difference", formats.difference)
register.filter("percent_difference", formats.percent_difference)
register.filter("unit_price", formats.unit_price)
register.filter("quantity", formats.quantity)
register.filter("duration", formats.duration)

BADGE_ICONS = {
    "neutral": "hourglass",
    "active": "loader-2",
    "success": "circle-check",
    "warning": "alert-triangle",
    "error": "circle-x",
}
# What the design system calls each tone, and its icon. Our tones are those of Django's messages.
ALERT_LOOKS = {
    "info": ("info", "info-circle"),
    "success": ("ok", "circle-check"),
    "warning": ("warning", "alert-triangle"),
    "error": ("error", "circle-x"),
}
STEP_ICONS = {
    "done": "circle-check",
    "now": "loader-2",
    "wait": "hourglass",
    "fail": "alert-triangle",
    "todo": "circle-dashed",
}

PAGES = ("page", "waiting")  # which part of a list the address asks for


# --- in text -----------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str, size: str = "", css: str = "") -> SafeString:
    """``{% icon "check" %}``: a drawing beside words. Size: "sm", "" or "lg"."""
    return draw_icon(name, size, css)


@register.simple_tag
def once(amount: Decimal) -> SafeString:
    """``{% once order.one_off_price %}``: what is paid once, behind a price per month, if any."""
    if not amount:
        return SafeString()
    return format_html(' <span class="cl-money">{}</span>', formats.once(amount))


@register.simple_tag
def by_use(quoted: Any) -> SafeString:
    """``{% by_use consequences.quote %}``: what a unit costs of what is measured."""
    return format_html_join(
        "",
        ' <span class="cl-money">+ {}</span>',
        ((per_unit(line),) for line in quoted.measured_lines),
    )


@register.filter
def per_unit(line: Any) -> str:
    """``{{ line|per_unit }}``: the price of one unit of a line of a quote."""
    return formats.per_unit(line.unit_price, line.unit_label)


@register.simple_tag
def day(value: date) -> SafeString:
    """``{% day order.ends_on %}``: <time>5 oktober 2026</time>."""
    local = value.astimezone(BUSINESS_TIME).date() if isinstance(value, datetime) else value
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), formats.day(local))


@register.filter
def country(code: str) -> str:
    """``{{ owner.jurisdiction|country }}``: "Nederland (NL)"."""
    return country_in_words(code)


@register.filter
def countries(codes: Iterable[str]) -> str:
    """``{{ profile.locations|countries }}``: "Nederland, Duitsland"."""
    return ", ".join(map(country_name, codes))


@register.simple_tag
def last_day(end: datetime) -> SafeString:
    """``{% last_day grant.valid_until %}``: the last day of a period that ends at that moment."""
    return day(last_day_before(end))


@register.simple_tag
def moment(value: datetime, *, inside: bool = False) -> SafeString:
    """``{% moment order.placed_at %}``: <time>Vandaag 10.36 uur</time>.

    With ``inside=True``, for in a sentence: <time>vandaag 10.36 uur</time>.
    """
    local = value.astimezone(BUSINESS_TIME).isoformat(timespec="seconds")
    text = formats.moment(value, inside=inside)
    return format_html('<time datetime="{}">{}</time>', local, text)


@register.simple_tag
def clock(value: datetime) -> SafeString:
    """``{% clock step.finished_at %}``: <time>10.36 uur</time>, where the day is clear."""
    local = value.astimezone(BUSINESS_TIME).isoformat(timespec="seconds")
    return format_html('<time datetime="{}">{}</time>', local, formats.clock(value))


@register.simple_tag
def badge(tone: str, text: str, icon_name: str = "") -> SafeString:
    """``{% badge "success" order.get_state_display %}``: the state of a thing.

    Tones: neutral = waits on another, active = busy, success, warning = attention, error = stuck.
    """
    return format_html(
        '<span class="utrecht-status-badge utrecht-status-badge--{}">{}{}</span>',
        tone,
        draw_icon(icon_name or BADGE_ICONS[tone], "sm"),
        text,
    )


@register.simple_tag
def tag(icon_name: str, text: str, tone: str = "") -> SafeString:
    """``{% tag "map-pin" place.name %}``: a quiet fact with an icon. Tone: "" or "ok"."""
    css = f"cl-tag cl-tag--{tone}" if tone else "cl-tag"
    return format_html('<span class="{}">{}{}</span>', css, draw_icon(icon_name, "sm"), text)


# --- blocks ------------------------------------------------------------------------------------


@register.simple_block_tag
def card(
    content: str,
    key: str,
    title: str,
    *,
    end: str = "",
    link: str = "",
    link_text: str = "",
    hint: str = "",
    bare: bool = False,
) -> str:
    """``{% card "costs" title %}…{% endcard %}``: one subject under an h2.

    Args:
        key: unique on the page; becomes the id of the section.
        end: a badge at the end of the head. Or ``link`` with ``link_text``, or a ``hint``.
        bare: no padding around the content, for a table or a list.
    """
    return render_to_string(
        "components/card.html",
        {
            "content": content,
            "key": key,
            "title": title,
            "end": end,
            "link": link,
            "link_text": link_text,
            "hint": hint,
            "bare": bare,
        },
    )


@register.simple_block_tag
def alert(content: str, tone: str, title: str = "", *, role: str = "") -> str:
    """``{% alert "warning" title %}<p>…</p>{% endalert %}``: a message about this page.

    Tones: info, success, warning, error. A ``role`` (status, alert) only for what appears later.
    """
    look, icon_name = ALERT_LOOKS[tone]
    context = {"content": content, "look": look, "title": title, "role": role}
    return render_to_string("components/alert.html", context | {"icon_name": icon_name})


@register.simple_block_tag
def empty_state(content: str, title: str, icon_name: str = "circle-check") -> str:
    """``{% empty_state title %}…{% endempty_state %}``: says it is good, or what to do."""
    context = {"content": content, "title": title, "icon_name": icon_name}
    return render_to_string("components/empty_state.html", context)


@register.simple_block_tag
def fact(content: str, term: str, css: str = "") -> SafeString:
    """``{% fact term %}…{% endfact %}``: a line in <dl class="cl-facts">."""
    attribute = format_html(' class="{}"', css) if css else ""
    return format_html("<div{}><dt>{}</dt><dd>{}</dd></div>", attribute, term, content)


@register.simple_block_tag
def step(content: str, state: str, name: str, detail: str = "", when: str = "") -> str:
    """``{% step "done" name detail when %}{% endstep %}``: a line in <ol class="cl-steps">.

    States: done, now, wait, fail, todo. What stands between the tags (cause, consequence, choices)
    opens under a step that failed.
    """
    words = {
        "done": gettext("Done"),
        "now": gettext("Busy"),
        "wait": gettext("Waiting"),
        "fail": gettext("Failed"),
        "todo": gettext("Not started yet"),
    }
    return render_to_string(
        "components/step.html",
        {
            "content": mark_safe(content.strip()),  # noqa: S308  (the template escaped it)
            "state": state,
            "state_words": words[state],
            "icon_name": STEP_ICONS[state],
            "name": name,
            "detail": detail,
            "when": when,
        },
    )


@register.simple_block_tag
def stacked_table(content: str) -> SafeString:
    """Around a plain <table class="… cl-table--stack">: adds ARIA roles and column names."""
    return mark_safe(tables.annotate_table(content))  # noqa: S308  (the template escaped it)


@register.simple_block_tag
def dialog(content: str, key: str, action: str, csrf_token: str) -> str:
    """``{% dialog "retire" url csrf_token %}{% include … %}{% enddialog %}``: a confirmation.

    The included fragment is also a page of its own: the link that opens the dialog leads there
    when there is no script, and carries ``data-cl-dialog="retire"``. The fragment's heading has
    the id ``retire-heading``.
    """
    context = {"content": content, "key": key, "action": action, "csrf_token": csrf_token}
    return render_to_string("components/dialog.html", context)


# --- whole parts -------------------------------------------------------------------------------


@register.inclusion_tag("components/breadcrumb.html")
def breadcrumb(*parts: str) -> dict[str, Any]:
    """``{% breadcrumb label url label url last_label %}``: the way back."""
    *links, current = parts
    return {"links": list(zip(links[::2], links[1::2], strict=True)), "current": current}


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField,
    *,
    unit: str = "",
    columns: int = 1,
    hint_first: bool = False,
    hide_label: bool = False,
) -> dict[str, Any]:
    """``{% field form.name %}``: label, hint, control and error of one question.

    Args:
        unit: shown behind the control.
        columns: of choice cards, 1 to 4, on a wide screen.
        hint_first: the hint helps to answer, so it stands above the control.
        hide_label: a heading beside it says the same; only screen readers get the label.
    """
    view = FieldView(bound, unit=unit, hint_first=hint_first)
    return {"field": view, "columns": columns, "hide_label": hide_label}


@register.inclusion_tag("components/form_errors.html")
def form_errors(*form_list: forms.BaseForm) -> dict[str, Any]:
    """``{% form_errors form %}``: above the form, what is wrong, with links to the questions."""
    return {"errors": list(list_errors(form_list))}


@register.inclusion_tag("components/meter_bar.html")
def meter_bar(
    limit: meters.Number,
    used: meters.Number,
    *,
    new: meters.Number = 0,
    reserved: meters.Number = 0,
    warns: bool = True,
    label: str = "",
) -> dict[str, Any]:
    """``{% meter_bar limit used new=… reserved=… %}``: the bar alone; the numbers stand beside it.

    With a ``label`` a screen reader reads that; without, it skips the bar.
    """
    bar = meters.make_bar(limit, used, new=new, reserved=reserved, warns=warns)
    return {"bar": bar, "label": label}


@register.inclusion_tag("components/meter.html")
def meter(
    name: str,
    text: str,
    limit: meters.Number,
    used: meters.Number,
    *,
    new: meters.Number = 0,
    reserved: meters.Number = 0,
    warns: bool = True,
    note: str = "",
) -> dict[str, Any]:
    """``{% meter name text limit used %}``: a name, its numbers in text, the bar, and a note."""
    bar = meters.make_bar(limit, used, new=new, reserved=reserved, warns=warns)
    return {"name": name, "text": text, "bar": bar, "note": note, "label": ""}


@register.inclusion_tag("components/meter_key.html")
def meter_key(*parts: str) -> dict[str, Any]:
    """``{% meter_key "used" "reserved" "free" %}``: what the parts of a bar mean."""
    words = {
        "used": gettext("In use"),
        "new": gettext("This order"),
        "reserved": gettext("Reserved"),
        "free": gettext("Free"),
        "limit": gettext("Limit"),
    }
    return {"keys": [(part, words[part]) for part in parts]}


@register.simple_tag
def track(states: Iterable[str]) -> SafeString:
    """``{% track states %}``: the steps in one line, for a list. States as in ``step``."""
    pieces = list(states)
    if not pieces:
        return SafeString("")
    gap = 1.2
    edges = [index * (100 + gap) / len(pieces) for index in range(len(pieces) + 1)]
    shapes = format_html_join(
        "",
        '<rect class="cl-p-{}" x="{}%" y="0" width="{}%" height="100%"/>',
        (
            (state, f"{left:.2f}", f"{right - left - gap:.2f}")
            for state, (left, right) in zip(pieces, pairwise(edges), strict=True)
        ),
    )
    return format_html(
        '<svg class="cl-meter__bar cl-bar-thin" aria-hidden="true" focusable="false">{}</svg>',
        shapes,
    )


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(
    context: RequestContext, page: Page[Any], name: str = "page", of: str = ""
) -> dict[str, Any]:
    """``{% pagination page %}``: links to the other pages, keeping the filters of this one.

    Where one page has several lists each has a ``name``, of its page in the address, and the
    heading that it is ``of``.
    """
    query = context["request"].GET.copy()
    links = []
    for number in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1):
        query[name] = str(number)
        links.append((number, f"?{query.urlencode()}" if isinstance(number, int) else ""))
    urls = dict(links)
    return {
        "page": page,
        "of": of,
        "links": links,
        "previous_url": urls.get(page.number - 1, ""),
        "next_url": urls.get(page.number + 1, ""),
    }


@register.inclusion_tag("components/downloads.html", takes_context=True)
def downloads(
    context: RequestContext, route: str, *arguments: object, of: str = ""
) -> dict[str, Any]:
    """``{% downloads "billing:tariffs-sheet" %}``: what the page shows as a file, in each form.

    The files keep the filters of the page and have all of its pages; their address is ``route``
    with the arguments and then the form. Where one page has several files each says what it is
    ``of``.
    """
    query = context["request"].GET.copy()
    for name in PAGES:
        query.pop(name, None)
    asked = f"?{query.urlencode()}" if query else ""
    return {
        "links": [
            (name, f"{reverse(route, args=[*arguments, form])}{asked}")
            for name, form in (("Excel", "xlsx"), ("CSV", "csv"))
        ],
        "of": of,
    }
