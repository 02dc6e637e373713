from catalog.models.comment import COMMENT_LENGTH, OrderComment, with_open_question
from catalog.models.offering import Offering, OfferingVersion, OfferingVersionState
from catalog.models.operation import (
    OPEN_OPERATION_STATES,
    OPERATION_TRANSITIONS,
    Operation,
    OperationKind,
    OperationState,
    Step,
    StepFault,
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
from catalog.models.solution import Solution, SolutionState

__all__ = [
    "COMMENT_LENGTH",
    "NEARLY_FULL",
    "OPEN_OPERATION_STATES",
    "OPERATION_TRANSITIONS",
    "ORDER_TRANSITIONS",
    "RESOURCE_TRANSITIONS",
    "Approval",
    "ClaimState",
    "Decision",
    "Metric",
    "Offering",
    "OfferingVersion",
    "OfferingVersionState",
    "Operation",
    "OperationKind",
    "OperationState",
    "Order",
    "OrderComment",
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
    "Solution",
    "SolutionState",
    "Step",
    "StepFault",
    "StepState",
    "with_open_question",
]
