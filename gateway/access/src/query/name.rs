//! The small syntax inside field names: comma lists, dotted paths, functions and json paths.
//!
//! It must never look a name up: whether it exists is the planner's question. Work is linear in the text.

use crate::plan::JsonStep;
use crate::refusal::Refusal;

/// A field or a function of a field, as it stands behind the path of a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Leaf {
    /// A name.
    Plain(String),
    /// `function(field)` or `json(field, path)`.
    Call {
        /// What stands before the parenthesis.
        function: String,
        /// The field's name.
        field: String,
        /// The raw second argument of `json`.
        path: Option<String>,
    },
}

/// A name in its parts: the relations on the way, and what is meant there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// Relations from the level that the name belongs to.
    pub(crate) path: Vec<String>,
    /// The end.
    pub(crate) leaf: Leaf,
}

impl Leaf {
    /// The field that the permission check is about.
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Plain(name) => name,
            Self::Call { field, .. } => field,
        }
    }

    /// The member's name in the output.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Plain(name) => name.clone(),
            Self::Call { field, path: Some(path), .. } => {
                let mut key = format!("{field}_");
                for c in path.chars() {
                    if !matches!(c, '.' | '[' | ']' | ',' | ' ') {
                        key.push(c);
                    } else if !key.ends_with('_') {
                        key.push('_');
                    }
                }
                if !key.ends_with('_') {
                    key.push('_');
                }
                key.push_str("json");
                key
            }
            Self::Call { function, field, path: None } => format!("{field}_{function}"),
        }
    }
}

impl Name {
    /// Reads `a.b.c`, `a.year(b)`, `year(a.b)`, `json(a.b, c[0])`.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut path = segments(text);
        let last = path.pop().unwrap_or_default();
        let Some((function, argument)) = call(last) else {
            return Ok(Self { path: path.into_iter().map(str::to_owned).collect(), leaf: Leaf::Plain(last.to_owned()) });
        };
        let (target, json) = if function == "json" { json_arguments(argument)? } else { (argument, None) };
        let mut inner: Vec<&str> = target.split('.').collect();
        let field = inner.pop().unwrap_or_default().trim().to_owned();
        path.extend(inner);
        Ok(Self {
            path: path.into_iter().map(str::to_owned).collect(),
            leaf: Leaf::Call { function: function.to_owned(), field, path: json.map(str::to_owned) },
        })
    }
}

/// `function` and what stands in its parentheses.
pub(crate) fn call(text: &str) -> Option<(&str, &str)> {
    let (function, rest) = text.split_once('(')?;
    Some((function, rest.strip_suffix(')').unwrap_or(rest)))
}

/// The parts of a dotted path; dots inside parentheses do not split.
pub(crate) fn segments(text: &str) -> Vec<&str> {
    split(text, '.')
}

/// A comma list of names, trimmed; commas inside parentheses do not split.
pub(crate) fn list(text: &str) -> Result<Vec<String>, Refusal> {
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 1 {
            return Err(Refusal::InvalidQuery("Nested functions are not supported in \"fields\"".into()));
        }
    }
    if depth > 0 {
        return Err(Refusal::InvalidQuery("Missing closing parenthesis in \"fields\"".into()));
    }
    Ok(split(text, ',').into_iter().map(|name| name.trim().to_owned()).collect())
}

/// A json path such as `a.b[0]`, at most `limit` steps.
pub(crate) fn json_path(text: &str, limit: u32) -> Result<Vec<JsonStep>, Refusal> {
    let unsupported = || Refusal::InvalidQuery("Invalid JSON path: unsupported path expression".into());
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (index, behind) = bracket.split_once(']').ok_or_else(unsupported)?;
            if index.is_empty() || !index.bytes().all(|b| b.is_ascii_digit()) {
                return Err(unsupported());
            }
            steps.push(JsonStep::Index(index.parse().map_err(|_| unsupported())?));
            rest = behind;
        } else {
            let member = if steps.is_empty() { rest } else { rest.strip_prefix('.').ok_or_else(unsupported)? };
            let end = member.find(['.', '[']).unwrap_or(member.len());
            let (name, behind) = member.split_at(end);
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return Err(unsupported());
            }
            steps.push(JsonStep::Member(name.to_owned()));
            rest = behind;
        }
    }
    let depth = steps.len();
    if depth == 0 {
        return Err(unsupported());
    }
    if depth > limit as usize {
        return Err(Refusal::InvalidQuery(format!("JSON path depth ({depth}) exceeds allowed maximum of {limit}")));
    }
    Ok(steps)
}

fn json_arguments(text: &str) -> Result<(&str, Option<&str>), Refusal> {
    let fault = |what: &str| Refusal::InvalidQuery(format!("Invalid json() syntax: {what}"));
    let (field, path) = text.split_once(',').ok_or_else(|| fault("requires json(field, path) format"))?;
    let (field, path) = (field.trim(), path.trim());
    if field.is_empty() {
        return Err(fault("missing field name"));
    }
    if path.is_empty() {
        return Err(fault("missing path"));
    }
    Ok((field, Some(path)))
}

fn split(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == separator && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let check = |text: &str, path: &[&str], field: &str, key: &str| {
            let name = Name::parse(text).unwrap();
            assert_eq!(
                (name.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), name.leaf.field(), name.leaf.key().as_str()),
                (path, field, key),
                "{text}"
            );
        };
        check("id", &[], "id", "id");
        check("author.name", &["author"], "name", "name");
        check("author.year(born)", &["author"], "born", "born_year");
        check("year(author.born)", &["author"], "born", "born_year");
        check("json(meta, list[0])", &[], "meta", "meta_list_0_json");
        check("json(meta,a.b)", &[], "meta", "meta_a_b_json");
        check("author.json(settings,nested.a[1])", &["author"], "settings", "settings_nested_a_1_json");
        check("", &[], "", "");
    }

    #[test]
    fn faults_have_their_texts() {
        let check = |refusal: Refusal, expect: &str| assert_eq!(refusal, Refusal::InvalidQuery(expect.into()));
        check(Name::parse("json(meta)").unwrap_err(), "Invalid json() syntax: requires json(field, path) format");
        check(Name::parse("json(,a)").unwrap_err(), "Invalid json() syntax: missing field name");
        check(Name::parse("json(meta,)").unwrap_err(), "Invalid json() syntax: missing path");
        check(list("a(b(c))").unwrap_err(), "Nested functions are not supported in \"fields\"");
        check(list("a(b").unwrap_err(), "Missing closing parenthesis in \"fields\"");
        for path in ["a..b", "a[]", "a[*]", "$.a", "a[-1]", "a?", "@", "a b", ".a", "a.", ""] {
            check(json_path(path, 10).unwrap_err(), "Invalid JSON path: unsupported path expression");
        }
        check(json_path("a.b.c", 2).unwrap_err(), "JSON path depth (3) exceeds allowed maximum of 2");
    }

    #[test]
    fn lists_split_outside_parentheses() {
        assert_eq!(list(" id, json(meta,k) ,year(a)").unwrap(), ["id", "json(meta,k)", "year(a)"]);
        assert_eq!(json_path("a.b[0][1].c", 10).unwrap().len(), 5);
    }
}
