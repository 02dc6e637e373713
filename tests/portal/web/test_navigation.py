from __future__ import annotations

from django.urls import reverse

from portal.identity.models import Person, Role
from portal.web.navigation import MENU, MenuItem, MenuSection, make_menu

SECTIONS = (
    MenuSection("", (MenuItem("web:home", "Home", "home"),)),
    MenuSection(
        "Checks",
        (
            MenuItem("web:health-live", "Live", "check", {Role.OPERATOR}, lambda person: 4),
            MenuItem("web:health-ready", "Ready", "check", {Role.AUDITOR}),
        ),
    ),
)


def test_a_menu_shows_what_the_roles_reach_and_no_empty_section() -> None:
    menu = make_menu(Person(), {Role.REQUESTER}, "/", SECTIONS)
    assert [(group.title, [link.label for link in group.links]) for group in menu] == [
        ("", ["Home"])
    ]


def test_work_that_waits_is_counted() -> None:
    menu = make_menu(Person(), {Role.OPERATOR}, "/", SECTIONS)
    assert [(link.label, link.waiting) for link in menu[1].links] == [("Live", 4)]


def test_the_current_page_is_the_nearest_above() -> None:
    menu = make_menu(Person(), {Role.OPERATOR}, "/health/live/detail", SECTIONS)
    assert [link.url for group in menu for link in group.links if link.is_current] == [
        "/health/live"
    ]
    menu = make_menu(Person(), {Role.OPERATOR}, "/elsewhere", SECTIONS)
    assert not [link for group in menu for link in group.links if link.is_current]


def test_every_page_of_the_menu_exists() -> None:
    for section in MENU:
        for item in section.items:
            assert reverse(item.route).startswith("/")
