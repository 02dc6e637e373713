"""The addresses of the catalogue under /api/v1. Without a slash at the end: with one is a 404."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from catalog.api import views, work
from catalog.api.assemblies import AssemblyViewSet
from catalog.api.drift import DifferenceViewSet
from catalog.api.exits import ExitPackageViewSet, ExitTestViewSet
from catalog.api.offerings import OfferingVersionViewSet
from catalog.api.placement import (
    PlacementAdviceViewSet,
    PlacementDecisionViewSet,
    WorkloadViewSet,
)
from catalog.api.placement_reports import ConcentrationViewSet, PlacementRegisterViewSet
from catalog.api.quota_requests import QuotaRequestViewSet
from catalog.api.resource_costs import ResourceCostViewSet
from catalog.api.sovereignty import SovereigntyViewSet
from catalog.api.supplies import SupplyViewSet
from catalog.api.usage_checks import UsageCheckViewSet
from portal.core.openapi import OpenApiView

app_name = "api"

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("assemblies", AssemblyViewSet, basename="assembly")
router.register("offerings", views.OfferingViewSet, basename="offering")
router.register("offering-versions", OfferingVersionViewSet, basename="offering-version")
router.register("orders", views.OrderViewSet, basename="order")
router.register("approvals", views.ApprovalViewSet, basename="approval")
router.register("resources", views.ResourceViewSet, basename="resource")
router.register("resource-costs", ResourceCostViewSet, basename="resource-cost")
router.register("operations", work.OperationViewSet, basename="operation")
router.register("quotas", views.QuotaViewSet, basename="quota")
router.register("quota-requests", QuotaRequestViewSet, basename="quota-request")
router.register("differences", DifferenceViewSet, basename="difference")
router.register("exit-packages", ExitPackageViewSet, basename="exit-package")
router.register("exit-tests", ExitTestViewSet, basename="exit-test")
router.register("sovereignty-reports", SovereigntyViewSet, basename="sovereignty-report")
router.register("supply-profiles", SupplyViewSet, basename="supply-profile")
router.register("placement-register", PlacementRegisterViewSet, basename="placement-register")
router.register("concentration", ConcentrationViewSet, basename="concentration")
router.register("usage-checks", UsageCheckViewSet, basename="usage-check")
router.register("workloads", WorkloadViewSet, basename="workload")
router.register("placement-advice", PlacementAdviceViewSet, basename="placement-advice")
router.register("placement-decisions", PlacementDecisionViewSet, basename="placement-decision")

urlpatterns = [
    *router.urls,
    path("openapi.json", OpenApiView.as_view(), name="openapi"),
]
