"""Tags that people set. The guards let what was said end, and nothing else; closed months stay."""

import uuid

import billing.models.moments
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.comparison
import portal.core.models
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
CREATE FUNCTION public.billing_guard_tag_key() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'valid_until' = to_jsonb(OLD) - 'valid_until'
        AND OLD.valid_until IS NULL
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what a key of tags was is never changed or deleted; it may only end'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'tag_key_may_only_end';
END $$;
CREATE TRIGGER tag_key_may_only_end BEFORE UPDATE OR DELETE ON billing_tagkey
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_tag_key();
CREATE TRIGGER tag_key_never_truncated BEFORE TRUNCATE ON billing_tagkey
    EXECUTE FUNCTION public.billing_guard_tag_key();

CREATE FUNCTION public.billing_guard_tag_fact() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
DECLARE
    is_said boolean := false;
    change timestamptz;
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        is_said := TG_OP = 'INSERT' OR coalesce(
            to_jsonb(NEW) - 'valid_until' = to_jsonb(OLD) - 'valid_until'
                AND NEW.valid_until <= coalesce(OLD.valid_until, 'infinity'),
            false
        );
    END IF;
    IF NOT is_said THEN
        RAISE EXCEPTION 'a tag is never changed or deleted; it may only end, or sooner'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'tag_fact_may_only_end';
    END IF;
    change := CASE TG_OP WHEN 'INSERT' THEN NEW.valid_from ELSE NEW.valid_until END;
    -- FOR SHARE: who closes a month at this moment goes first, or waits.
    PERFORM FROM billing_billingmonth
        WHERE (first_day + interval '1 month') AT TIME ZONE 'Europe/Amsterdam' > change
        FOR SHARE;
    IF EXISTS (
        SELECT FROM billing_billingmonth
        WHERE state = 'closed'
            AND (first_day + interval '1 month') AT TIME ZONE 'Europe/Amsterdam' > change
    )
    THEN
        RAISE EXCEPTION 'the tags of a closed month never change'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'tags_of_closed_months_never_change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tag_fact_may_only_end BEFORE INSERT OR UPDATE OR DELETE ON billing_tagfact
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_tag_fact();
CREATE TRIGGER tag_fact_never_truncated BEFORE TRUNCATE ON billing_tagfact
    EXECUTE FUNCTION public.billing_guard_tag_fact();
"""
ALLOW = """
DROP TRIGGER tag_fact_never_truncated ON billing_tagfact;
DROP TRIGGER tag_fact_may_only_end ON billing_tagfact;
DROP FUNCTION public.billing_guard_tag_fact();
DROP TRIGGER tag_key_never_truncated ON billing_tagkey;
DROP TRIGGER tag_key_may_only_end ON billing_tagkey;
DROP FUNCTION public.billing_guard_tag_key();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", '0019_price_tiers'),
        ("identity", "0018_links_that_wait_may_end"),
    ]

    operations = [
        migrations.CreateModel(
            name="TagFact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("key", models.CharField(max_length=40)),
                ("value", models.CharField(max_length=40)),
                (
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tag_facts",
                        to="identity.node",
                    ),
                ),
                (
                    "resource",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tag_facts",
                        to="billing.meteredresource",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["key"], name="tag_fact_by_key")],
                "constraints": [
                    django.contrib.postgres.constraints.ExclusionConstraint(
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
                                portal.core.models.PointRange(
                                    models.Func(
                                        models.F("key"),
                                        models.Value(0),
                                        function="hashtextextended",
                                        output_field=models.BigIntegerField(),
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
                        name="tag_one_value_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("node", None), ("resource__isnull", False)),
                            models.Q(("node__isnull", False), ("resource", None)),
                            _connector="OR",
                        ),
                        name="tag_of_a_node_or_a_resource",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key__regex", "^[a-z][a-z0-9_-]*$")),
                        name="tag_has_a_plain_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("value", ""), _negated=True), name="tag_has_a_value"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until", None),
                            ("valid_until__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="tag_ends_after_it_begins",
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
                        name="tag_changes_on_a_whole_second",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TagKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
                ("name", models.CharField(max_length=40)),
                ("allowed_values", models.JSONField(default=list)),
                ("is_required", models.BooleanField(default=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tag_keys",
                        to="identity.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        models.F("name"),
                        condition=models.Q(("valid_until", None)),
                        name="tag_key_is_defined_once_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "^[a-z][a-z0-9_-]*$")),
                        name="tag_key_has_a_plain_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until", None),
                            ("valid_until__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="tag_key_ends_after_it_begins",
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
