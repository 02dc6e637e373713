"""Four eyes that cannot be blindfolded.

A session looks for a table among its own temporary ones first, so whoever made a temporary
``catalog_approval`` decided what the guards read. Now they name the schema, and each function
looks for names where it was told to, whatever the session says.
"""

from django.db import migrations

PIN = """
CREATE OR REPLACE FUNCTION public.catalog_guard_order() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.requested_by_id <> OLD.requested_by_id THEN
        RAISE EXCEPTION 'who asked for an order never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_requester_never_changes';
    END IF;
    IF OLD.state IN ('rejected', 'withdrawn', 'expired') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'an order that ended stays ended'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_that_ended_stays_ended';
    END IF;
    IF NEW.state NOT IN ('pending_approval', 'rejected', 'withdrawn', 'expired')
       AND NOT EXISTS (SELECT 1 FROM public.catalog_approval
                       WHERE order_id = NEW.id AND decision = 'approved') THEN
        RAISE EXCEPTION 'an order goes on only after an approval'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_goes_on_only_after_approval';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION public.catalog_guard_new_resource() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.order_line_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM public.catalog_orderline AS line
                       JOIN public.catalog_approval AS approval
                         ON approval.order_id = line.order_id
                       WHERE line.id = NEW.order_line_id AND approval.decision = 'approved') THEN
        RAISE EXCEPTION 'nothing is made for an order that nobody approved'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_of_an_approved_order';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.catalog_guard_new_order() SET search_path = pg_catalog, public, pg_temp;
ALTER FUNCTION public.catalog_guard_approval() SET search_path = pg_catalog, public, pg_temp;
"""
# The bodies may stay: they read the same tables.
UNPIN = """
ALTER FUNCTION public.catalog_guard_approval() RESET search_path;
ALTER FUNCTION public.catalog_guard_new_order() RESET search_path;
ALTER FUNCTION public.catalog_guard_new_resource() RESET search_path;
ALTER FUNCTION public.catalog_guard_order() RESET search_path;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_no_way_round_approval")]
    operations = [migrations.RunSQL(PIN, UNPIN)]
