//! How large an operation is once its fragments are put in place.
//!
//! It must never put them in place to find out: every fragment is measured once, so that fragments within fragments cost no
//! more than their text.

use std::collections::HashMap;

use crate::document::{Document, Fragment, Selection};
use crate::meter::{Exhausted, Meter};

/// The size of selections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    /// Levels.
    pub(crate) depth: usize,
    /// Fields.
    pub(crate) fields: usize,
}

impl Size {
    fn beside(self, other: Self) -> Self {
        Self { depth: self.depth.max(other.depth), fields: self.fields.saturating_add(other.fields) }
    }
}

/// The largest depth and the largest number of fields among the operations. Fragments that contain themselves count once.
pub(crate) fn measure(document: &Document<'_>, meter: &mut Meter) -> Result<Size, Exhausted> {
    let mut fragments: HashMap<&str, &Fragment<'_>> = HashMap::new();
    for fragment in document.fragments() {
        fragments.entry(fragment.name.text).or_insert(fragment);
    }
    let mut sizes: HashMap<&str, Size> = HashMap::new();
    for name in order(&fragments, meter)? {
        if let Some(fragment) = fragments.get(name) {
            let size = of(&fragment.selections, &sizes, meter)?;
            sizes.insert(name, size);
        }
    }
    let mut largest = Size::default();
    for operation in document.operations() {
        let size = of(&operation.selections, &sizes, meter)?;
        largest = Size { depth: largest.depth.max(size.depth), fields: largest.fields.max(size.fields) };
    }
    Ok(largest)
}

/// Fragments, each behind those that it spreads.
fn order<'d>(fragments: &HashMap<&'d str, &'d Fragment<'d>>, meter: &mut Meter) -> Result<Vec<&'d str>, Exhausted> {
    enum Visit<'d> {
        Enter(&'d str),
        Leave(&'d str),
    }
    let mut order = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut open: Vec<Visit<'d>> = fragments.keys().map(|name| Visit::Enter(name)).collect();
    while let Some(visit) = open.pop() {
        meter.step()?;
        match visit {
            Visit::Leave(name) => order.push(name),
            Visit::Enter(name) if seen.insert(name) => {
                open.push(Visit::Leave(name));
                if let Some(fragment) = fragments.get(name) {
                    spreads(&fragment.selections, &mut |spread| open.push(Visit::Enter(spread)));
                }
            }
            Visit::Enter(_) => {}
        }
    }
    Ok(order)
}

fn spreads<'d>(selections: &'d [Selection<'d>], visit: &mut dyn FnMut(&'d str)) {
    for selection in selections {
        match selection {
            Selection::Field(field) => spreads(&field.selections, visit),
            Selection::Inline(inline) => spreads(&inline.selections, visit),
            Selection::Spread(spread) => visit(spread.name.text),
        }
    }
}

/// Recursion is bounded by the nesting that the parser lets through.
fn of(selections: &[Selection<'_>], fragments: &HashMap<&str, Size>, meter: &mut Meter) -> Result<Size, Exhausted> {
    let mut size = Size::default();
    for selection in selections {
        meter.step()?;
        size = size.beside(match selection {
            Selection::Field(field) => {
                let below = of(&field.selections, fragments, meter)?;
                Size { depth: below.depth.saturating_add(1), fields: below.fields.saturating_add(1) }
            }
            Selection::Inline(inline) => of(&inline.selections, fragments, meter)?,
            Selection::Spread(spread) => fragments.get(spread.name.text).copied().unwrap_or_default(),
        });
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse;

    fn size(text: &str) -> (usize, usize) {
        let size = measure(&parse(text, 5_000).unwrap(), &mut Meter::new()).unwrap();
        (size.depth, size.fields)
    }

    #[test]
    fn fragments_count_where_they_stand() {
        assert_eq!(size("{ a { b c { d } } e }"), (3, 5));
        assert_eq!(size("{ a { ...F } b { ... on T { ...F } } } fragment F on T { c { d } }"), (3, 6));
        assert_eq!(size("query A { a } query B { b { c } }"), (2, 2));
    }

    #[test]
    fn doubling_fragments_are_measured_without_doubling_the_work() {
        let mut text = "{ ...F0 }".to_owned();
        for n in 0..60 {
            text.push_str(&format!(" fragment F{n} on T {{ a: x {{ ...F{} }} b: x {{ ...F{} }} }}", n + 1, n + 1));
        }
        text.push_str(" fragment F60 on T { y }");
        let mut meter = Meter::new();
        let size = measure(&parse(&text, 5_000).unwrap(), &mut meter).unwrap();
        assert_eq!(size.depth, 61);
        assert!(size.fields > 1 << 60);
        assert!(meter.taken() < 1_000, "{}", meter.taken());
    }

    #[test]
    fn cycles_end() {
        let (depth, fields) = size("{ ...A } fragment A on T { a { ...B } } fragment B on T { b { ...A } }");
        assert!((1..=2).contains(&depth) && (1..=2).contains(&fields), "{depth} {fields}");
    }
}
