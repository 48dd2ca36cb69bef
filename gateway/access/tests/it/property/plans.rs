//! Generated plans over one table.

use std::sync::Arc;

use access::plan::{
    Comparison, DatePart, Filter, Function, JsonStep, JsonTest, Level, Operand, Rows, RuleSet, Scalar, Search, SearchTerm, Selected,
    Selection, Shown, Sort, Test, TextPlace, TextTest,
};
use access::schema::{Field, FieldType};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::constants::Accepted;
use super::table::Table;
use super::values::{ColumnType, TEXTS};

/// Makes plans for `table`.
pub(crate) struct PlanMaker<'a> {
    pub(crate) random: &'a mut StdRng,
    pub(crate) table: &'a Table,
    pub(crate) accepted: &'a Accepted,
}

/// A comparison without mask.
pub(crate) fn compare(field: &Arc<Field>, test: Test) -> Filter {
    Filter::Compare(Comparison { path: vec![], operand: Operand::Column(Arc::clone(field)), shown: Shown::Always, test })
}

/// A level that selects bare keys of the rows that match `filter`.
pub(crate) fn level_of(table: &Table, filter: Filter) -> Level {
    Level {
        collection: Arc::clone(&table.collection),
        select: vec![],
        filter: Some(filter),
        search: None,
        access: RuleSet::everything(),
        sort: vec![],
        limit: None,
        offset: 0,
    }
}

impl PlanMaker<'_> {
    /// Anything.
    pub(crate) fn level(&mut self) -> Level {
        let rules: Vec<Filter> = (0..self.random.random_range(0..4)).map(|_| self.filter(2, 0)).collect();
        let count = rules.len();
        let rows = if count == 0 || self.random.random_bool(0.5) { Rows::All } else { Rows::Matching(self.some(count)) };
        Level {
            filter: self.random.random_bool(0.85).then(|| self.filter(3, count)),
            search: self.random.random_bool(0.2).then(|| self.search(count)),
            select: self.select(count),
            sort: self.sort(count),
            access: Arc::new(RuleSet { rules, rows }),
            ..level_of(self.table, Filter::And(vec![]))
        }
    }

    fn some(&mut self, count: usize) -> Vec<usize> {
        let mut chosen: Vec<usize> = (0..count).filter(|_| self.random.random_bool(0.6)).collect();
        if chosen.is_empty() && self.random.random_bool(0.9) {
            chosen.push(self.random.random_range(0..count));
        }
        chosen
    }

    fn shown(&mut self, rules: usize) -> Shown {
        if rules == 0 || self.random.random_bool(0.6) { Shown::Always } else { Shown::When(self.some(rules)) }
    }

    fn filter(&mut self, depth: u32, rules: usize) -> Filter {
        if depth > 0 && self.random.random_bool(0.4) {
            let members = (0..self.random.random_range(0..4)).map(|_| self.filter(depth - 1, rules)).collect();
            return if self.random.random_bool(0.5) { Filter::And(members) } else { Filter::Or(members) };
        }
        let (operand, test) = if self.random.random_bool(0.12) { self.function_test() } else { self.column_test() };
        Filter::Compare(Comparison { path: vec![], operand, shown: self.shown(rules), test })
    }

    fn column(&mut self) -> (Arc<Field>, &'static ColumnType) {
        self.table.columns.choose(self.random).cloned().unwrap()
    }

    fn column_test(&mut self) -> (Operand, Test) {
        let (field, kind) = self.column();
        let json = kind.kind == FieldType::Json;
        let text = matches!(kind.name, "text" | "varchar" | "bpchar");
        let test = if json && self.random.random_bool(0.7) {
            Test::Json(self.json(2))
        } else if !self.accepted.contains_key(&kind.id()) {
            self.null_test()
        } else if text && self.random.random_bool(0.5) {
            self.text_test()
        } else {
            self.value_test(kind)
        };
        (Operand::Column(field), test)
    }

    fn null_test(&mut self) -> Test {
        if self.random.random_bool(0.5) { Test::Null } else { Test::NotNull }
    }

    fn text_test(&mut self) -> Test {
        match self.random.random_range(0..10) {
            0 => Test::Empty,
            1 => Test::NotEmpty,
            _ => Test::Like(self.like()),
        }
    }

    fn like(&mut self) -> TextTest {
        let text = TEXTS.choose(self.random).unwrap();
        let length = text.chars().count();
        let start = self.random.random_range(0..=length);
        let text: String = text.chars().skip(start).take(self.random.random_range(0..4)).collect();
        let place = *[TextPlace::Anywhere, TextPlace::Start, TextPlace::End].choose(self.random).unwrap();
        // Postgres refuses a pattern that ends in an escape.
        let escapes = text.chars().rev().take_while(|c| *c == '\\').count();
        let text = if place == TextPlace::End && escapes % 2 == 1 { format!("{text}\\") } else { text };
        TextTest { place, text, ignore_case: self.random.random_bool(0.5), negated: self.random.random_bool(0.3) }
    }

    fn value_test(&mut self, kind: &'static ColumnType) -> Test {
        let scalar = |maker: &mut Self| maker.constant(kind);
        let list = |maker: &mut Self| (0..maker.random.random_range(0..5)).map(|_| maker.constant(kind)).collect();
        // The order of a collated text is the database's.
        let orders = if kind.collated { 6 } else { 12 };
        match self.random.random_range(0..orders) {
            0 => self.null_test(),
            1 | 2 => Test::Eq(scalar(self)),
            3 => Test::Neq(scalar(self)),
            4 => Test::In(list(self)),
            5 => Test::Nin(list(self)),
            6 => Test::Lt(scalar(self)),
            7 => Test::Lte(scalar(self)),
            8 => Test::Gt(scalar(self)),
            9 => Test::Gte(scalar(self)),
            10 => Test::Between(scalar(self), scalar(self)),
            _ => Test::NotBetween(scalar(self), scalar(self)),
        }
    }

    fn constant(&mut self, kind: &'static ColumnType) -> Scalar {
        if self.random.random_bool(0.04) {
            return Scalar::Null;
        }
        let text = match self.random.random_range(0..100) {
            0..50 => kind.values.choose(self.random).unwrap(),
            50..99 => self.accepted[&kind.id()].choose(self.random).unwrap(),
            _ => kind.constants.choose(self.random).unwrap(),
        };
        let number = matches!(kind.kind, FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal);
        if kind.kind == FieldType::Boolean && self.random.random_bool(0.5) {
            Scalar::Boolean(self.random.random_bool(0.5))
        } else if number {
            Scalar::Number((*text).to_owned())
        } else {
            Scalar::Text((*text).to_owned())
        }
    }

    fn json(&mut self, depth: u32) -> JsonTest {
        if depth > 0 && self.random.random_bool(0.3) {
            let members = (0..self.random.random_range(0..3)).map(|_| self.json(depth - 1)).collect();
            return if self.random.random_bool(0.5) { JsonTest::And(members) } else { JsonTest::Or(members) };
        }
        let numbers = self.random.random_bool(0.3);
        let path = if numbers && self.random.random_bool(0.97) { vec![JsonStep::Member("n".into())] } else { self.path() };
        let scalar = |maker: &mut Self| {
            if numbers {
                Scalar::Number((*["5", "1e2", "-0.5", "2", "100.00"].choose(maker.random).unwrap()).to_owned())
            } else {
                Scalar::Text((*["text", "5", "", "a\"bé\n", "1", "[1]", "true", "zero"].choose(maker.random).unwrap()).to_owned())
            }
        };
        let list = |maker: &mut Self| (0..maker.random.random_range(0..3)).map(|_| scalar(maker)).collect();
        let test = match self.random.random_range(0..if numbers { 14 } else { 10 }) {
            0 => Test::Null,
            1 => Test::NotNull,
            2 => Test::Empty,
            3 => Test::NotEmpty,
            4 | 5 => Test::Eq(scalar(self)),
            6 => Test::Neq(scalar(self)),
            7 => Test::In(list(self)),
            8 => Test::Nin(list(self)),
            9 => Test::Like(self.like()),
            10 => Test::Lt(scalar(self)),
            11 => Test::Gte(scalar(self)),
            12 => Test::Between(scalar(self), scalar(self)),
            _ => Test::NotBetween(scalar(self), scalar(self)),
        };
        JsonTest::Compare { path, test: Box::new(test) }
    }

    fn path(&mut self) -> Vec<JsonStep> {
        let member = |name: &str| JsonStep::Member(name.to_owned());
        let paths = [
            vec![member("n")],
            vec![member("s")],
            vec![member("e")],
            vec![member("z")],
            vec![member("a")],
            vec![member("0")],
            vec![member("missing"), member("n")],
            vec![member("a"), member("b")],
            vec![member("a"), member("b"), JsonStep::Index(self.random.random_range(0..5))],
            vec![member("a"), member("b"), JsonStep::Index(3), member("c")],
            vec![member("a"), member("b"), member("0")],
            vec![member("a"), JsonStep::Index(1), JsonStep::Index(0)],
            vec![JsonStep::Index(0)],
            vec![JsonStep::Index(1), member("n")],
        ];
        paths.into_iter().choose(self.random).unwrap()
    }

    /// Functions give numbers.
    fn function_test(&mut self) -> (Operand, Test) {
        let Some(function) = self.function() else { return self.column_test() };
        if matches!(function, Function::JsonPath { .. }) {
            return self.column_test();
        }
        let scalar = |maker: &mut Self| {
            Scalar::Number(
                (*["0", "1", "2", "3", "7", "12", "30", "53", "2026", "5.0", "0.5", "1e1", "59.999999", "-44"]
                    .choose(maker.random)
                    .unwrap())
                .to_owned(),
            )
        };
        let test = match self.random.random_range(0..8) {
            0 => self.null_test(),
            1 | 2 => Test::Eq(scalar(self)),
            3 => Test::Neq(scalar(self)),
            4 => Test::In((0..self.random.random_range(0..4)).map(|_| scalar(self)).collect()),
            5 => Test::Lt(scalar(self)),
            6 => Test::Gte(scalar(self)),
            _ => Test::Between(scalar(self), scalar(self)),
        };
        (Operand::Function(function), test)
    }

    fn function(&mut self) -> Option<Function> {
        let columns = self.table.columns.iter().filter_map(|(field, kind)| {
            let day = [DatePart::Year, DatePart::Month, DatePart::Week, DatePart::Day, DatePart::Weekday];
            let clock = [DatePart::Hour, DatePart::Minute, DatePart::Second];
            let parts: Vec<DatePart> = match kind.name {
                "date" => day.into(),
                "time" => clock.into(),
                "timestamp" | "timestamptz" => day.into_iter().chain(clock).collect(),
                _ if kind.kind == FieldType::Json => vec![],
                _ => return None,
            };
            Some((field, kind.array, parts))
        });
        let (field, array, parts) = columns.choose(self.random)?;
        let field = Arc::clone(field);
        Some(match parts.choose(self.random) {
            Some(part) => Function::DatePart { part: *part, field },
            None if array => Function::CountJson(field),
            None => Function::JsonPath { field, path: self.path() },
        })
    }

    fn search(&mut self, rules: usize) -> Search {
        let terms = (0..self.random.random_range(0..4)).filter_map(|_| {
            let (field, kind) = self.column();
            let test = match kind.name {
                "text" | "varchar" | "bpchar" => {
                    Test::Like(TextTest { place: TextPlace::Anywhere, ignore_case: true, negated: false, ..self.like() })
                }
                "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" | "uuid" => Test::Eq(self.constant(kind)),
                _ => return None,
            };
            Some(SearchTerm { field, shown: self.shown(rules), test })
        });
        Search { terms: terms.collect() }
    }

    fn select(&mut self, rules: usize) -> Vec<Selection> {
        if self.random.random_bool(0.05) {
            return vec![];
        }
        let mut select = vec![];
        let fields: Vec<Arc<Field>> = self.table.collection.columns().cloned().collect();
        for field in fields {
            if self.random.random_bool(0.6) {
                select.push(Selection { key: field.name.to_string(), value: Selected::Column(field), shown: self.shown(rules) });
            }
        }
        while self.random.random_bool(0.3) {
            if let Some(function) = self.function() {
                let key = format!("f{}", select.len());
                select.push(Selection { key, value: Selected::Function(function), shown: self.shown(rules) });
            }
        }
        select
    }

    /// Ends with the key, so that there are no ties.
    fn sort(&mut self, rules: usize) -> Vec<Sort> {
        let mut sort = vec![];
        for _ in 0..self.random.random_range(0..3) {
            let (field, kind) = self.column();
            let operand = match self.function() {
                Some(function @ (Function::DatePart { .. } | Function::CountJson(_))) if self.random.random_bool(0.3) => {
                    Operand::Function(function)
                }
                _ if self.accepted.contains_key(&kind.id()) => Operand::Column(field),
                _ => continue,
            };
            sort.push(Sort { path: vec![], operand, shown: self.shown(rules), descending: self.random.random_bool(0.5) });
        }
        let key = Operand::Column(Arc::clone(self.table.collection.key_field().unwrap()));
        sort.push(Sort { path: vec![], operand: key, shown: Shown::Always, descending: self.random.random_bool(0.5) });
        sort
    }
}
