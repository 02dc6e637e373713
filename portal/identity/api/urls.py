"""The addresses of the tree and of people's own affairs under /api/v1. No slash at the end."""

from rest_framework.routers import SimpleRouter

from portal.identity.api.sessions import SessionViewSet
from portal.identity.api.views import OrganizationViewSet, ProjectViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("organizations", OrganizationViewSet, basename="organization")
router.register("projects", ProjectViewSet, basename="project")
router.register("sessions", SessionViewSet, basename="session")

urlpatterns = router.urls
