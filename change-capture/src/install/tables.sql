-- What Tidegate keeps in the database. Run once, in one transaction; layout changes raise LAYOUT in install.rs.

create schema if not exists tidegate;
revoke all on schema tidegate from public;

-- The one row that every capture trigger reads. It is updated on configuration changes and rotations only: a hot row here
-- would grow a version chain under every old snapshot.
create table tidegate.control (
  only_row boolean primary key default true check (only_row),
  layout integer not null,
  epoch bigint not null,
  system_identifier bigint,
  slot smallint not null default 0,
  notify text not null default 'adaptive' check (notify in ('adaptive', 'always', 'off')),
  max_rows bigint not null default 10000,
  max_value_bytes bigint not null default 262144,
  program text not null default '',
  fingerprint text not null default '',
  -- Goes into every digest of a secret and nowhere else: without it nobody can try out what a short secret was.
  digest_key text not null default gen_random_uuid()::text || gen_random_uuid()::text
);

-- Columns whose values must not leave the database as they are. `digested`: a digest stands in the image, so that a change
-- still shows. `omitted`: not in the image; readers fetch them. Kept by tidegate.note_guarded.
create table tidegate.guarded (
  collection text primary key,
  digested text[] not null default '{}',
  omitted text[] not null default '{}'
);

-- Order of capture: taken inside the trigger, so after the row locks and before the commit.
create sequence tidegate.outbox_id cache 1;

-- One number per leadership. It starts at the clock, so that a re-created schema never falls behind what a bus has seen.
create sequence tidegate.fence cache 1;
select setval('tidegate.fence', (extract(epoch from clock_timestamp()) * 1000)::bigint);

-- One row is one change event: the rows of one statement with one operation, or a part of them.
create table tidegate.outbox (
  slot smallint not null,
  id bigint not null,
  xid xid8 not null,
  statement bigint not null,
  collection text not null,
  operation "char" not null,
  rows text,
  written_at timestamptz not null,
  writer_keys text,
  traceparent text
) partition by list (slot);

-- Slots are emptied by TRUNCATE, in any order, once everything in them has been published: vacuum has nothing to do.
-- Images stay inline up to a page and are never compressed: the writer's transaction pays for neither.
create table tidegate.outbox_0 partition of tidegate.outbox for values in (0)
  with (autovacuum_enabled = false, toast.autovacuum_enabled = false, toast_tuple_target = 8160);
create table tidegate.outbox_1 partition of tidegate.outbox for values in (1)
  with (autovacuum_enabled = false, toast.autovacuum_enabled = false, toast_tuple_target = 8160);
create table tidegate.outbox_2 partition of tidegate.outbox for values in (2)
  with (autovacuum_enabled = false, toast.autovacuum_enabled = false, toast_tuple_target = 8160);
create table tidegate.outbox_3 partition of tidegate.outbox for values in (3)
  with (autovacuum_enabled = false, toast.autovacuum_enabled = false, toast_tuple_target = 8160);
alter table tidegate.outbox_0 alter column rows set storage external;
alter table tidegate.outbox_1 alter column rows set storage external;
alter table tidegate.outbox_2 alter column rows set storage external;
alter table tidegate.outbox_3 alter column rows set storage external;
create index outbox_xid on tidegate.outbox (xid);

-- Tables whose changes have been seen without a break. A table that is not in here with its present identity (created,
-- restored, or with triggers that lapsed) starts with a reset, because nobody knows what happened to it until then. So does
-- one whose partitions are others: their rows came or went without a statement that a trigger sees.
create table tidegate.tables (
  collection text primary key,
  relation oid not null,
  trigger oid not null,
  partitions oid[] not null,
  lapsed boolean not null default false
);

-- The ledger: one row per published batch, appended before the batch is published, written by the leader alone. Two
-- tables take turns; the first row of a turn is `whole`, so the other table can be emptied.
create table tidegate.ledger_0 (
  id bigint primary key,
  fence bigint not null,
  boundary pg_snapshot not null,
  heads json not null,
  whole boolean not null,
  settled boolean not null
) with (autovacuum_enabled = false);
create table tidegate.ledger_1 (like tidegate.ledger_0 including all) with (autovacuum_enabled = false);
create view tidegate.ledger as select * from tidegate.ledger_0 union all select * from tidegate.ledger_1;
