"""Logging in and out, sessions, and organizations. Each provider has addresses of its own."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.identity.facts import FactKind
from portal.identity.oidc import views
from portal.identity.views import organizations, sessions
from portal.identity.views.break_glass import emergency_login

app_name = "identity"


def _of_provider(key: str) -> list[URLPattern]:
    which = {"provider_key": key}
    return [
        path(f"login/{key}", views.StartView.as_view(), which, name=f"start-{key}"),
        path(f"login/{key}/callback", views.CallbackView.as_view(), which, name=f"callback-{key}"),
        path(
            f"login/{key}/backchannel-logout",
            views.back_channel_logout,
            which,
            name=f"backchannel-logout-{key}",
        ),
    ]


urlpatterns = [
    path("login", views.login_page, name="login"),
    path("login/break-glass", emergency_login, name="break-glass"),
    path("logout", views.LogoutView.as_view(), name="logout"),
    path("account/sessions", sessions.session_list, name="sessions"),
    path("account/sessions/end-others", sessions.session_end_others, name="session-end-others"),
    path("account/sessions/<uuid:public_id>/end", sessions.session_end, name="session-end"),
    path("people/<uuid:public_id>/sessions", sessions.person_sessions, name="person-sessions"),
    path(
        "people/<uuid:public_id>/sessions/<uuid:session_id>/end",
        sessions.person_session_end,
        name="person-session-end",
    ),
    # organizations and projects; list, move and end: catalog.urls
    path("organizations/<uuid:public_id>", organizations.organization_detail, name="organization"),
    path(
        "organizations/<uuid:public_id>/edit",
        organizations.organization_edit,
        name="organization-edit",
    ),
    path(
        "organizations/<uuid:public_id>/add-organization",
        organizations.organization_add,
        name="organization-add",
    ),
    path(
        "organizations/<uuid:public_id>/add-project",
        organizations.project_add,
        name="project-add",
    ),
    *(
        path(
            f"organizations/<uuid:public_id>/{kind}",
            organizations.fact_set,
            {"kind": kind},
            name=f"{kind}-set",
        )
        for kind in FactKind
    ),
    *(pattern for key in settings.OIDC_PROVIDERS for pattern in _of_provider(key)),
]
