//! Whether a document means something under a schema: the rules of the specification, with the texts of the reference
//! implementation.
//!
//! It must never stop at the first fault, nor go on after the hundredth. Rules run together in one walk in the order of the
//! text; what is about whole operations comes at their end, what is about the document last.

pub(crate) mod directives;
mod fragments;
mod overlap;
mod selections;
pub(crate) mod suggest;
mod values;
mod variables;

use std::collections::{HashMap, HashSet};

use crate::document::{At, Document, Fragment, Operation, OperationKind, location};
use crate::error::GraphqlError;
use crate::meter::{Exhausted, Meter};
use crate::schema::definition::{TypeId, Types};
use variables::Use;

/// Errors after which validation ends.
const MAX_ERRORS: usize = 100;

/// The walk over one document.
pub(crate) struct Validator<'d, 's> {
    text: &'d str,
    document: &'d Document<'d>,
    types: &'s Types,
    /// Whether `__schema` and `__type` may be asked for, and hints given.
    introspection: bool,
    meter: &'s mut Meter,
    /// The first fragment of each name.
    fragments: HashMap<&'d str, &'d Fragment<'d>>,
    /// Fragments that contain themselves.
    cyclic: HashSet<&'d str>,
    /// Uses of variables in the definition that is walked now, and in the fragments.
    uses: Vec<Use<'d>>,
    fragment_uses: HashMap<&'d str, Vec<Use<'d>>>,
    errors: Vec<GraphqlError>,
}

/// Why a walk ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// A hundred errors are enough.
    Errors,
    /// The budget is used up.
    Work,
}

type Walked = Result<(), Stop>;

/// All faults of the document; none means valid.
pub(crate) fn validate<'d>(
    text: &'d str,
    document: &'d Document<'d>,
    types: &Types,
    introspection: bool,
    meter: &mut Meter,
) -> Vec<GraphqlError> {
    let mut fragments = HashMap::new();
    for fragment in document.fragments() {
        fragments.entry(fragment.name.text).or_insert(fragment);
    }
    let mut validator = Validator {
        text,
        document,
        types,
        introspection,
        meter,
        fragments,
        cyclic: HashSet::new(),
        uses: Vec::new(),
        fragment_uses: HashMap::new(),
        errors: Vec::new(),
    };
    match validator.document() {
        Ok(()) => {}
        Err(Stop::Errors) => {
            validator.errors.push(GraphqlError::new("Too many validation errors, error limit reached. Validation aborted."));
        }
        // What was found is not told: the rest of the text was not looked at.
        Err(Stop::Work) => return vec![too_complex()],
    }
    validator.errors
}

/// The error of a document that would cost too much.
pub(crate) fn too_complex() -> GraphqlError {
    GraphqlError::new("The document is too complex.")
}

impl<'d> Validator<'d, '_> {
    fn document(&mut self) -> Walked {
        self.find_cycles()?;
        // Fragments first: what they use is needed at the end of each operation.
        let before = self.errors.len();
        let mut in_order: Vec<(At, Vec<GraphqlError>)> = Vec::new();
        for fragment in self.document.fragments() {
            self.fragment(fragment)?;
            in_order.push((fragment.at, self.errors.split_off(before)));
        }
        for operation in self.document.operations() {
            self.operation(operation)?;
            in_order.push((operation.at, self.errors.split_off(before)));
        }
        in_order.sort_by_key(|(at, _)| *at);
        self.errors.extend(in_order.into_iter().flat_map(|(_, errors)| errors));
        self.unused_fragments()?;
        if self.errors.len() > MAX_ERRORS {
            self.errors.truncate(MAX_ERRORS);
            return Err(Stop::Errors);
        }
        Ok(())
    }

    fn operation(&mut self, operation: &'d Operation<'d>) -> Walked {
        self.step()?;
        self.operation_name(operation)?;
        let root = root(self.types, operation.kind);
        if operation.kind == OperationKind::Subscription {
            self.single_field(operation)?;
        }
        self.uses.clear();
        self.definitions(operation)?;
        self.directives(&operation.directives, operation.kind.directive_location())?;
        self.selections(&operation.selections, root)?;
        let uses = std::mem::take(&mut self.uses);
        self.variables(operation, &uses)?;
        self.overlap(root, &operation.selections)
    }

    fn operation_name(&mut self, operation: &'d Operation<'d>) -> Walked {
        let Some(name) = operation.name else {
            if self.document.operations().nth(1).is_some() {
                self.fault("This anonymous operation must be the only defined operation.", &[operation.at])?;
            }
            return Ok(());
        };
        let mut first = None;
        for other in self.document.operations() {
            self.step()?;
            if let Some(other) = other.name
                && other.text == name.text
            {
                first = Some(other);
                break;
            }
        }
        match first {
            Some(first) if first.at != name.at => {
                self.fault(format!("There can be only one operation named \"{}\".", name.text), &[first.at, name.at])
            }
            Some(_) | None => Ok(()),
        }
    }

    fn step(&mut self) -> Walked {
        self.meter.step().map_err(|Exhausted| Stop::Work)
    }

    fn fault(&mut self, message: impl Into<String>, places: &[At]) -> Walked {
        let mut error = GraphqlError::new(message);
        error.locations = places.iter().map(|at| location(self.text, *at)).collect();
        self.errors.push(error);
        if self.errors.len() > MAX_ERRORS {
            self.errors.truncate(MAX_ERRORS);
            return Err(Stop::Errors);
        }
        Ok(())
    }
}

/// The root type of a kind of operation, if the schema has one.
pub(crate) fn root(types: &Types, kind: OperationKind) -> Option<TypeId> {
    match kind {
        OperationKind::Query => Some(types.query),
        OperationKind::Mutation => types.mutation,
        OperationKind::Subscription => types.subscription,
    }
}

impl OperationKind {
    const fn directive_location(self) -> &'static str {
        match self {
            Self::Query => "QUERY",
            Self::Mutation => "MUTATION",
            Self::Subscription => "SUBSCRIPTION",
        }
    }
}
