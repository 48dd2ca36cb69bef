//! Generated tables with generated rows.

use std::sync::Arc;

use access::schema::{Collection, DeselectAction, Field, FieldType, Relation, Schema, Special};
use access::testing::{collection, column, special};
use rand::Rng;
use rand::seq::IndexedRandom as _;

use super::session::{Database, literal};
use super::values::{COMPARABLE, ColumnType, OTHERS};

const ROWS: usize = 40;
const NULLS: f64 = 0.15;

/// A table, as it is in the database and as the crate sees it.
pub(crate) struct Table {
    pub(crate) schema: Schema,
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
        // Sessions compare with a copy in which keys are never hidden, so that keys must not be found by what they hold.
        Field { nullable: false, searchable: false, ..column("id", kind) }
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
        Self::new("t", vec![Key::Integer.field(), field.clone()], vec![(Arc::new(field), kind)], Vec::new())
    }

    /// `collated`: text without a collation of its own has that of the database, which is not bytewise.
    pub(crate) async fn create(database: &Database, random: &mut impl Rng, name: &str, collated: bool) -> Self {
        let key = *[Key::Integer, Key::BigInteger, Key::Uuid, Key::String].choose(random).unwrap();
        let mut types: Vec<&'static ColumnType> = (0..random.random_range(5..10)).map(|_| COMPARABLE.choose(random).unwrap()).collect();
        types.extend((0..random.random_range(2..5)).map(|_| OTHERS.choose(random).unwrap()));
        let mut fields = vec![key.field()];
        fields[0].collated |= collated && &*fields[0].database_type == "varchar";
        let mut definitions = vec![format!("id {} primary key", fields[0].database_type)];
        let mut columns = Vec::new();
        for (index, kind) in types.into_iter().enumerate() {
            let nullable = random.random_bool(0.8);
            // Names that need quotes and escapes.
            let name = if index == 3 { format!("C \"{index}\\é") } else { format!("c{index}") };
            let quoted = name.replace('"', "\"\"");
            definitions.push(format!("\"{quoted}\" {}{}", kind.sql, if nullable { "" } else { " not null" }));
            let mut field = field(name, kind, nullable);
            field.collated |= collated && matches!(kind.name, "text" | "varchar");
            columns.push((Arc::new(field.clone()), kind));
            fields.push(field);
        }
        definitions.push(format!("parent {}", fields[0].database_type));
        fields.push(Field { name: "parent".into(), nullable: true, special: vec![Special::ManyToOne], ..fields[0].clone() });
        fields.push(special(column("children", FieldType::Alias), &[Special::OneToMany]));
        database.execute(&format!("create table public.{name} ({})", definitions.join(", "))).await;
        let rows: Vec<String> = (0..ROWS)
            .map(|number| {
                let mut values = vec![literal(&key.value(number))];
                for (field, kind) in &columns {
                    let null = field.nullable && random.random_bool(NULLS);
                    values.push(if null { "NULL".to_owned() } else { literal(kind.values.choose(random).unwrap()) });
                }
                let parent = random.random_range(0..2 * ROWS);
                values.push(if parent < ROWS { literal(&key.value(parent)) } else { "NULL".to_owned() });
                format!("({})", values.join(", "))
            })
            .collect();
        database.execute(&format!("insert into public.{name} values {}", rows.join(", "))).await;
        let rows = database.rows(&format!("select id::text, to_json(t)::text from public.{name} t")).await;
        let rows =
            rows.into_iter().map(|mut row| StoredRow { image: row.pop().flatten().unwrap(), key: row.pop().flatten().unwrap() }).collect();
        Self::new(name, fields, columns, rows)
    }

    fn new(name: &str, fields: Vec<Field>, columns: Vec<(Arc<Field>, &'static ColumnType)>, rows: Vec<StoredRow>) -> Self {
        let schema = schema(collection(name, fields));
        let collection = Arc::clone(schema.collection(name).unwrap());
        Self { schema, collection, columns, rows }
    }

    /// The overview of a copy of the table.
    pub(crate) fn schema_named(&self, name: &Arc<str>) -> Schema {
        schema(Collection { name: Arc::clone(name), ..(*self.collection).clone() })
    }

    /// The type of a column, if it is one of the generated ones.
    pub(crate) fn column(&self, name: &str) -> Option<&'static ColumnType> {
        self.columns.iter().find(|(field, _)| *field.name == *name).map(|(_, kind)| *kind)
    }
}

/// The collection, whose rows point to each other.
fn schema(collection: Collection) -> Schema {
    let parent = Relation {
        many_collection: Arc::clone(&collection.name),
        many_field: "parent".into(),
        one_collection: Some(Arc::clone(&collection.name)),
        one_field: Some("children".into()),
        one_collection_field: None,
        one_allowed_collections: Vec::new(),
        junction_field: None,
        sort_field: None,
        one_deselect_action: DeselectAction::Nullify,
    };
    Schema::new([collection], [parent])
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
