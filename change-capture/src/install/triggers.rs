//! The triggers of a table: what they are called, what they should be, and the DDL that makes them so.
//!
//! Pure text. It must never let a name reach SQL unquoted.

use super::tables::{Plan, Table};

/// The table that says which fields are secrets.
const FIELDS: &str = "directus_fields";
const SECRETS: &str = "secrets";
const START: &str = "start";

/// One trigger of ours.
struct Trigger {
    /// Which function it calls, and the middle of its name.
    function: &'static str,
    when: &'static str,
    references: &'static str,
    /// As in `pg_trigger.tgtype`.
    bits: u8,
}

/// In the order of their names.
const TRIGGERS: [Trigger; 6] = [
    Trigger { function: "delete", when: "after delete", references: "referencing old table as old_rows", bits: 8 },
    Trigger { function: "insert", when: "after insert", references: "referencing new table as new_rows", bits: 4 },
    // Sees that a field becomes a secret, in the transaction that makes it one.
    Trigger { function: SECRETS, when: "after insert or update", references: "", bits: 20 },
    Trigger { function: START, when: "before insert or update or delete", references: "", bits: 30 },
    Trigger { function: "truncate", when: "after truncate", references: "", bits: 32 },
    Trigger { function: "update", when: "after update", references: "referencing old table as old_rows new table as new_rows", bits: 16 },
];

fn triggers(collection: &str, plan: &Plan) -> impl Iterator<Item = &'static Trigger> {
    let (ordered, fields) = (plan.ordered, collection == FIELDS);
    TRIGGERS.iter().filter(move |trigger| match trigger.function {
        START => ordered,
        SECRETS => fields,
        _ => true,
    })
}

/// What the catalog query of [`super::tables`] reads when the triggers are right.
pub(super) fn signatures(relation: u32, collection: &str, plan: &Plan) -> Vec<String> {
    let mut arguments = vec![collection, plan.key.as_str()];
    arguments.extend(plan.ordered.then_some("ordered"));
    let arguments: String = arguments.iter().flat_map(|text| text.bytes().chain([0])).map(|byte| format!("{byte:02x}")).collect();
    triggers(collection, plan)
        .map(|Trigger { function, references, bits, .. }| {
            let old = if references.contains("old_rows") { "old_rows" } else { "-" };
            let new = if references.contains("new_rows") { "new_rows" } else { "-" };
            format!("tidegate_{function}_{relation} capture_{function} {bits} O {old} {new} {arguments}")
        })
        .collect()
}

/// The names hold the oid of the table. A dump carries our triggers, and whoever restores it must not meet one of the same
/// name that the worker was quick to create: the restored table is another one, and the dump's triggers are strangers there.
pub(super) fn create_statements(table: &Table, plan: &Plan) -> String {
    let (relation, name) = (table.relation, quote_identifier(&table.name));
    let mut arguments = vec![quote_literal(&table.collection), quote_literal(&plan.key)];
    arguments.extend(plan.ordered.then(|| quote_literal("ordered")));
    let arguments = arguments.join(", ");
    let create = triggers(&table.collection, plan).map(|Trigger { function, when, references, .. }| {
        let trigger = format!("tidegate_{function}_{relation}");
        // A new trigger is enabled. One that was disabled stays so when it is replaced; only the table's owner may change that.
        let enable = match table.trigger_names.contains(&trigger) {
            true => format!("alter table public.{name} enable trigger {trigger};"),
            false => String::new(),
        };
        format!(
            "create or replace trigger {trigger} {when} on public.{name} {references} \
             for each statement execute function tidegate.capture_{function}({arguments}); {enable}"
        )
    });
    let ours: Vec<String> = triggers(&table.collection, plan).map(|trigger| format!("tidegate_{}_{relation}", trigger.function)).collect();
    let strangers = table.trigger_names.iter().filter(|trigger| !ours.contains(trigger)).map(|trigger| drop_statement(table, trigger));
    create.chain(strangers).collect()
}

pub(super) fn drop_statements(table: &Table) -> String {
    table.trigger_names.iter().map(|trigger| drop_statement(table, trigger)).collect()
}

fn drop_statement(table: &Table, trigger: &str) -> String {
    format!("drop trigger if exists {} on public.{};", quote_identifier(trigger), quote_identifier(&table.name))
}

fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Trigger arguments are literals in DDL, which takes no bind parameters.
fn quote_literal(text: &str) -> String {
    // The E form is safe whatever standard_conforming_strings says.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_whole() {
        assert_eq!(quote_identifier(r#"we"ird"#), r#""we""ird""#);
        assert_eq!(quote_literal(r"o'd\d"), r"E'o''d\\d'");
    }

    #[test]
    fn signatures_name_every_trigger() {
        let plan = |ordered| Plan { key: "id".to_owned(), ordered };
        let plain = signatures(7, "a", &plan(false));
        assert_eq!((plain.len(), &*plain[1]), (4, "tidegate_insert_7 capture_insert 4 O - new_rows 6100696400"));
        assert_eq!(signatures(7, FIELDS, &plan(false))[2].split(' ').nth(1), Some("capture_secrets"));
        assert_eq!(signatures(7, "a", &plan(true))[2], "tidegate_start_7 capture_start 30 O - - 61006964006f72646572656400");
    }
}
