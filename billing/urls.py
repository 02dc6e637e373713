"""The addresses of the cost pages."""

from django.urls import path

from billing import views

app_name = "billing"
urlpatterns = [
    path("costs", views.cost_overview, name="costs"),
    path("costs/focus.csv", views.focus_rows, name="focus-rows"),
    path("costs/focus.json", views.focus_metadata, name="focus-metadata"),
    path("costs/resources/<uuid:public_id>", views.resource_costs, name="resource-costs"),
]
