"""The addresses of identity under /api/v1. Without a slash at the end: with one is a 404."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from portal.identity.api import reviews
from portal.identity.api.roles import RoleGrantViewSet
from portal.identity.api.sessions import SessionViewSet
from portal.identity.api.tree import OrganizationViewSet, ProjectViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("organizations", OrganizationViewSet, basename="organization")
router.register("projects", ProjectViewSet, basename="project")
router.register("access-reviews", reviews.AccessReviewViewSet, basename="access-review")
router.register("role-grants", RoleGrantViewSet, basename="role-grant")
router.register("sessions", SessionViewSet, basename="session")

urlpatterns = [
    *router.urls,
    path(
        "access-reviews/<uuid:id>/items",
        reviews.AccessReviewItemViewSet.as_view({"get": "list"}),
        name="access-review-items",
    ),
]
