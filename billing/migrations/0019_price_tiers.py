"""Prices may have tiers. They stand with the price itself, so whatever guards it guards them."""

import django.contrib.postgres.fields
from django.db import migrations, models

CHECK = """
CREATE FUNCTION public.billing_tiers_are_right(quantities numeric[], amounts numeric[])
    RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT cardinality(quantities) = cardinality(amounts) AND NOT EXISTS (
        SELECT FROM (
            SELECT
                quantity, amount, lag(quantity, 1, 0::numeric) OVER (ORDER BY place) AS before
            FROM unnest(quantities, amounts) WITH ORDINALITY AS tier (quantity, amount, place)
        ) AS tier
        WHERE (quantity > before AND amount >= 0) IS NOT TRUE
    )
$$;
"""
FORGET = "DROP FUNCTION public.billing_tiers_are_right(numeric[], numeric[]);"


def tier_columns(model):
    return [
        migrations.AddField(
            model_name=model,
            name=name,
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.DecimalField(decimal_places=6, max_digits=18),
                db_default=[],
                default=list,
                size=None,
            ),
        )
        for name in ("tier_quantities", "tier_amounts")
    ]


def tiers_rise(model, name):
    return migrations.AddConstraint(
        model_name=model,
        constraint=models.CheckConstraint(
            condition=models.Func(
                models.F("tier_quantities"),
                models.F("tier_amounts"),
                function="billing_tiers_are_right",
                output_field=models.BooleanField(),
            ),
            name=name,
        ),
    )


def from_quantity(model):
    return migrations.AddField(
        model_name=model,
        name="from_quantity",
        field=models.DecimalField(decimal_places=6, db_default=0, default=0, max_digits=18),
    )


class Migration(migrations.Migration):
    dependencies = [("billing", '0018_books_that_prove_themselves')]

    operations = [
        migrations.RunSQL(CHECK, FORGET),
        *tier_columns("price"),
        *tier_columns("tariffroundline"),
        tiers_rise("price", "price_tiers_rise"),
        tiers_rise("tariffroundline", "tariff_line_tiers_rise"),
        migrations.AddConstraint(
            model_name="tariffroundline",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends", False), ("tier_quantities", []), _connector="OR"),
                name="tariff_line_that_ends_has_no_tiers",
            ),
        ),
        from_quantity("statementline"),
        migrations.AddField(
            model_name="statementlinesource",
            name="part",
            field=models.DecimalField(decimal_places=6, max_digits=36, null=True),
        ),
        from_quantity("summaryline"),
        migrations.AddField(
            model_name="summaryline",
            name="unit_price",
            field=models.DecimalField(decimal_places=6, max_digits=18, null=True),
        ),
    ]
