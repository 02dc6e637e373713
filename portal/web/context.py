"""What base.html shows around a page. Every query waits until a template asks for it."""

from __future__ import annotations

from functools import cached_property

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import get_language_info

from portal.identity import access
from portal.identity.break_glass import is_emergency
from portal.identity.models import Person, Role
from portal.identity.oidc.step_up import page_of
from portal.web.navigation import LinkGroup, make_menu
from portal.web.stack import CloudProgress, read_cloud_progress


class Shell:
    """The frame of a page for one request: who, in which roles, where, with which menu."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def is_demo(self) -> bool:
        return bool(settings.DEMO)

    @cached_property
    def person(self) -> Person | None:
        """Who is logged in. None also where a request failed before anybody was known."""
        user = getattr(self._request, "user", None)
        return user if isinstance(user, Person) and user.is_active else None

    @property
    def is_emergency(self) -> bool:
        """Somebody came in with an emergency password; every page says so."""
        return self.person is not None and is_emergency(self._request)

    @cached_property
    def roles(self) -> frozenset[Role]:
        return frozenset(access.roles_of(self.person)) if self.person else frozenset()

    @property
    def role_names(self) -> str:
        return ", ".join(str(role.label) for role in Role if role in self.roles)

    @cached_property
    def workplace(self) -> str:
        """The node on which all of the person's roles stand; empty when there are several."""
        if self.person is None:
            return ""
        names = set(access.grants_in_force(self.person).values_list("node__name", flat=True))
        return names.pop() if len(names) == 1 else ""

    @cached_property
    def menu(self) -> list[LinkGroup]:
        if self.person is None:
            return []
        return make_menu(self.person, self.roles, self._request.path)

    @property
    def cloud_progress(self) -> CloudProgress | None:
        """How far the local cloud is, for pages on which somebody may have to wait for it."""
        return read_cloud_progress()

    @property
    def other_languages(self) -> list[dict[str, str]]:
        """The languages to change to, with ``code`` and ``name_local``."""
        codes = [code for code, _name in settings.LANGUAGES if code != translation.get_language()]
        return [get_language_info(code) for code in codes]

    @property
    def return_path(self) -> str:
        """Where changing the language leads back to: after a POST, the page of the form.

        A view whose own address must not be shown, such as the end of a login, sets another on
        the request (``return_path``).
        """
        other: str | None = getattr(self._request, "return_path", None)
        if other or self._request.method in {"GET", "HEAD"}:
            return other or self._request.get_full_path()
        try:
            return page_of(self._request)
        except DisallowedHost:  # and this is the page that says so
            return "/"


def shell(request: HttpRequest) -> dict[str, Shell]:
    """Context processor: ``shell`` in every template."""
    return {"shell": Shell(request)}
