"""Every component on one page, in every state that it knows. For tests and for looking at."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.views.i18n import set_language

from portal.core.choices import ChoiceCard
from portal.web.navigation import Link, LinkGroup

SIZES = [
    ("small", ChoiceCard("Small", "2 processors, 4 GiB memory", Decimal("38.40"))),
    ("medium", ChoiceCard("Medium", "4 processors, 8 GiB memory", Decimal("76.80"))),
    ("large", ChoiceCard("Large", "8 processors, 16 GiB memory", refusal="Does not fit the quota")),
]


class GalleryForm(forms.Form):
    project = forms.ChoiceField(choices=[("a", "Case system"), ("b", "Permits")])
    name = forms.CharField(help_text="Small letters, digits and hyphens.", max_length=5)
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    size = forms.ChoiceField(
        choices=SIZES, widget=forms.RadioSelect, help_text="You can change this later."
    )
    backup = forms.BooleanField(
        label=ChoiceCard("Backup every night", "Kept for 14 days", Decimal("3.00")), required=False
    )
    volume = forms.IntegerField(help_text="20 to 160 GiB.", min_value=20, max_value=160)
    until = forms.DateField(help_text="Day-month-year.")
    secret = forms.CharField(widget=forms.HiddenInput, initial="x")

    def clean(self) -> dict[str, Any]:
        raise forms.ValidationError("The order does not fit the budget of this month.")


class Shell:
    """A frame around the gallery with somebody in it, without a database."""

    is_demo = True
    person = {"name": "Sanne Wiersma"}
    role_names = "Requester"
    workplace = "Directie Waterregistratie"
    other_languages = [{"code": "en", "name_local": "English"}]
    return_path = "/gallery"
    menu = [
        LinkGroup(
            "",
            (
                Link("/", "Home", "home", is_current=True, waiting=0),
                Link("/a", "Catalogue", "layout-grid", is_current=False, waiting=0),
                Link("/b", "My orders", "list-check", is_current=False, waiting=3),
            ),
        ),
        LinkGroup("Insight", (Link("/c", "My costs", "coin-euro", is_current=False, waiting=0),)),
    ]


@login_not_required
def gallery(request: HttpRequest) -> HttpResponse:
    form = GalleryForm({"project": "a", "name": "zaak-app-01", "size": "medium", "backup": "on"})
    page = Paginator(range(200), 10).page(int(request.GET.get("page", "5")))
    context = {
        "form": form,
        "page": page,
        "shell": Shell(),
        "at": datetime(2026, 10, 5, 9, 36, tzinfo=UTC),
        "amount": Decimal("1234.5"),
        "minus": Decimal("-12.5"),
        "rows": [("Case system", 1440, 400, 2000), ("Permits", 3180, 200, 4500)],
        "states": ["done", "done", "now", "wait", "todo"],
    }
    return render(request, "gallery.html", context)


@login_not_required
def done(request: HttpRequest) -> HttpResponse:
    messages.success(request, "The order is on its way")
    return redirect("/gallery")


@login_not_required
def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken on purpose")


handler500 = "portal.web.views.errors.server_error"
handler404 = "portal.web.views.errors.not_found"
urlpatterns = [
    path("gallery", gallery),
    path("done", done),
    path("broken", broken),
    path("language", login_not_required(set_language), name="set-language"),
    path("", include("portal.web.urls")),
    path("", include("portal.identity.urls")),
]
