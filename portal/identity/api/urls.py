"""The addresses of identity under /api/v1. Without a slash at the end: with one is a 404."""

from rest_framework.routers import SimpleRouter

from portal.identity.api.views import RoleGrantViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("role-grants", RoleGrantViewSet, basename="role-grant")

urlpatterns = router.urls
