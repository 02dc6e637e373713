"""Solved by hand, under four eyes where that moves money; and stopped at any moment.

An operation becomes ``solved`` only from ``failed``, with a confirmed solution that says rightly
whether it moves money; the check ``solution_that_moves_money_names_who_confirmed_it`` then asks
for a second person. A solution begins by waiting, is settled once, and is never deleted.
"""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
CREATE FUNCTION public.catalog_guard_new_solution() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'a solution begins by waiting'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'solution_begins_waiting';
    END IF;
    IF NEW.moves_money IS DISTINCT FROM (SELECT kind <> 'act' FROM public.catalog_operation
                                         WHERE id = NEW.operation_id) THEN
        RAISE EXCEPTION 'only what a person has done to a resource as it is moves no money'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'solution_knows_whether_it_moves_money';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER solution_guard_new BEFORE INSERT ON public.catalog_solution
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_new_solution();

CREATE FUNCTION public.catalog_guard_solution() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a solution is never deleted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'solution_is_never_deleted';
    END IF;
    IF OLD.state <> 'proposed' THEN
        RAISE EXCEPTION 'a solution that is settled stays settled'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'solution_that_is_settled_stays_settled';
    END IF;
    IF (NEW.id, NEW.public_id, NEW.operation_id, NEW.moves_money, NEW.reason,
        NEW.proposed_by_id, NEW.proposed_at)
       IS DISTINCT FROM
       (OLD.id, OLD.public_id, OLD.operation_id, OLD.moves_money, OLD.reason,
        OLD.proposed_by_id, OLD.proposed_at) THEN
        RAISE EXCEPTION 'what was proposed never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'solution_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER solution_guard BEFORE UPDATE OR DELETE ON public.catalog_solution
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_solution();

CREATE FUNCTION public.catalog_guard_operation() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NEW.state = 'solved' AND (TG_OP = 'INSERT' OR OLD.state <> 'failed') THEN
        RAISE EXCEPTION 'only what waits for a person is solved by hand'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'operation_solved_was_waiting_for_a_person';
    END IF;
    IF NEW.state = 'solved'
       AND NOT EXISTS (SELECT 1 FROM public.catalog_solution
                       WHERE operation_id = NEW.id AND state = 'confirmed') THEN
        RAISE EXCEPTION 'an operation is solved by a solution that was confirmed'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'operation_solved_by_a_confirmed_solution';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.kind <> OLD.kind THEN
        RAISE EXCEPTION 'what an operation is for never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'operation_keeps_its_kind';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state = 'failed' AND NEW.state = 'succeeded' THEN
        RAISE EXCEPTION 'what failed is tried again, undone or solved'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'operation_that_failed_does_not_just_succeed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER operation_guard BEFORE INSERT OR UPDATE OF state, kind ON public.catalog_operation
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_operation();
"""
ALLOW = """
DROP TRIGGER operation_guard ON public.catalog_operation;
DROP FUNCTION public.catalog_guard_operation();
DROP TRIGGER solution_guard ON public.catalog_solution;
DROP FUNCTION public.catalog_guard_solution();
DROP TRIGGER solution_guard_new ON public.catalog_solution;
DROP FUNCTION public.catalog_guard_new_solution();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0009_order_comments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Solution",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("moves_money", models.BooleanField()),
                ("reason", models.CharField(max_length=500)),
                ("proposed_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "To be confirmed"),
                            ("confirmed", "Confirmed"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                            ("lapsed", "Overtaken"),
                        ],
                        default="proposed",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision_reason", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="operation",
            name="operation_state_known",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_state_known",
        ),
        migrations.AddField(
            model_name="operation",
            name="cancel_requested_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="operation",
            name="cancel_requested_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="fault",
            field=models.CharField(
                blank=True,
                choices=[
                    ("unavailable", "The cloud does not answer."),
                    ("refused", "The cloud refused this step."),
                    ("no_room", "The cloud says that its quota is full."),
                    ("broken", "What the cloud made does not work."),
                    ("too_slow", "It takes longer than this step may take."),
                    ("defect", "Cloudloket made a mistake. Tell those who look after it."),
                ],
                db_default="",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="operation",
            name="state",
            field=models.CharField(
                choices=[
                    ("running", "Busy"),
                    ("failed", "Needs attention"),
                    ("succeeded", "Done"),
                    ("abandoned", "Given up"),
                    ("canceled", "Stopped"),
                    ("solved", "Solved by hand"),
                ],
                default="running",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="state",
            field=models.CharField(
                choices=[
                    ("todo", "To do"),
                    ("running", "Busy"),
                    ("awaiting", "Waiting for the cloud"),
                    ("done", "Done"),
                    ("failed", "Needs attention"),
                    ("canceled", "Not done"),
                ],
                default="todo",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="operation",
            index=models.Index(
                condition=models.Q(("state__in", ["running", "failed"])),
                fields=["state", "failed_at"],
                name="operation_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        ["running", "failed", "succeeded", "abandoned", "canceled", "solved"],
                    )
                ),
                name="operation_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="operation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cancel_requested_at", None), ("cancel_requested_by", None)),
                    models.Q(
                        ("cancel_requested_at__isnull", False),
                        ("cancel_requested_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="operation_cancellation_names_who_and_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["todo", "running", "awaiting", "done", "failed", "canceled"])
                ),
                name="step_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "fault__in",
                        ["", "unavailable", "refused", "no_room", "broken", "too_slow", "defect"],
                    )
                ),
                name="step_fault_known",
            ),
        ),
        migrations.AddField(
            model_name="solution",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="solution",
            name="operation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="solutions",
                to="catalog.operation",
            ),
        ),
        migrations.AddField(
            model_name="solution",
            name="proposed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="solution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["proposed", "confirmed", "refused", "withdrawn", "lapsed"])
                ),
                name="solution_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="solution",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="solution_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="solution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="solution_decided_by_another_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="solution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        ("state__in", ["confirmed", "refused"]),
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by", None),
                        ("moves_money", False),
                        ("state", "confirmed"),
                    ),
                    models.Q(
                        ("decided_at", None),
                        ("decided_by", None),
                        ("state__in", ["proposed", "withdrawn", "lapsed"]),
                    ),
                    _connector="OR",
                ),
                name="solution_that_moves_money_names_who_confirmed_it",
            ),
        ),
        migrations.AddConstraint(
            model_name="solution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "refused"), _negated=True),
                    models.Q(("decision_reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="solution_refusal_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="solution",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "proposed")),
                fields=("operation",),
                name="solution_one_waits_per_operation",
            ),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
