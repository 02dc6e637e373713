"""What costs fall under, when. The guard lets a fact end, or end sooner, and nothing else."""

import billing.models.moments
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.comparison
import portal.core.models
from django.db import migrations, models

FORBID = """
CREATE FUNCTION billing_guard_allocation_fact() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'valid_until' = to_jsonb(OLD) - 'valid_until'
       AND NEW.valid_until <= coalesce(OLD.valid_until, 'infinity')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what costs fall under is never changed or deleted; it may only end, or sooner'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'allocation_fact_may_only_end';
END $$;
CREATE TRIGGER allocation_fact_may_only_end BEFORE UPDATE OR DELETE ON billing_allocationfact
    FOR EACH ROW EXECUTE FUNCTION billing_guard_allocation_fact();
"""
ALLOW = """
DROP TRIGGER allocation_fact_may_only_end ON billing_allocationfact;
DROP FUNCTION billing_guard_allocation_fact();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0010_statements"),
        ("identity", "0018_links_that_wait_may_end"),
    ]

    operations = [
        migrations.CreateModel(
            name="AllocationFact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                (
                    "key",
                    models.CharField(
                        choices=[
                            ("cost_center", "Cost centre"),
                            ("cost_object", "Cost object"),
                            ("commitment_number", "Commitment number"),
                        ],
                        max_length=20,
                    ),
                ),
                ("value", models.CharField(max_length=40)),
                (
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocation_facts",
                        to="identity.node",
                    ),
                ),
                (
                    "resource",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocation_facts",
                        to="billing.meteredresource",
                    ),
                ),
            ],
            options={
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("key", "cost_center")),
                        expressions=[
                            (
                                portal.core.models.PointRange(
                                    django.db.models.functions.comparison.Coalesce(
                                        "node_id", models.Value(0)
                                    )
                                ),
                                "&&",
                            ),
                            (
                                portal.core.models.PointRange(
                                    django.db.models.functions.comparison.Coalesce(
                                        "resource_id", models.Value(0)
                                    )
                                ),
                                "&&",
                            ),
                            (
                                portal.core.models.TsTzRange(
                                    "valid_from",
                                    "valid_until",
                                    django.contrib.postgres.fields.ranges.RangeBoundary(),
                                ),
                                "&&",
                            ),
                        ],
                        name="allocation_one_cost_center_at_a_time",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("key", "cost_object")),
                        expressions=[
                            (
                                portal.core.models.PointRange(
                                    django.db.models.functions.comparison.Coalesce(
                                        "node_id", models.Value(0)
                                    )
                                ),
                                "&&",
                            ),
                            (
                                portal.core.models.PointRange(
                                    django.db.models.functions.comparison.Coalesce(
                                        "resource_id", models.Value(0)
                                    )
                                ),
                                "&&",
                            ),
                            (
                                portal.core.models.TsTzRange(
                                    "valid_from",
                                    "valid_until",
                                    django.contrib.postgres.fields.ranges.RangeBoundary(),
                                ),
                                "&&",
                            ),
                        ],
                        name="allocation_one_cost_object_at_a_time",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        condition=models.Q(("key", "commitment_number")),
                        expressions=[
                            (
                                portal.core.models.PointRange(
                                    django.db.models.functions.comparison.Coalesce(
                                        "node_id", models.Value(0)
                                    )
                                ),
                                "&&",
                            ),
                            (
                                portal.core.models.PointRange(
                                    django.db.models.functions.comparison.Coalesce(
                                        "resource_id", models.Value(0)
                                    )
                                ),
                                "&&",
                            ),
                            (
                                portal.core.models.TsTzRange(
                                    "valid_from",
                                    "valid_until",
                                    django.contrib.postgres.fields.ranges.RangeBoundary(),
                                ),
                                "&&",
                            ),
                        ],
                        name="allocation_one_commitment_number_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("node", None), ("resource__isnull", False)),
                            models.Q(
                                models.Q(("key", "cost_center"), _negated=True),
                                ("node__isnull", False),
                                ("resource", None),
                            ),
                            _connector="OR",
                        ),
                        name="allocation_of_a_node_or_a_resource",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("key__in", ["cost_center", "cost_object", "commitment_number"])
                        ),
                        name="allocation_key_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("value", ""), _negated=True),
                        name="allocation_has_a_value",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until", None),
                            ("valid_until__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="allocation_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("valid_from__isnull", True),
                                (
                                    "valid_from",
                                    billing.models.moments.WholeSecond(models.F("valid_from")),
                                ),
                                _connector="OR",
                            ),
                            models.Q(
                                ("valid_until__isnull", True),
                                (
                                    "valid_until",
                                    billing.models.moments.WholeSecond(models.F("valid_until")),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="allocation_changes_on_a_whole_second",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
