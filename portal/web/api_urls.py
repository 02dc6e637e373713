"""The addresses of the audit trail under /api/v1. Without a slash at the end: with one is a 404."""

from rest_framework.routers import SimpleRouter

from portal.web.api import AuditEntryViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("audit-entries", AuditEntryViewSet, basename="audit-entry")

urlpatterns = router.urls
