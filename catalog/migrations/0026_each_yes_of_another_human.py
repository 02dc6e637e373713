"""Of an order that needs several humans each yes is of another one, also past the service."""

from django.db import migrations

FORBID = """
CREATE FUNCTION public.catalog_guard_approval_of_another_human() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Two logins of one human at the same moment: the second one waits here, and then sees.
    PERFORM 1 FROM public.catalog_order WHERE id = NEW.order_id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM public.catalog_approval AS given
               WHERE given.order_id = NEW.order_id AND given.approver_id <> NEW.approver_id
                   AND given.approver_id IN
                       (SELECT public.identity_logins_of(ARRAY[NEW.approver_id]::bigint[]))) THEN
        RAISE EXCEPTION 'two logins of one human are not two approvals'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'approval_one_per_order_and_human';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approval_one_per_order_and_human BEFORE INSERT ON public.catalog_approval
    FOR EACH ROW WHEN (NEW.approver_id IS NOT NULL)
    EXECUTE FUNCTION public.catalog_guard_approval_of_another_human();
"""
ALLOW = """
DROP TRIGGER approval_one_per_order_and_human ON public.catalog_approval;
DROP FUNCTION public.catalog_guard_approval_of_another_human();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0025_found_in_the_cloud"),
        ("identity", "0018_links_that_wait_may_end"),
    ]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
