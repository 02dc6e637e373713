"""Every address of the portal. The only module that sees all apps."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

handler400 = "portal.web.views.errors.bad_request"
handler403 = "portal.web.views.errors.forbidden"
handler404 = "portal.web.views.errors.not_found"
handler500 = "portal.web.views.errors.server_error"

urlpatterns = [
    path("", include("portal.web.urls")),
    path("", include("portal.identity.urls")),
    path("", include("catalog.urls")),
    path("", include("billing.urls")),
    path("api/v1/", include("portal.identity.api.urls")),
    path("api/v1/", include("catalog.api.urls")),
    path("api/v1/", include("billing.api.urls")),
    path("api/v1/", include("portal.web.api_urls")),
    path("language", login_not_required(require_POST(set_language)), name="set-language"),
]
