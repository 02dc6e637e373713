"""Exit packages that were taken along, and tests of exit plans with the evidence of each step.

What was done is never changed: a test only ends, once, and takes no step afterwards.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
GUARD = f"""
CREATE FUNCTION public.catalog_guard_exit_package() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'that a package was made never changes'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'exit_package_never_changes';
END $$;
CREATE TRIGGER exit_package_guard BEFORE UPDATE OR DELETE ON public.catalog_exitpackage
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_exit_package();

CREATE FUNCTION public.catalog_guard_exit_test() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    later text[] := ARRAY['ended_by_id', 'ended_at', 'outcome'];
BEGIN
    IF TG_OP = 'DELETE'
       OR OLD.ended_at IS NOT NULL
       OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later
    THEN
        RAISE EXCEPTION 'a test of an exit plan only ends, once'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'exit_test_only_ends';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exit_test_guard BEFORE UPDATE OR DELETE ON public.catalog_exittest
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_exit_test();

-- The row of the test is locked by who adds a step and by who ends it, so this reads what holds.
CREATE FUNCTION public.catalog_guard_exit_test_step() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'the evidence of a step never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'exit_test_step_never_changes';
    END IF;
    IF EXISTS (
        SELECT FROM public.catalog_exittest AS test
        WHERE test.id = NEW.test_id AND test.ended_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'a test that ended takes no step'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'exit_test_that_ended_takes_no_step';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER exit_test_step_guard
    BEFORE INSERT OR UPDATE OR DELETE ON public.catalog_exitteststep
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_exit_test_step();
"""
UNGUARD = """
DROP TRIGGER exit_test_step_guard ON public.catalog_exitteststep;
DROP FUNCTION public.catalog_guard_exit_test_step();
DROP TRIGGER exit_test_guard ON public.catalog_exittest;
DROP FUNCTION public.catalog_guard_exit_test();
DROP TRIGGER exit_package_guard ON public.catalog_exitpackage;
DROP FUNCTION public.catalog_guard_exit_package();
"""
PERSON = {"on_delete": django.db.models.deletion.PROTECT, "to": settings.AUTH_USER_MODEL}
PROJECT = {"on_delete": django.db.models.deletion.PROTECT, "to": "identity.project"}


def numbered():
    return (
        "id",
        models.BigAutoField(
            auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
        ),
    )


def public_id():
    return ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True))


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0049_workloads_and_supplies"),
        ("identity", "0018_links_that_wait_may_end"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="ExitPackage",
            fields=[
                numbered(),
                public_id(),
                ("made_at", models.DateTimeField()),
                ("sha256", models.CharField(max_length=64)),
                ("size", models.PositiveBigIntegerField()),
                ("counts", models.JSONField()),
                ("made_by", models.ForeignKey(related_name="+", **PERSON)),
                ("project", models.ForeignKey(related_name="+", **PROJECT)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["project", "-made_at"], name="exit_package_by_project")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")),
                        name="exit_package_has_a_sum",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ExitTest",
            fields=[
                numbered(),
                public_id(),
                (
                    "scenario",
                    models.CharField(
                        choices=[
                            ("planned", "Planned: you choose the moment"),
                            ("disruptive", "At once: the supplier is gone"),
                        ],
                        max_length=20,
                    ),
                ),
                ("begun_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[("passed", "Passed"), ("given_up", "Given up")],
                        max_length=10,
                    ),
                ),
                ("begun_by", models.ForeignKey(related_name="+", **PERSON)),
                ("ended_by", models.ForeignKey(null=True, related_name="+", **PERSON)),
                ("project", models.ForeignKey(related_name="+", **PROJECT)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["project", "-begun_at"], name="exit_test_by_project")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("scenario__in", ["planned", "disruptive"])),
                        name="exit_test_scenario_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("ended_by", None), ("outcome", "")),
                            models.Q(
                                ("ended_at__isnull", False),
                                ("ended_by__isnull", False),
                                ("outcome__in", ["passed", "given_up"]),
                            ),
                            _connector="OR",
                        ),
                        name="exit_test_that_ended_has_an_outcome",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("project", "scenario"),
                        name="exit_test_one_runs_at_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExitTestStep",
            fields=[
                numbered(),
                ("key", models.SlugField(max_length=40)),
                ("done_at", models.DateTimeField()),
                ("evidence", models.CharField(max_length=300)),
                ("done_by", models.ForeignKey(related_name="+", **PERSON)),
                (
                    "test",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="catalog.exittest",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("test", "key"), name="exit_test_step_is_done_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("evidence", ""), _negated=True),
                        name="exit_test_step_has_evidence",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
