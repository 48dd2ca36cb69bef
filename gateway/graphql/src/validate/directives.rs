//! Directives: `@include` and `@skip`, where they stand and what they take.
//!
//! It must never let a directive through that nothing executes.

use super::{Validator, Walked};
use crate::document::{At, Directive};
use crate::schema::definition::TypeRef;

/// A directive of every schema.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) locations: &'static [&'static str],
    /// Name, type, whether it is required, description, default value.
    pub(crate) arguments: &'static [(&'static str, &'static str, bool, &'static str, Option<&'static str>)],
}

const SELECTIONS: &[&str] = &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"];

/// In the order of their names.
pub(crate) const KNOWN: [Known; 4] = [
    Known {
        name: "deprecated",
        description: "Marks an element of a GraphQL schema as no longer supported.",
        locations: &["FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INPUT_FIELD_DEFINITION", "ENUM_VALUE"],
        arguments: &[(
            "reason",
            "String",
            false,
            "Explains why this element was deprecated, usually also including a suggestion for how to access supported similar data. \
             Formatted using the Markdown syntax, as specified by [CommonMark](https://commonmark.org/).",
            Some("\"No longer supported\""),
        )],
    },
    Known {
        name: "include",
        description: "Directs the executor to include this field or fragment only when the `if` argument is true.",
        locations: SELECTIONS,
        arguments: &[("if", "Boolean", true, "Included when true.", None)],
    },
    Known {
        name: "skip",
        description: "Directs the executor to skip this field or fragment when the `if` argument is true.",
        locations: SELECTIONS,
        arguments: &[("if", "Boolean", true, "Skipped when true.", None)],
    },
    Known {
        name: "specifiedBy",
        description: "Exposes a URL that specifies the behavior of this scalar.",
        locations: &["SCALAR"],
        arguments: &[("url", "String", true, "The URL that specifies the behavior of this scalar.", None)],
    },
];

impl<'d> Validator<'d, '_> {
    pub(super) fn directives(&mut self, directives: &'d [Directive<'d>], place: &str) -> Walked {
        for (index, directive) in directives.iter().enumerate() {
            self.step()?;
            let Some(known) = KNOWN.iter().find(|known| known.name == directive.name) else {
                self.fault(format!("Unknown directive \"@{}\".", directive.name), &[directive.at])?;
                continue;
            };
            if !known.locations.contains(&place) {
                self.fault(format!("Directive \"@{}\" may not be used on {place}.", directive.name), &[directive.at])?;
            }
            let earlier: Option<At> = directives.iter().take(index).find(|other| other.name == directive.name).map(|other| other.at);
            if let Some(earlier) = earlier {
                let text = format!("The directive \"@{}\" can only be used once at this location.", directive.name);
                self.fault(text, &[earlier, directive.at])?;
            }
            self.directive_arguments(directive, known)?;
        }
        Ok(())
    }

    fn directive_arguments(&mut self, directive: &'d Directive<'d>, known: &'static Known) -> Walked {
        self.unique_arguments(&directive.arguments)?;
        for argument in &directive.arguments {
            let Some((_, ty, required, ..)) = known.arguments.iter().find(|(name, ..)| *name == argument.name.text) else {
                let hint = self.hint(argument.name.text, known.arguments.iter().map(|(name, ..)| *name));
                let text = format!("Unknown argument \"{}\" on directive \"@{}\".{hint}", argument.name.text, directive.name);
                self.fault(text, &[argument.name.at])?;
                continue;
            };
            if let Some(base) = self.types.find(ty) {
                let ty = if *required { TypeRef::required(base) } else { TypeRef::plain(base) };
                self.value(&argument.value, Some((ty.wrap.layers(), ty.base)))?;
            }
        }
        for (name, ty, ..) in known.arguments.iter().filter(|(_, _, required, ..)| *required) {
            if !directive.arguments.iter().any(|argument| argument.name.text == *name) {
                let text = format!(
                    "Directive \"@{}\" argument \"{name}\" of type \"{ty}!\" is required, but it was not provided.",
                    directive.name
                );
                self.fault(text, &[directive.at])?;
            }
        }
        Ok(())
    }
}
