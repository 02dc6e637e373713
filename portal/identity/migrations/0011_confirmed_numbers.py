"""A number counts once the platform confirmed it; until then it names nobody and blocks nobody.

The numbers that stand here when this runs are confirmed: people log in with them. The trigger holds
what no constraint can: that a number which changes is not confirmed any more.
"""

from django.db import migrations, models
from django.db.models import Q

NUMBERS = ("oin", "kvk_number", "rsin")

FILL = """
UPDATE identity_organization
   SET oin_confirmed_at = CASE WHEN oin <> '' THEN now() END,
       kvk_number_confirmed_at = CASE WHEN kvk_number <> '' THEN now() END,
       rsin_confirmed_at = CASE WHEN rsin <> '' THEN now() END;
"""
RESET = """
CREATE FUNCTION identity_reset_confirmation() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.oin <> OLD.oin THEN
        NEW.oin_confirmed_at := NULL;
    END IF;
    IF NEW.kvk_number <> OLD.kvk_number THEN
        NEW.kvk_number_confirmed_at := NULL;
    END IF;
    IF NEW.rsin <> OLD.rsin THEN
        NEW.rsin_confirmed_at := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER organization_number_that_changes_waits
    BEFORE UPDATE OF oin, kvk_number, rsin ON identity_organization
    FOR EACH ROW EXECUTE FUNCTION identity_reset_confirmation();
"""
KEEP = """
DROP TRIGGER organization_number_that_changes_waits ON identity_organization;
DROP FUNCTION identity_reset_confirmation();
"""


def one_living_per(number, condition):
    return models.UniqueConstraint(
        fields=[number], condition=condition, name=f"organization_one_living_per_{number}"
    )


class Migration(migrations.Migration):
    dependencies = [("identity", "0010_where_people_belong")]
    operations = [
        *(
            migrations.AddField(
                "organization",
                f"{number}_confirmed_at",
                models.DateTimeField(editable=False, null=True),
            )
            for number in NUMBERS
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        *(
            migrations.RemoveConstraint("organization", f"organization_one_living_per_{number}")
            for number in NUMBERS
        ),
        *(
            migrations.AddConstraint(
                "organization",
                one_living_per(
                    number, Q((f"{number}_confirmed_at__isnull", False), ("is_ended", False))
                ),
            )
            for number in NUMBERS
        ),
        *(
            migrations.AddConstraint(
                "organization",
                models.CheckConstraint(
                    condition=~Q((number, "")) | Q((f"{number}_confirmed_at", None)),
                    name=f"organization_confirmed_{number}_is_there",
                ),
            )
            for number in NUMBERS
        ),
        migrations.RunSQL(RESET, KEEP),
    ]
