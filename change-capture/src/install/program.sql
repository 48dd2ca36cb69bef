-- The capture functions. Replaced whole whenever this text changes.
--
-- They run inside the user's statement, so nothing here may raise: a missing control row means "not capturing", text from
-- settings is stored as it is and judged by the worker, a key that cannot be found becomes a reset. There is no exception
-- block on the row path, because each would cost a subtransaction.
--
-- Every trigger function pins what decides how a value prints: two sessions must never give two images of one row. The
-- helpers pin nothing, since only pinned functions call them and each pin costs the writer microseconds; the single-row
-- path is one query and one insert for the same reason.

-- One row of an event in wire form: k key, a image before, b image after, m columns left out for their size.
create or replace function tidegate.row_text(key text, before json, after json, key_column text, max_value_bytes bigint)
returns text language plpgsql immutable parallel safe as $$
declare
  a text := before::text;
  b text := after::text;
  omitted text[];
begin
  if greatest(octet_length(a), octet_length(b)) > max_value_bytes then
    select array_agg(distinct e.key) into omitted
      from (select * from json_each(before) union all select * from json_each(after)) e
      where octet_length(e.value::text) > max_value_bytes and e.key <> key_column;
    if omitted is not null then
      a := (select '{' || coalesce(string_agg(to_json(e.key)::text || ':' || e.value::text, ',' order by e.n), '') || '}'
              from json_each(before) with ordinality e(key, value, n) where e.key <> all (omitted) having before is not null);
      b := (select '{' || coalesce(string_agg(to_json(e.key)::text || ':' || e.value::text, ',' order by e.n), '') || '}'
              from json_each(after) with ordinality e(key, value, n) where e.key <> all (omitted) having after is not null);
    end if;
  end if;
  return '{"k":' || key || coalesce(',"a":' || a, '') || coalesce(',"b":' || b, '')
    || coalesce(',"m":' || array_to_json(omitted)::text, '') || '}';
end
$$;

-- Whether the doorbell has to ring. `adaptive`: the awake worker holds this lock exclusively, so getting it shared means
-- that the worker sleeps. Taken in the session form and given back at once, in one expression: a transaction-level lock
-- would be kept by a long writer. A server that allows prepared transactions gets no NOTIFY at all, since PREPARE
-- TRANSACTION refuses a transaction that has notified; the worker polls there.
create or replace function tidegate.ring(mode text)
returns void language plpgsql as $$
begin
  if mode = 'always' or (mode = 'adaptive' and current_setting('max_prepared_transactions') = '0'
     and pg_try_advisory_lock_shared(1414087749, 2) and pg_advisory_unlock_shared(1414087749, 2)) then
    perform pg_notify('tidegate', '');
  end if;
end
$$;

-- A statement that is not listed row by row.
create or replace function tidegate.reset(collection text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c tidegate.control%rowtype;
  n bigint := nextval('tidegate.outbox_id');
begin
  select * into c from tidegate.control;
  if not found then return; end if;
  insert into tidegate.outbox (slot, id, xid, statement, collection, operation, written_at, writer_keys, traceparent)
    values (c.slot, n, pg_current_xact_id(), n, collection, 'r', clock_timestamp(),
            nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  perform tidegate.ring(c.notify);
end
$$;

-- Where a statement stands among those of its transaction, for tables whose own triggers may change the same rows again:
-- such a change is captured before the statement that caused it, because row triggers run before statement triggers. So
-- a number is drawn at the start of the statement and found again at its end.
create or replace function tidegate.start_name(relation oid, operation text)
returns text language plpgsql as $$
begin
  return 'tidegate.start_' || relation || '_' || operation || '_' || pg_trigger_depth();
end
$$;

create or replace function tidegate.capture_start()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config(tidegate.start_name(tg_relid, tg_op), nextval('tidegate.outbox_id')::text, true);
  return null;
end
$$;

create or replace function tidegate.started(relation oid, operation text, otherwise bigint)
returns bigint language plpgsql as $$
declare
  name text := tidegate.start_name(relation, operation);
  start text := current_setting(name, true);
begin
  if start is null or start !~ '^[0-9]{1,18}$' then return otherwise; end if;
  perform set_config(name, '', true);
  return start::bigint;
end
$$;

-- Arguments of every trigger: the collection, its key column and, where statements are numbered at their start, a third.
create or replace function tidegate.capture_insert()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  c tidegate.control%rowtype;
  n bigint;
  first_id bigint;
  statement bigint;
  image json;
  key text;
begin
  select t.slot, t.max_rows, t.max_value_bytes, t.notify,
         (select count(*) from (select from new_rows limit t.max_rows + 1) few), (select to_json(r) from new_rows r limit 1)
    into c.slot, c.max_rows, c.max_value_bytes, c.notify, n, image from tidegate.control t;
  if n is null or n = 0 then return null; end if;
  key := (image -> tg_argv[1])::text;
  if key is null or n > c.max_rows then
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  first_id := nextval('tidegate.outbox_id');
  statement := first_id;
  if tg_nargs > 2 then statement := tidegate.started(tg_relid, tg_op, first_id); end if;
  if n = 1 then
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      values (c.slot, first_id, pg_current_xact_id(), statement, tg_argv[0], 'c',
              '[' || tidegate.row_text(key, null, image, tg_argv[1], c.max_value_bytes) || ']', clock_timestamp(),
              nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  else
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      select c.slot, nextval('tidegate.outbox_id'), pg_current_xact_id(), statement, tg_argv[0], 'c',
             '[' || part.list || ']', clock_timestamp(),
             nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), '')
      from (
        select string_agg(cut.item, ',' order by cut.n) as list
        from (
          select rowed.item, rowed.n, (rowed.n - 1) / 1000 as by_count,
                 sum(octet_length(rowed.item)) over (order by rowed.n) / 1000000 as by_size
          from (
            select row_number() over () as n,
                   tidegate.row_text((made.image -> tg_argv[1])::text, null, made.image, tg_argv[1], c.max_value_bytes) as item
            from (select to_json(r) as image from new_rows r offset 0) made
          ) rowed
        ) cut
        group by cut.by_count, cut.by_size order by cut.by_count, cut.by_size
      ) part;
  end if;
  perform tidegate.ring(c.notify);
  return null;
end
$$;

create or replace function tidegate.capture_delete()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  c tidegate.control%rowtype;
  n bigint;
  first_id bigint;
  statement bigint;
  image json;
  key text;
begin
  select t.slot, t.max_rows, t.max_value_bytes, t.notify,
         (select count(*) from (select from old_rows limit t.max_rows + 1) few), (select to_json(r) from old_rows r limit 1)
    into c.slot, c.max_rows, c.max_value_bytes, c.notify, n, image from tidegate.control t;
  if n is null or n = 0 then return null; end if;
  key := (image -> tg_argv[1])::text;
  if key is null or n > c.max_rows then
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  first_id := nextval('tidegate.outbox_id');
  statement := first_id;
  if tg_nargs > 2 then statement := tidegate.started(tg_relid, tg_op, first_id); end if;
  if n = 1 then
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      values (c.slot, first_id, pg_current_xact_id(), statement, tg_argv[0], 'd',
              '[' || tidegate.row_text(key, image, null, tg_argv[1], c.max_value_bytes) || ']', clock_timestamp(),
              nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  else
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      select c.slot, nextval('tidegate.outbox_id'), pg_current_xact_id(), statement, tg_argv[0], 'd',
             '[' || part.list || ']', clock_timestamp(),
             nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), '')
      from (
        select string_agg(cut.item, ',' order by cut.n) as list
        from (
          select rowed.item, rowed.n, (rowed.n - 1) / 1000 as by_count,
                 sum(octet_length(rowed.item)) over (order by rowed.n) / 1000000 as by_size
          from (
            select row_number() over () as n,
                   tidegate.row_text((made.image -> tg_argv[1])::text, made.image, null, tg_argv[1], c.max_value_bytes) as item
            from (select to_json(r) as image from old_rows r offset 0) made
          ) rowed
        ) cut
        group by cut.by_count, cut.by_size order by cut.by_count, cut.by_size
      ) part;
  end if;
  perform tidegate.ring(c.notify);
  return null;
end
$$;

-- Old and new rows are paired by key: a key on both sides is an update, on one side a delete or a create.
create or replace function tidegate.capture_update()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  c tidegate.control%rowtype;
  n bigint;
  first_id bigint;
  statement bigint;
  before json;
  after json;
  before_key text;
  after_key text;
begin
  select t.slot, t.max_rows, t.max_value_bytes, t.notify,
         (select count(*) from (select from new_rows limit t.max_rows + 1) few), (select to_json(r) from new_rows r limit 1)
    into c.slot, c.max_rows, c.max_value_bytes, c.notify, n, after from tidegate.control t;
  if n is null or n = 0 then return null; end if;
  after_key := (after -> tg_argv[1])::text;
  if after_key is null or n > c.max_rows then
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  first_id := nextval('tidegate.outbox_id');
  statement := first_id;
  if tg_nargs > 2 then statement := tidegate.started(tg_relid, tg_op, first_id); end if;
  if n = 1 then
    select to_json(r) into before from old_rows r limit 1;
    before_key := (before -> tg_argv[1])::text;
  elsif tg_nargs > 2 and exists (select from (select to_json(r) as image from new_rows r offset 0) made
                                   group by (made.image -> tg_argv[1])::text having count(*) > 1) then
    -- A cascade within the table changed a row twice in one statement; its versions cannot be told apart.
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  if n = 1 and before_key = after_key then
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      values (c.slot, first_id, pg_current_xact_id(), statement, tg_argv[0], 'u',
              '[' || tidegate.row_text(after_key, before, after, tg_argv[1], c.max_value_bytes) || ']', clock_timestamp(),
              nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  else
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      select c.slot, nextval('tidegate.outbox_id'), pg_current_xact_id(), statement, tg_argv[0], part.operation,
             '[' || part.list || ']', clock_timestamp(),
             nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), '')
      from (
        select cut.operation, string_agg(cut.item, ',' order by cut.n) as list
        from (
          select rowed.operation, rowed.item, rowed.n, (rowed.n - 1) / 1000 as by_count,
                 sum(octet_length(rowed.item)) over (partition by rowed.operation order by rowed.n) / 1000000 as by_size
          from (
            select paired.operation, row_number() over (partition by paired.operation order by paired.n) as n,
                   tidegate.row_text(paired.key, paired.before, paired.after, tg_argv[1], c.max_value_bytes) as item
            from (
              select coalesce(a.key, b.key) as key, b.image as before, a.image as after, coalesce(a.n, b.n) as n,
                     (case when b.key is null then 'c' when a.key is null then 'd' else 'u' end)::"char" as operation
              from (select row_number() over () as n, (made.image -> tg_argv[1])::text as key, made.image
                      from (select to_json(r) as image from new_rows r offset 0) made) a
              full join (select row_number() over () as n, (made.image -> tg_argv[1])::text as key, made.image
                           from (select to_json(r) as image from old_rows r offset 0) made) b on a.key = b.key
            ) paired
          ) rowed
        ) cut
        group by cut.operation, cut.by_count, cut.by_size
        -- A key that went away is gone before another row takes its unique values.
        order by array_position('{d,u,c}'::"char"[], cut.operation), cut.by_count, cut.by_size
      ) part;
  end if;
  perform tidegate.ring(c.notify);
  return null;
end
$$;

create or replace function tidegate.capture_truncate()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform tidegate.reset(tg_argv[0]);
  return null;
end
$$;

-- Both event triggers. DDL is rare, so here a fault may be caught: a schema change must succeed whatever we think of it.
create or replace function tidegate.schema_changed()
returns event_trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  ours boolean;
begin
  if current_setting('tidegate.quiet', true) = 'on' then return; end if;
  if tg_event = 'sql_drop' then
    -- What an ALTER drops is announced at its end.
    select tg_tag like 'DROP%' and exists (select from pg_event_trigger_dropped_objects() o
      where o.schema_name = 'public' and not o.is_temporary
        and o.object_type in ('table', 'table column', 'table constraint', 'trigger', 'view', 'materialized view')) into ours;
  else
    select exists (select from pg_event_trigger_ddl_commands() o
      where o.schema_name = 'public' and o.object_type in ('table', 'table column', 'index', 'trigger', 'view', 'materialized view'))
      into ours;
    -- A restore may disable the triggers, load, and enable them again: remembered here, told by the worker's next look.
    update tidegate.tables k set lapsed = true
      from pg_event_trigger_ddl_commands() o, pg_trigger t
     where o.object_type = 'table' and o.objid = k.relation and t.oid = k.trigger and t.tgenabled <> 'O' and not k.lapsed;
  end if;
  if ours then perform tidegate.reset('tidegate:schema'); end if;
exception when others then
  raise log 'tidegate could not note a schema change: %', sqlerrm;
end
$$;

revoke all on all functions in schema tidegate from public;
