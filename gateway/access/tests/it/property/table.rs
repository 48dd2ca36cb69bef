//! Generated tables with generated rows.

use std::sync::Arc;

use access::schema::{Collection, Field, FieldType};
use access::testing::{collection, column};
use rand::Rng;
use rand::seq::IndexedRandom as _;

use super::session::{Database, literal};
use super::values::{COMPARABLE, ColumnType, OTHERS};

const ROWS: usize = 40;
const NULLS: f64 = 0.15;

/// A table, as it is in the database and as the crate sees it.
pub(crate) struct Table {
    pub(crate) collection: Arc<Collection>,
    /// In the order of the fields, without the key.
    pub(crate) columns: Vec<(Arc<Field>, &'static ColumnType)>,
    pub(crate) rows: Vec<StoredRow>,
}

/// A row as the capture trigger would have seen it.
pub(crate) struct StoredRow {
    pub(crate) key: String,
    pub(crate) image: String,
}

/// The types of keys.
#[derive(Debug, Clone, Copy)]
enum Key {
    Integer,
    BigInteger,
    Uuid,
    String,
}

impl Key {
    fn field(self) -> Field {
        let kind = match self {
            Self::Integer => FieldType::Integer,
            Self::BigInteger => FieldType::BigInteger,
            Self::Uuid => FieldType::Uuid,
            Self::String => FieldType::String,
        };
        Field { nullable: false, ..column("id", kind) }
    }

    fn value(self, row: usize) -> String {
        match self {
            Self::Integer => row.to_string(),
            Self::BigInteger => (9_007_199_254_740_990 + row).to_string(),
            Self::Uuid => format!("00000000-0000-4000-8000-{row:012}"),
            Self::String => format!("k{row} \"é\\"),
        }
    }
}

impl Table {
    /// A table that exists only here, with one column.
    pub(crate) fn of(kind: &'static ColumnType) -> Self {
        let field = field("c0".to_owned(), kind, true);
        let collection = Arc::new(collection("t", vec![Key::Integer.field(), field.clone()]));
        Self { collection, columns: vec![(Arc::new(field), kind)], rows: Vec::new() }
    }

    pub(crate) async fn create(database: &Database, random: &mut impl Rng, name: &str) -> Self {
        let key = *[Key::Integer, Key::BigInteger, Key::Uuid, Key::String].choose(random).unwrap();
        let mut types: Vec<&'static ColumnType> = (0..random.random_range(5..10)).map(|_| COMPARABLE.choose(random).unwrap()).collect();
        types.extend((0..random.random_range(2..5)).map(|_| OTHERS.choose(random).unwrap()));
        let mut fields = vec![key.field()];
        let mut definitions = vec![format!("id {} primary key", fields[0].database_type)];
        let mut columns = Vec::new();
        for (index, kind) in types.into_iter().enumerate() {
            let nullable = random.random_bool(0.8);
            // Names that need quotes and escapes.
            let name = if index == 3 { format!("C \"{index}\\é") } else { format!("c{index}") };
            let quoted = name.replace('"', "\"\"");
            definitions.push(format!("\"{quoted}\" {}{}", kind.sql, if nullable { "" } else { " not null" }));
            let field = field(name, kind, nullable);
            columns.push((Arc::new(field.clone()), kind));
            fields.push(field);
        }
        database.execute(&format!("create table public.{name} ({})", definitions.join(", "))).await;
        let rows: Vec<String> = (0..ROWS)
            .map(|number| {
                let mut values = vec![literal(&key.value(number))];
                for (field, kind) in &columns {
                    let null = field.nullable && random.random_bool(NULLS);
                    values.push(if null { "NULL".to_owned() } else { literal(kind.values.choose(random).unwrap()) });
                }
                format!("({})", values.join(", "))
            })
            .collect();
        database.execute(&format!("insert into public.{name} values {}", rows.join(", "))).await;
        let rows = database.rows(&format!("select id::text, to_json(t)::text from public.{name} t")).await;
        let rows =
            rows.into_iter().map(|mut row| StoredRow { image: row.pop().flatten().unwrap(), key: row.pop().flatten().unwrap() }).collect();
        Self { collection: Arc::new(collection(name, fields)), columns, rows }
    }
}

fn field(name: String, kind: &ColumnType, nullable: bool) -> Field {
    let special = kind.special.to_vec();
    Field {
        name: name.into(),
        database_type: kind.name.into(),
        nullable,
        special,
        collated: kind.collated,
        peculiar: kind.peculiar,
        ..column("", kind.kind)
    }
}
