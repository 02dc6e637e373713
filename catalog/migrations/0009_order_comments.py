"""Remarks and questions under an order, kept as they were written."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORBID = """
CREATE FUNCTION public.catalog_guard_order_comment() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what was written under an order is never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'order_comment_is_append_only';
END $$;
CREATE TRIGGER order_comment_append_only BEFORE UPDATE OR DELETE ON public.catalog_ordercomment
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_order_comment();
"""
ALLOW = """
DROP TRIGGER order_comment_append_only ON public.catalog_ordercomment;
DROP FUNCTION public.catalog_guard_order_comment();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0008_nothing_in_what_ended"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="OrderComment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("text", models.CharField(max_length=1000)),
                ("is_question", models.BooleanField(default=False)),
                ("written_at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comments",
                        to="catalog.order",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["order", "id"], name="order_comment_by_order")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True),
                        name="order_comment_says_something",
                    )
                ],
            },
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
