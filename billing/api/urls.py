"""The addresses of billing under /api/v1. Without a slash at the end: with one is a 404."""

from rest_framework.routers import SimpleRouter

from billing.api.budgets import BudgetViewSet
from billing.api.disputes import DisputeViewSet
from billing.api.files import FileScheduleViewSet, ScheduledFileViewSet
from billing.api.prices import PriceViewSet
from billing.api.skus import MissingSkuViewSet, SkuViewSet
from billing.api.split_keys import SplitKeyViewSet
from billing.api.statements import StatementLineViewSet, StatementViewSet
from billing.api.tags import TagKeyViewSet, TagViewSet
from billing.api.tariff_rounds import TariffRoundViewSet
from billing.api.views import ChargeViewSet, CostViewSet, FocusViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("budgets", BudgetViewSet, basename="budget")
router.register("charges", ChargeViewSet, basename="charge")
router.register("costs", CostViewSet, basename="cost")
router.register("prices", PriceViewSet, basename="price")
router.register("statements", StatementViewSet, basename="statement")
router.register("statement-lines", StatementLineViewSet, basename="statement-line")
router.register("disputes", DisputeViewSet, basename="dispute")
router.register("file-schedules", FileScheduleViewSet, basename="file-schedule")
router.register("scheduled-files", ScheduledFileViewSet, basename="scheduled-file")
router.register("split-keys", SplitKeyViewSet, basename="split-key")
router.register("skus", SkuViewSet, basename="sku")
router.register("missing-skus", MissingSkuViewSet, basename="missing-sku")
router.register("tariff-rounds", TariffRoundViewSet, basename="tariff-round")
router.register("focus", FocusViewSet, basename="focus")
router.register("tags", TagViewSet, basename="tag")
router.register("tag-keys", TagKeyViewSet, basename="tag-key")

urlpatterns = router.urls
