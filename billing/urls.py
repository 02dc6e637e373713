"""The addresses of the cost pages."""

from django.urls import path

from billing.views import allocation, costs

app_name = "billing"
urlpatterns = [
    path("costs", costs.cost_overview, name="costs"),
    path("costs/table.<str:form>", costs.cost_sheet, name="cost-sheet"),
    path("costs/focus.csv", costs.focus_rows, name="focus-rows"),
    path("costs/focus.json", costs.focus_metadata, name="focus-metadata"),
    path("costs/resources/<uuid:public_id>", costs.resource_costs, name="resource-costs"),
    path(
        "costs/resources/<uuid:public_id>/allocation",
        allocation.resource_allocation,
        name="resource-allocation",
    ),
    path("costs/allocation", allocation.allocation_tree, name="allocation"),
    path("costs/allocation/<uuid:public_id>", allocation.node_allocation, name="node-allocation"),
    path("costs/cost-centres", allocation.cost_centers, name="cost-centers"),
    path("costs/cost-centres.csv", allocation.cost_centers_sheet, name="cost-centers-sheet"),
]
