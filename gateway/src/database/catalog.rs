//! The catalog of Postgres: which tables, columns and foreign keys exist, one query per kind.
//!
//! It must never decide what a collection is; it tells what the server has. Cost: two catalog scans per load.

use std::sync::Arc;

use access::statement::Statement;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Database, DatabaseError, RawText};

/// Tables that an unqualified name reaches and this role may read, with their columns in table order.
/// Bytewise collations are told apart here because only the server knows its default.
const TABLES: &str = r"
with server as (
    select case coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
        when 'c' then d.datcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
        when 'b' then true
        else false end as bytewise,
        coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', d.datctype) ~* '^(tr|az|lt)([^a-z]|$)' as dotless
    from pg_database d where d.datname = current_database()
), collations as (
    select c.oid, c.collisdeterministic and case c.collprovider
        when 'd' then (select bytewise from server)
        when 'c' then coalesce(c.collcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8'), false)
        when 'b' then true
        else false end as bytewise,
        not c.collisdeterministic
            or coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', c.collctype, '') ~* '^(tr|az|lt)([^a-z]|$)' as peculiar
    from pg_collation c
)
select json_build_object(
    'name', t.relname,
    'triggered', t.relhasrules or t.relrowsecurity or exists (
        select from pg_trigger g
        join pg_proc p on p.oid = g.tgfoid
        join pg_namespace s on s.oid = p.pronamespace
        where (g.tgrelid = t.oid or t.relkind = 'p' and g.tgrelid in (select p.relid from pg_partition_tree(t.oid) p)) and not g.tgisinternal and g.tgenabled <> 'D' and s.nspname <> 'tidegate'),
    'primary_key', coalesce((
        select json_agg(a.attname order by k.position)
        from pg_index i
        cross join lateral unnest(i.indkey::int2[]) with ordinality k(attnum, position)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where i.indrelid = t.oid and i.indisprimary), '[]'),
    'columns', coalesce((
        select json_agg(json_build_object(
            'name', a.attname,
            'type', coalesce(base.typname, type.typname),
            'modifier', case when type.typtype = 'd' then type.typtypmod else a.atttypmod end,
            'not_null', a.attnotnull or type.typnotnull,
            'default', case when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), type.typdefault) end,
            'identity', a.attidentity <> '',
            'generated', a.attgenerated <> '',
            'collated', coalesce(not o.bytewise, false) or coalesce(base.typname, type.typname) in ('citext', 'bpchar'),
            'indexed', exists (
                select from pg_index i
                where i.indrelid = t.oid and i.indkey[0] = a.attnum and i.indisvalid and i.indpred is null),
            'peculiar', (select dotless from server) or coalesce(o.peculiar, false)
        ) order by a.attnum)
        from pg_attribute a
        join pg_type type on type.oid = a.atttypid
        left join pg_type base on type.typtype = 'd' and base.oid = type.typbasetype
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        left join collations o on o.oid = a.attcollation
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped), '[]')
)
from pg_class t
join pg_namespace n on n.oid = t.relnamespace
where t.relkind in ('r', 'p') and n.nspname = any (current_schemas(false)) and pg_table_is_visible(t.oid)
    and has_table_privilege(t.oid, 'select')
order by t.relname";

/// Foreign keys of one column between tables of [`TABLES`].
const FOREIGN_KEYS: &str = r"
select json_build_object('table', t.relname, 'column', a.attname, 'target', f.relname, 'target_column', b.attname)
from pg_constraint c
join pg_class t on t.oid = c.conrelid
join pg_namespace n on n.oid = t.relnamespace
join pg_class f on f.oid = c.confrelid
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
join pg_attribute b on b.attrelid = c.confrelid and b.attnum = c.confkey[1]
where c.contype = 'f' and cardinality(c.conkey) = 1
    and n.nspname = any (current_schemas(false)) and pg_table_is_visible(t.oid) and pg_table_is_visible(f.oid)
order by t.relname, a.attname, c.conname";

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: Arc<str>,
    /// It has triggers (but those of foreign keys and of capture), rules or row security.
    #[serde(default)]
    pub triggered: bool,
    /// The columns of the primary key, in order; empty without one.
    pub primary_key: Vec<Arc<str>>,
    /// In table order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// Postgres' own type name (`int4`); a domain's base type.
    #[serde(rename = "type")]
    pub database_type: Arc<str>,
    /// `atttypmod`: length or precision, coded; -1 without.
    pub modifier: i32,
    /// NULL is refused.
    pub not_null: bool,
    /// The default as an SQL expression.
    pub default: Option<String>,
    /// An identity column.
    pub identity: bool,
    /// A generated column.
    pub generated: bool,
    /// Order or equality are not bytewise.
    pub collated: bool,
    /// A complete index starts with it.
    #[serde(default)]
    pub indexed: bool,
    /// A nondeterministic collation, or a locale with a dotless i.
    pub peculiar: bool,
}

/// A foreign key of one column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ForeignKey {
    /// The table that points.
    pub table: Arc<str>,
    /// Its column.
    pub column: Arc<str>,
    /// The table it points to.
    pub target: Arc<str>,
    /// The column it points to.
    pub target_column: Arc<str>,
}

/// All tables.
///
/// # Errors
/// [`DatabaseError`].
pub async fn tables(database: &Database) -> Result<Vec<Table>, DatabaseError> {
    json_rows(database, TABLES).await
}

/// All foreign keys of one column.
///
/// # Errors
/// [`DatabaseError`].
pub async fn foreign_keys(database: &Database) -> Result<Vec<ForeignKey>, DatabaseError> {
    json_rows(database, FOREIGN_KEYS).await
}

/// The rows of a query whose only column is one JSON object per row.
///
/// # Errors
/// [`DatabaseError`], also when an object is not a `T`.
pub async fn json_rows<T: DeserializeOwned>(database: &Database, text: &str) -> Result<Vec<T>, DatabaseError> {
    let rows = database.query(&Statement { text: text.to_owned(), parameters: Vec::new() }).await?;
    rows.iter().map(|row| Ok(serde_json::from_str(row.try_get::<_, RawText<'_>>(0)?.0)?)).collect()
}
