"""The addresses of a review, who asks for them, and what their answers hold."""

import pytest
from django.urls import reverse

from portal.identity.models import ReviewItem
from portal.identity.services.review_closing import close_overdue_campaigns
from portal.identity.services.reviews import keep_grants

pytestmark = pytest.mark.django_db


def page_of(campaign, query=""):
    return reverse("identity:access-review", args=[campaign.public_id]) + query


def keep_of(campaign):
    return reverse("identity:access-review-keep", args=[campaign.public_id])


def withdraw_of(item):
    return reverse(
        "identity:access-review-withdraw", args=[item.campaign.public_id, item.public_id]
    )


def rows_of(response):
    return [row for group in response.context["groups"] for row in group.rows]


def keep_all(campaign, reviewer):
    """Settle a review, so that the next one can open."""
    others = campaign.items.exclude(person=reviewer).values_list("public_id", flat=True)
    keep_grants(campaign.public_id, list(others), reviewer=reviewer)
    close_overdue_campaigns(at=campaign.due_at)


def reviews_waiting(response):
    tasks = response.context["tasks"]
    return [task for task in tasks if task.title == "Rollen bevestigen bij Ministerie"]


def undecided():
    return ReviewItem.objects.filter(decision="").count()
