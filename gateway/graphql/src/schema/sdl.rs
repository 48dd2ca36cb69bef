//! A schema as text, in the layout of the reference implementation's printer.
//!
//! It must never print what every schema has: the specified scalars and introspection.

use std::fmt::Write as _;

use super::definition::{Field, Input, Kind, Types};
use super::natural;

/// Descriptions up to this length stand on one line.
const ONE_LINE: usize = 70;

/// All types in natural order, one blank line between two.
pub(super) fn print(types: &Types) -> String {
    let mut text = String::new();
    for id in types.sorted() {
        let ty = types.get(id);
        if ty.name.starts_with("__") || matches!(ty.kind, Kind::Scalar(scalar) if scalar.is_specified()) {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        if let Some(description) = ty.description {
            describe(&mut text, description);
        }
        match &ty.kind {
            Kind::Scalar(_) => line(&mut text, format_args!("scalar {}", ty.name)),
            Kind::Enum(values) => {
                line(&mut text, format_args!("enum {} {{", ty.name));
                values.iter().for_each(|value| line(&mut text, format_args!("  {value}")));
                text.push_str("}\n");
            }
            Kind::Union(members) => {
                let mut names: Vec<&str> = members.iter().map(|member| &*types.get(*member).name).collect();
                names.sort_by(|a, b| natural::compare(a, b));
                line(&mut text, format_args!("union {} = {}", ty.name, names.join(" | ")));
            }
            Kind::Object(object) => {
                line(&mut text, format_args!("type {} {{", ty.name));
                object.fields.iter().for_each(|field| output(&mut text, types, field));
                text.push_str("}\n");
            }
            Kind::Input(fields) => {
                line(&mut text, format_args!("input {} {{", ty.name));
                fields.iter().for_each(|field| input(&mut text, types, field));
                text.push_str("}\n");
            }
        }
    }
    text
}

fn output(text: &mut String, types: &Types, field: &Field) {
    let arguments = field.arguments();
    let arguments = if arguments.is_empty() {
        String::new()
    } else {
        let each: Vec<String> = arguments.iter().map(|argument| format!("{}: {}", argument.name, types.written_ref(argument.ty))).collect();
        format!("({})", each.join(", "))
    };
    line(text, format_args!("  {}{arguments}: {}", field.name, types.written_ref(field.ty)));
}

fn input(text: &mut String, types: &Types, field: &Input) {
    line(text, format_args!("  {}: {}", field.name, types.written_ref(field.ty)));
}

fn describe(text: &mut String, description: &str) {
    let escaped = description.replace("\"\"\"", "\\\"\"\"");
    let lines: Vec<&str> = escaped.lines().collect();
    let unclear = escaped.ends_with(['"', '\\']) || escaped.starts_with([' ', '\t']);
    if lines.len() <= 1 && escaped.chars().count() <= ONE_LINE && !unclear {
        line(text, format_args!("\"\"\"{escaped}\"\"\""));
        return;
    }
    line(text, format_args!("\"\"\""));
    lines.iter().for_each(|each| line(text, format_args!("{each}")));
    line(text, format_args!("\"\"\""));
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{arguments}");
}
