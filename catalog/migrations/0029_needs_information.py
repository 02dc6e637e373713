"""An order about which somebody asked something says so, until its requester answered.

It is as undecided as one that waits for approval: nothing is made of it, one change of a resource
at a time counts it, and a project does not end before it. Orders with an open question move there.
"""

from importlib import import_module

from django.db import migrations, models

given_up = import_module("catalog.migrations.0021_a_line_given_up")
rules = import_module("catalog.migrations.0023_approval_rules")
BEFORE = [*given_up.BEFORE, ("failed", "completed")]
ADDED = [
    ("pending_approval", "needs_information"),
    ("needs_information", "pending_approval"),
    ("needs_information", "rejected"),
    ("needs_information", "withdrawn"),
    ("needs_information", "expired"),
]
PINNED = "SET search_path = pg_catalog, public, pg_temp"


def guards(undecided: str) -> str:
    """The functions that ask whether an order is undecided, or open."""
    return f"""
CREATE OR REPLACE FUNCTION public.catalog_guard_order() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NEW.requested_by_id <> OLD.requested_by_id THEN
        RAISE EXCEPTION 'who asked for an order never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_requester_never_changes';
    END IF;
    IF OLD.state IN ('rejected', 'withdrawn', 'expired') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'an order that ended stays ended'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_that_ended_stays_ended';
    END IF;
    IF NEW.state NOT IN ({undecided}, 'rejected', 'withdrawn', 'expired')
       AND NOT {rules.COUNTED} THEN
        RAISE EXCEPTION 'an order goes on only after an approval'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_goes_on_only_after_approval';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION public.catalog_guard_change_line() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    PERFORM 1 FROM public.catalog_resource AS resource
        JOIN public.catalog_order AS asked ON asked.id = NEW.order_id
        WHERE resource.id = NEW.changes_id AND resource.project_id = asked.project_id
            AND resource.state = 'active'
        FOR NO KEY UPDATE OF resource;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only what runs in the project of the order is changed'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_line_changes_what_runs_in_its_project';
    END IF;
    IF EXISTS (SELECT 1 FROM public.catalog_orderline AS line
               JOIN public.catalog_order AS other ON other.id = line.order_id
               WHERE line.changes_id = NEW.changes_id
                   AND other.state IN ({undecided}, 'provisioning', 'failed')) THEN
        RAISE EXCEPTION 'one order at a time changes a resource'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_line_is_the_only_change_under_way';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION public.catalog_guard_end_of_node() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.catalog_order WHERE project_id = NEW.id
            AND state IN ({undecided}, 'provisioning', 'failed')
    ) OR EXISTS (
        SELECT FROM public.catalog_resource WHERE project_id = NEW.id AND state <> 'retired'
    ) OR EXISTS (
        SELECT FROM public.catalog_quotaclaim WHERE project_id = NEW.id AND state <> 'released'
    ) THEN
        RAISE EXCEPTION 'a project ends after its orders, resources and claims'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'node_ends_after_what_was_ordered_in_it';
    END IF;
    RETURN NEW;
END $$;
"""


MOVE = """
UPDATE public.catalog_order AS asked SET state = 'needs_information'
WHERE state = 'pending_approval' AND EXISTS (
    SELECT FROM public.catalog_ordercomment AS question
    WHERE question.order_id = asked.id AND question.is_question AND NOT EXISTS (
        SELECT FROM public.catalog_ordercomment AS answer
        WHERE answer.order_id = asked.id AND answer.author_id = asked.requested_by_id
            AND answer.id > question.id
    ) AND NOT EXISTS (
        SELECT FROM public.catalog_approval AS said
        WHERE said.order_id = asked.id AND said.approver_id = question.author_id
            AND said.decided_at > question.written_at
    )
);
"""
MOVE_BACK = """
UPDATE public.catalog_order SET state = 'pending_approval' WHERE state = 'needs_information';
"""
BOTH = "'pending_approval', 'needs_information'"
CHOICES = [
    ("pending_approval", "Waiting for approval"),
    ("needs_information", "Waiting for an answer"),
    ("provisioning", "Being delivered"),
    ("completed", "Delivered"),
    ("failed", "Needs attention"),
    ("rejected", "Refused"),
    ("withdrawn", "Withdrawn"),
    ("expired", "Expired"),
    ("canceled", "Undone"),
]


class Migration(migrations.Migration):
    dependencies = [("catalog", "0028_rules_of_one_offering")]
    operations = [
        migrations.AlterField(
            model_name="order",
            name="state",
            field=models.CharField(choices=CHOICES, default="pending_approval", max_length=20),
        ),
        migrations.RemoveConstraint(model_name="order", name="order_state_known"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", [state for state, _ in CHOICES])),
                name="order_state_known",
            ),
        ),
        migrations.RunSQL(
            given_up.may_become([*BEFORE, *ADDED]) + guards(BOTH) + MOVE,
            MOVE_BACK + given_up.may_become(BEFORE) + guards("'pending_approval'"),
        ),
    ]
