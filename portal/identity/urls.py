"""Logging in and out. Each provider has its own addresses: none can answer for another."""

from django.conf import settings
from django.urls import URLPattern, path

from portal.identity.oidc import views

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
    *(pattern for key in settings.OIDC_PROVIDERS for pattern in _of_provider(key)),
]
