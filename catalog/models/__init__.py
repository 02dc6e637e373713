from catalog.models.difference import (
    LIVING_STATES,
    CloudLook,
    Difference,
    DifferenceKind,
    DifferenceState,
)
from catalog.models.offering import Offering, OfferingVersion, OfferingVersionState
from catalog.models.operation import (
    OPEN_OPERATION_STATES,
    OPERATION_TRANSITIONS,
    Operation,
    OperationKind,
    OperationState,
    Step,
    StepState,
)
from catalog.models.order import (
    ORDER_TRANSITIONS,
    Approval,
    Decision,
    Order,
    OrderLine,
    OrderState,
)
from catalog.models.placement import PlacementDecision, PlacementVerdict
from catalog.models.quota import (
    NEARLY_FULL,
    ClaimState,
    Metric,
    Quota,
    QuotaClaim,
    QuotaClaimLine,
    QuotaLimit,
)
from catalog.models.resource import RESOURCE_TRANSITIONS, Resource, ResourceState

__all__ = [
    "LIVING_STATES",
    "NEARLY_FULL",
    "OPEN_OPERATION_STATES",
    "OPERATION_TRANSITIONS",
    "ORDER_TRANSITIONS",
    "RESOURCE_TRANSITIONS",
    "Approval",
    "ClaimState",
    "CloudLook",
    "Decision",
    "Difference",
    "DifferenceKind",
    "DifferenceState",
    "Metric",
    "Offering",
    "OfferingVersion",
    "OfferingVersionState",
    "Operation",
    "OperationKind",
    "OperationState",
    "Order",
    "OrderLine",
    "OrderState",
    "PlacementDecision",
    "PlacementVerdict",
    "Quota",
    "QuotaClaim",
    "QuotaClaimLine",
    "QuotaLimit",
    "Resource",
    "ResourceState",
    "Step",
    "StepState",
]
