"""The addresses of people's own affairs under /api/v1. Without a slash at the end."""

from rest_framework.routers import SimpleRouter

from portal.identity.api.sessions import SessionViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("sessions", SessionViewSet, basename="session")

urlpatterns = router.urls
