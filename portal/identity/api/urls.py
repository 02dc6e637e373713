"""The addresses of the tree under /api/v1. Without a slash at the end: with one is a 404."""

from rest_framework.routers import SimpleRouter

from portal.identity.api.views import OrganizationViewSet, ProjectViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("organizations", OrganizationViewSet, basename="organization")
router.register("projects", ProjectViewSet, basename="project")

urlpatterns = router.urls
