-- phase: expand
-- Makes the log's partition of a month, with the rights of the schema's owner: who writes to the log need not own it.
-- Months ahead of the present one, twelve at most. Returns its name, or null where it was there.
create function log.make_partition(p_ahead integer) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_from timestamp := date_trunc('month', now() at time zone 'utc') + make_interval(months => p_ahead);
  v_name text := 'order_outbox_' || to_char(v_from, 'YYYY_MM');
begin
  if p_ahead not between 0 and 12 then
    raise exception 'a partition is made for this month or one of the next twelve, not %', p_ahead;
  end if;
  if to_regclass(format('log.%I', v_name)) is not null then
    return null;
  end if;
  execute format(
    'create table log.%I partition of log.order_outbox for values from (%L) to (%L)',
    v_name, v_from at time zone 'utc', (v_from + interval '1 month') at time zone 'utc');
  return v_name;
exception when duplicate_table then
  return null;
end $$;
-- A function with rights of its own is for those who are given it by name.
revoke execute on function log.make_partition(integer) from public;
