//! Several statements of one text as one: the reads that an event causes for many groups in one round trip.
//!
//! ```text
//! select … where author = $1 and id = any($2)      for each of  (ada, {7}), (bob, {7}), …
//! ──▶ select q.*, b.n from unnest($1::int4[], $2::text[]) as b(n, p1) cross join lateral (select … where author = b.p1::uuid
//!     and id = any($3)) as q
//! ```
//!
//! Writes go together in the same way, by a text of their own that says where the rows come from.
//!
//! It must never put a value into the text: what differs between the statements travels as an array, what does not stays a
//! parameter. The text depends on the shape and, for reads, on which parameters differ, so that it is prepared once for both.

use std::fmt::Write as _;

use super::{Parameter, Statement, quote_identifier};

/// Makes one statement of `statements`, whose parameters have `types`. Its rows are theirs, in
/// their order, with two columns more at the end: the order within a statement, and the statement's place in `statements`
/// (`int4`). `None` where they do not fit together.
#[must_use]
pub fn together(statements: &[Statement], types: &[ParameterType]) -> Option<Statement> {
    let first = statements.first()?;
    let fits = |other: &Statement| other.text == first.text && other.parameters.len() == types.len();
    if !statements.iter().all(fits) {
        return None;
    }
    let mut parameters = vec![Parameter::Array((0..statements.len()).map(|place| Some(place.to_string())).collect())];
    let (mut arrays, mut columns) = ("$1::int4[]".to_owned(), "n".to_owned());
    let mut places = Vec::with_capacity(types.len());
    for (index, (ty, shared)) in types.iter().zip(&first.parameters).enumerate() {
        let of = |statement: &Statement| statement.parameters.get(index).and_then(Parameter::literal);
        let differs = statements.iter().any(|statement| statement.parameters.get(index) != Some(shared));
        parameters.push(if differs { Parameter::Array(statements.iter().map(of).collect()) } else { shared.clone() });
        let number = parameters.len();
        if differs {
            // Writing to a String cannot fail.
            let _infallible = write!(arrays, ", ${number}::text[]");
            let _infallible = write!(columns, ", p{number}");
            places.push(format!("(b.p{number}::{})", ty.sql()));
        } else {
            places.push(format!("${number}"));
        }
    }
    let inner = replaced(&first.text, &places)?;
    let text = format!(
        "select q.*, b.n from unnest({arrays}) as b({columns}) cross join lateral \
         (select s.*, row_number() over () as \"tidegate order\" from ({inner}) as s) as q order by b.n, q.\"tidegate order\""
    );
    Some(Statement { text, parameters })
}

/// The type of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterType {
    /// Its schema.
    pub schema: String,
    /// Its name there.
    pub name: String,
    /// Whether it is an array, of which there is no array.
    pub is_array: bool,
}

impl ParameterType {
    fn sql(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

/// In a text for [`gathered`]: the FROM item that is a row per statement, with its place in `b.n`.
pub const GATHERED: &str = "{gathered}";

/// One statement of many that write a row each: `template` is the text of all of them, in which each placeholder has the number
/// that it has in a single one, [`GATHERED`] stands once, and placeholders stand where `b` can be seen. `types` are those of the
/// parameters. `None` where it does not fit.
#[must_use]
pub fn gathered(template: &str, statements: &[&Statement], types: &[ParameterType]) -> Option<Statement> {
    if statements.iter().any(|statement| statement.parameters.len() != types.len()) {
        return None;
    }
    let mut parameters = vec![Parameter::Array((0..statements.len()).map(|place| Some(place.to_string())).collect())];
    // A parameter of a subquery has no length that a planner could see: it would plan each time anew for the one that it saw.
    let (mut arrays, mut columns) = ("(select $1::int4[])".to_owned(), "n".to_owned());
    let mut places = Vec::with_capacity(types.len());
    for (index, ty) in types.iter().enumerate() {
        let values = statements.iter().map(|statement| statement.parameters.get(index).and_then(Parameter::literal));
        parameters.push(Parameter::Array(values.collect()));
        let number = parameters.len();
        // Each value is read as it would be alone: a cast from text cuts off what a domain refuses.
        let (elements, place) =
            if ty.is_array { ("text".to_owned(), format!("(b.p{number}::{})", ty.sql())) } else { (ty.sql(), format!("b.p{number}")) };
        // Writing to a String cannot fail.
        let _infallible = write!(columns, ", p{number}");
        let _infallible = write!(arrays, ", (select ${number}::{elements}[])");
        places.push(place);
    }
    let (before, after) = template.split_once(GATHERED)?;
    let text = format!("{}unnest({arrays}) as b({columns}){}", replaced(before, &places)?, replaced(after, &places)?);
    Some(Statement { text, parameters })
}

/// `text` with its placeholders replaced by `places`; what stands in quotes is left as it is.
fn replaced(text: &str, places: &[String]) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 64);
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..)?;
        if quote.is_none() && c == '$' {
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number: usize = after.get(..digits)?.parse().ok()?;
            out.push_str(places.get(number.checked_sub(1)?)?);
            rest = after.get(digits..)?;
            continue;
        }
        // A doubled quote ends and begins again, which comes to the same.
        match quote {
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(open) if open == c => quote = None,
            None | Some(_) => {}
        }
        out.push(c);
        rest = after;
    }
    quote.is_none().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(parameters: &[&str]) -> Statement {
        let text = r#"select "a$1", '$2 it''s', x from t where x = $1 and y = any($2) limit $3"#.to_owned();
        Statement { text, parameters: parameters.iter().map(|text| Parameter::Text((*text).to_owned())).collect() }
    }

    fn of(schema: &str, name: &str) -> ParameterType {
        ParameterType { schema: schema.to_owned(), name: name.to_owned(), is_array: name.starts_with('_') }
    }

    fn types() -> Vec<ParameterType> {
        vec![of("pg_catalog", "uuid"), of("pg_catalog", "_int4"), of("pg_catalog", "int8")]
    }

    #[test]
    fn what_differs_becomes_an_array_and_quotes_are_kept() {
        let one = together(&[statement(&["u", "{1}", "5"]), statement(&["v", "{1}", "5"])], &types()).unwrap();
        let inner = r#"select "a$1", '$2 it''s', x from t where x = (b.p2::"pg_catalog"."uuid") and y = any($3) limit $4"#;
        assert!(one.text.starts_with("select q.*, b.n from unnest($1::int4[], $2::text[]) as b(n, p2) "), "{}", one.text);
        assert!(one.text.contains(inner), "{}", one.text);
        let array = |items: &[&str]| Parameter::Array(items.iter().map(|item| Some((*item).to_owned())).collect());
        assert_eq!(one.parameters, [array(&["0", "1"]), array(&["u", "v"]), Parameter::Text("{1}".into()), Parameter::Text("5".into())]);
    }

    #[test]
    fn writes_have_a_row_each() {
        let single = |name: &str| Statement { text: String::new(), parameters: vec![Parameter::Text(name.into()), Parameter::Null] };
        let types = [of("pg_catalog", "_int4"), of("s", "m\"")];
        let template = format!("with b as (select * from {GATHERED}) insert into t select $2, '$1', $1 from b");
        let (one, other) = (single("a"), single("b"));
        let made = gathered(&template, &[&one, &other], &types).unwrap();
        assert_eq!(
            made.text,
            "with b as (select * from unnest((select $1::int4[]), (select $2::text[]), (select $3::\"s\".\"m\"\"\"[])) as b(n, p2, p3)) \
             insert into t select b.p3, '$1', (b.p2::\"pg_catalog\".\"_int4\") from b"
        );
        let array = |items: &[Option<&str>]| Parameter::Array(items.iter().map(|item| item.map(Into::into)).collect());
        assert_eq!(made.parameters, [array(&[Some("0"), Some("1")]), array(&[Some("a"), Some("b")]), array(&[None, None])]);
        assert_eq!(gathered(&template, &[&one], &types[..1]), None);
        assert_eq!(gathered("select $3", &[&one], &types), None);
    }

    #[test]
    fn statements_that_do_not_fit_stay_apart() {
        let mut other = statement(&["u", "{1}", "5"]);
        other.text.push(' ');
        assert_eq!(together(&[statement(&["u", "{1}", "5"]), other], &types()), None);
        assert_eq!(together(&[statement(&["u", "{1}"])], &types()), None);
        assert_eq!(together(&[], &types()), None);
    }
}
