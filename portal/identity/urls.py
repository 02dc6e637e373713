"""Logging in and out, each provider at its own addresses; people, the tree, roles, reviews."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.identity.facts import FactKind
from portal.identity.oidc import views
from portal.identity.views import (
    account,
    links,
    organizations,
    people,
    proposals,
    reviews,
    roles,
    sessions,
)
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


# Each noun keeps its addresses together; the list of organizations, moving and ending one need
# what was ordered in them, and stand in catalog.urls.
urlpatterns = [
    path("login", views.login_page, name="login"),
    path("login/break-glass", emergency_login, name="break-glass"),
    path("logout", views.LogoutView.as_view(), name="logout"),
    *(pattern for key in settings.OIDC_PROVIDERS for pattern in _of_provider(key)),
    # one's own account
    path("account", account.account, name="account"),
    path("account/deputy", account.own_deputy, name="account-deputy"),
    path("account/sessions", sessions.session_list, name="sessions"),
    path("account/sessions/end-others", sessions.session_end_others, name="session-end-others"),
    path("account/sessions/<uuid:public_id>/end", sessions.session_end, name="session-end"),
    # people
    path("people", people.person_list, name="people"),
    path("people/<uuid:public_id>", people.person_detail, name="person"),
    path("people/<uuid:public_id>/end", people.person_end, name="person-end"),
    path("people/<uuid:public_id>/reinstate", people.person_reinstate, name="person-reinstate"),
    path("people/<uuid:public_id>/deputy", people.person_deputy, name="person-deputy"),
    path("people/<uuid:public_id>/sessions", sessions.person_sessions, name="person-sessions"),
    path(
        "people/<uuid:public_id>/sessions/<uuid:session_id>/end",
        sessions.person_session_end,
        name="person-session-end",
    ),
    path("people/<uuid:public_id>/link", links.person_link, name="person-link"),
    path("people/<uuid:public_id>/unlink", links.person_unlink, name="person-unlink"),
    path("identity-links/<uuid:public_id>", links.link_detail, name="identity-link"),
    path(
        "identity-links/<uuid:public_id>/confirm", links.link_confirm, name="identity-link-confirm"
    ),
    path("identity-links/<uuid:public_id>/refuse", links.link_refuse, name="identity-link-refuse"),
    path(
        "identity-links/<uuid:public_id>/withdraw",
        links.link_withdraw,
        name="identity-link-withdraw",
    ),
    path("deputies/<uuid:public_id>/end", people.deputy_end, name="deputy-end"),
    # organizations and projects
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
    # roles
    path("organizations/<uuid:public_id>/roles", roles.node_roles, name="roles"),
    path("organizations/<uuid:public_id>/roles/propose", roles.role_propose, name="role-propose"),
    path("role-grants/<uuid:public_id>/end", roles.role_end, name="role-end"),
    path("claim-bars/<uuid:public_id>/lift", roles.bar_lift, name="claim-bar-lift"),
    path("without-owner", roles.gap_list, name="without-owner"),
    path("role-proposals", proposals.proposal_list, name="role-proposals"),
    path("role-proposals/<uuid:public_id>", proposals.proposal_detail, name="role-proposal"),
    path(
        "role-proposals/<uuid:public_id>/grant",
        proposals.proposal_grant,
        name="role-proposal-grant",
    ),
    path(
        "role-proposals/<uuid:public_id>/refuse",
        proposals.proposal_refuse,
        name="role-proposal-refuse",
    ),
    path(
        "role-proposals/<uuid:public_id>/withdraw",
        proposals.proposal_withdraw,
        name="role-proposal-withdraw",
    ),
    # reviews of roles
    path("access-reviews", reviews.review_list, name="access-reviews"),
    path("access-reviews/<uuid:public_id>", reviews.review_detail, name="access-review"),
    path("access-reviews/<uuid:public_id>/keep", reviews.review_keep, name="access-review-keep"),
    path(
        "access-reviews/<uuid:public_id>/items/<uuid:item_id>/withdraw",
        reviews.review_withdraw,
        name="access-review-withdraw",
    ),
    path(
        "access-reviews/<uuid:public_id>/export",
        reviews.review_export,
        name="access-review-export",
    ),
]
