"""Sessions that people can see and end, and emergency access.

Sessions that live while this runs go on: they count as seen now, and end when they would have.
"""

import uuid
from datetime import timedelta

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

ENDS = {
    "own": "Ended by yourself",
    "operator": "Ended by an operator",
    "provider": "Ended by the login service",
    "blocked": "The account was blocked",
    "idle": "Not used for too long",
    "absolute": "The time was up",
    "replaced": "Logged in again",
}
OUTCOMES = {"used": "Used", "expired": "Expired", "replaced": "Replaced by a newer one"}

FILL = """
UPDATE identity_loginsession
   SET public_id = gen_random_uuid(), last_seen_at = now(),
       expires_at = created_at + interval '10 hours';
"""
FORBID = """
CREATE FUNCTION identity_guard_ended_session() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a session that ended stays as it is'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'login_session_stays_ended';
END $$;
CREATE TRIGGER login_session_stays_ended BEFORE UPDATE ON identity_loginsession
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION identity_guard_ended_session();

CREATE FUNCTION identity_guard_break_glass() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'an emergency password that closed stays as it is, and none is ever deleted'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'break_glass_password_is_history';
END $$;
CREATE TRIGGER break_glass_password_stays_closed BEFORE UPDATE ON identity_breakglasspassword
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION identity_guard_break_glass();
CREATE TRIGGER break_glass_password_never_deleted BEFORE DELETE ON identity_breakglasspassword
    FOR EACH ROW EXECUTE FUNCTION identity_guard_break_glass();
"""
ALLOW = """
DROP TRIGGER break_glass_password_never_deleted ON identity_breakglasspassword;
DROP TRIGGER break_glass_password_stays_closed ON identity_breakglasspassword;
DROP FUNCTION identity_guard_break_glass();
DROP TRIGGER login_session_stays_ended ON identity_loginsession;
DROP FUNCTION identity_guard_ended_session();
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0005_access_review")]
    operations = [
        migrations.AddField("loginsession", "public_id", models.UUIDField(null=True, editable=False)),
        migrations.AddField("loginsession", "last_seen_at", models.DateTimeField(null=True)),
        migrations.AddField("loginsession", "expires_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "loginsession",
            "provider",
            models.CharField(default="", max_length=40),
            preserve_default=False,
        ),
        migrations.AddField(
            "loginsession",
            "level",
            models.PositiveSmallIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            "loginsession",
            "agent",
            models.CharField(blank=True, default="", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            "loginsession",
            "address",
            models.CharField(blank=True, default="", max_length=45),
            preserve_default=False,
        ),
        migrations.AddField("loginsession", "ended_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "loginsession",
            "ended_how",
            models.CharField(blank=True, choices=list(ENDS.items()), default="", max_length=20),
            preserve_default=False,
        ),
        migrations.AddField(
            "loginsession",
            "ended_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            "loginsession",
            "public_id",
            models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
        migrations.AlterField("loginsession", "last_seen_at", models.DateTimeField()),
        migrations.AlterField("loginsession", "expires_at", models.DateTimeField()),
        migrations.AlterField(
            "loginsession", "session_key", models.CharField(max_length=40, null=True)
        ),
        migrations.RemoveIndex("loginsession", "login_session_by_age"),
        migrations.AddIndex(
            "loginsession", models.Index(fields=["ended_at"], name="login_session_by_end")
        ),
        migrations.AddIndex(
            "loginsession",
            models.Index(fields=["identity", "created_at"], name="login_session_by_identity"),
        ),
        migrations.AddConstraint(
            "loginsession",
            models.CheckConstraint(
                condition=Q(ended_how__in=["", *ENDS]), name="login_session_end_known"
            ),
        ),
        migrations.AddConstraint(
            "loginsession",
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_how="", session_key__isnull=False)
                | (Q(ended_at__isnull=False, session_key=None) & ~Q(ended_how="")),
                name="login_session_has_a_key_until_it_ends",
            ),
        ),
        migrations.AddConstraint(
            "loginsession",
            models.CheckConstraint(
                condition=~Q(ended_how__in=("own", "operator")) | Q(ended_by__isnull=False),
                name="login_session_ended_by_somebody_says_by_whom",
            ),
        ),
        migrations.AddConstraint(
            "loginsession",
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="login_session_has_a_limit"
            ),
        ),
        migrations.CreateModel(
            name="BreakGlassAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["at"], name="break_glass_attempt_by_time")],
            },
        ),
        migrations.CreateModel(
            name="BreakGlassPassword",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("secret_hash", models.CharField(blank=True, max_length=255)),
                ("reason", models.CharField(max_length=300)),
                ("issued_by", models.CharField(max_length=150)),
                ("issued_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(blank=True, choices=list(OUTCOMES.items()), max_length=20),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(closed_at=None),
                        fields=("closed_at",),
                        name="break_glass_one_open_password",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=Q(outcome__in=["", *OUTCOMES]), name="break_glass_outcome_known"
                    ),
                    models.CheckConstraint(
                        condition=(Q(closed_at=None, outcome="") & ~Q(secret_hash=""))
                        | (Q(closed_at__isnull=False, secret_hash="") & ~Q(outcome="")),
                        name="break_glass_secret_kept_while_open_only",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            expires_at__gt=F("issued_at"),
                            expires_at__lte=F("issued_at") + timedelta(minutes=15),
                        ),
                        name="break_glass_password_is_short_lived",
                    ),
                    models.CheckConstraint(
                        condition=~Q(reason="") & ~Q(issued_by=""),
                        name="break_glass_says_why_and_by_whom",
                    ),
                ]
            },
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
