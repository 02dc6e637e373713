"""Logging in and out, each provider at its own addresses; and reviewing roles."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.identity.oidc import views
from portal.identity.views import reviews

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
    path("logout", views.LogoutView.as_view(), name="logout"),
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
    *(pattern for key in settings.OIDC_PROVIDERS for pattern in _of_provider(key)),
]
