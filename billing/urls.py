"""The addresses of the cost pages."""

from django.urls import path

from billing.views import costs

app_name = "billing"
urlpatterns = [
    path("costs", costs.cost_overview, name="costs"),
    path("costs/table.<str:form>", costs.cost_sheet, name="cost-sheet"),
    path("costs/focus.csv", costs.focus_rows, name="focus-rows"),
    path("costs/focus.json", costs.focus_metadata, name="focus-metadata"),
    path("costs/resources/<uuid:public_id>", costs.resource_costs, name="resource-costs"),
]
