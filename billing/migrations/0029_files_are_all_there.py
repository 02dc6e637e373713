"""A file by the clock is ready once all of it is there."""

from django.db import migrations

PINNED = "SET search_path = pg_catalog, public, pg_temp"
# Lengths alone: to hash what may be a gigabyte is for who reads it.
CHECK = f"""
CREATE FUNCTION public.billing_check_scheduled_file() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF NEW.state <> 'ready' OR (
        SELECT (count(*), coalesce(sum(octet_length(content)), 0)) <> (max(position) + 1, NEW.size)
        FROM billing_scheduledfilepart WHERE file_id = NEW.id
    ) IS NOT FALSE THEN
        RAISE EXCEPTION 'a file is ready once all of it is there, and removed after that'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'scheduled_file_is_all_there';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER scheduled_file_is_all_there BEFORE UPDATE ON billing_scheduledfile
    FOR EACH ROW WHEN (OLD.state = 'waiting' AND NEW.state <> 'waiting')
    EXECUTE FUNCTION public.billing_check_scheduled_file();
CREATE FUNCTION public.billing_begin_scheduled_file() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'a file waits before it is made'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'scheduled_file_waits_first';
END $$;
CREATE TRIGGER scheduled_file_waits_first BEFORE INSERT ON billing_scheduledfile
    FOR EACH ROW WHEN (NEW.state <> 'waiting')
    EXECUTE FUNCTION public.billing_begin_scheduled_file();
"""
FORGET = """
DROP TRIGGER scheduled_file_waits_first ON billing_scheduledfile;
DROP FUNCTION public.billing_begin_scheduled_file();
DROP TRIGGER scheduled_file_is_all_there ON billing_scheduledfile;
DROP FUNCTION public.billing_check_scheduled_file();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0028_units_of_what_is_measured")]

    operations = [migrations.RunSQL(CHECK, FORGET)]
