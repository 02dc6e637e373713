"""Orders that change what runs.

A line that changes a resource says how the whole of it will be, and how it was. One order at a
time changes a resource, in its own project, while it runs; nothing new is made from such a line.
An operation changes a resource only for a line of an order that was approved, and reverts only
what did not come to its end.
"""

import django.db.models.deletion
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
-- The lock keeps rivals outside until the line is there for them to see.
CREATE FUNCTION public.catalog_guard_change_line() RETURNS trigger LANGUAGE plpgsql
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
                   AND other.state IN ('pending_approval', 'provisioning', 'failed')) THEN
        RAISE EXCEPTION 'one order at a time changes a resource'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_line_is_the_only_change_under_way';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_line_guard_change BEFORE INSERT ON public.catalog_orderline
    FOR EACH ROW WHEN (NEW.changes_id IS NOT NULL)
    EXECUTE FUNCTION public.catalog_guard_change_line();

CREATE FUNCTION public.catalog_guard_line_of_resource() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM public.catalog_orderline
               WHERE id = NEW.order_line_id AND changes_id IS NOT NULL) THEN
        RAISE EXCEPTION 'nothing new is made for an order that changes something'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_does_not_come_from_a_change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER resource_guard_line BEFORE INSERT OR UPDATE OF order_line_id
    ON public.catalog_resource
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_line_of_resource();

CREATE FUNCTION public.catalog_guard_changing_operation() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.catalog_orderline AS line
                   JOIN public.catalog_order AS asked ON asked.id = line.order_id
                   WHERE line.id = NEW.order_line_id AND line.changes_id = NEW.resource_id
                       AND asked.state = CASE NEW.kind WHEN 'change' THEN 'provisioning'
                                                       ELSE 'failed' END) THEN
        RAISE EXCEPTION 'a resource is changed only as somebody approved'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'operation_changes_what_was_approved';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER operation_guard_change BEFORE INSERT OR UPDATE OF order_line_id, resource_id
    ON public.catalog_operation
    FOR EACH ROW WHEN (NEW.order_line_id IS NOT NULL)
    EXECUTE FUNCTION public.catalog_guard_changing_operation();
"""
ALLOW = """
DROP TRIGGER operation_guard_change ON public.catalog_operation;
DROP FUNCTION public.catalog_guard_changing_operation();
DROP TRIGGER resource_guard_line ON public.catalog_resource;
DROP FUNCTION public.catalog_guard_line_of_resource();
DROP TRIGGER order_line_guard_change ON public.catalog_orderline;
DROP FUNCTION public.catalog_guard_change_line();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0014_offerings_in_versions")]
    operations = [
        migrations.AddField(
            model_name="orderline",
            name="changes",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="catalog.resource",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="before",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="operation",
            name="order_line",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="operations",
                to="catalog.orderline",
            ),
        ),
        migrations.AlterField(
            model_name="operation",
            name="kind",
            field=models.CharField(
                choices=[
                    ("provision", "Deliver"),
                    ("change", "Change"),
                    ("act", "Action"),
                    ("retire", "Clean up"),
                    ("compensate", "Undo"),
                    ("revert", "Undo the change"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("before__isnull", True), ("changes__isnull", True))
                | models.Q(("before__isnull", False), ("changes__isnull", False)),
                name="order_line_of_a_change_says_how_it_was",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["change", "revert"]), ("order_line__isnull", False)
                )
                | models.Q(
                    models.Q(("kind__in", ["change", "revert"]), _negated=True),
                    ("order_line", None),
                ),
                name="operation_that_changes_names_its_order_line",
            ),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
