//! What precedes the SQL of a write: the payload checked and cast, passwords hashed, and what is to be remembered.
//!
//! It must never write.

use std::sync::Arc;

use access::payload::{self, ColumnValue, PayloadContext, Prepared, WriteKind};
use access::plan::{Level, ReadPlan, Root, RuleSet, Selected, Selection, Shown};
use access::planner::Planner;
use access::schema::{Accounting, Collection, Field};
use access::variables::{Variables, paths_in, resolve_value};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::auth::{encrypt_value, hash_password};
use crate::database::DatabaseError;
use crate::items::record::{ACTIVITY, REVISIONS};
use crate::items::statement::Assignment;
use crate::items::{ItemsContext, ItemsError, ItemsService};

/// Under whose rights, and when.
#[derive(Clone, Copy)]
pub(super) struct Preparation<'s> {
    pub(super) service: &'s ItemsService,
    pub(super) context: &'s ItemsContext,
    /// The moment that all rows of this write share.
    now: Timestamp,
    /// The write will be taken back: hashes, which nobody is shown, are not made.
    unhashed: bool,
}

/// In the place of a hash that is not made; it matches no password.
const UNHASHED: &str = "$argon2id$";

/// Hashing or encrypting ran out of memory or panicked.
#[derive(Debug, thiserror::Error)]
#[error("a value could not be hashed or encrypted")]
struct NotHashed;

impl<'s> Preparation<'s> {
    /// Of a write that happens now.
    pub(super) fn new(service: &'s ItemsService, context: &'s ItemsContext) -> Self {
        Self { service, context, now: Timestamp::now(), unhashed: false }
    }

    /// The same of a write that will be taken back, as if it had happened then.
    pub(super) fn trial(self, then: Option<Timestamp>) -> Self {
        Self { now: then.unwrap_or(self.now), unhashed: true, ..self }
    }

    /// The caller's rights.
    pub(super) fn planner(&self) -> Planner<'s> {
        self.service.planner(self.context)
    }

    /// The payload, checked and brought into the table's form.
    pub(super) async fn payload(
        &self,
        collection: &Collection,
        kind: WriteKind,
        data: &Map<String, Value>,
    ) -> Result<Prepared, ItemsError> {
        let variables = self.variables(collection).await?;
        let resolve = |rule: &Value| variables.as_ref().map_or_else(|| rule.clone(), |variables| resolve_value(rule, variables));
        let context = PayloadContext {
            schema: &self.context.schema,
            permissions: &self.context.permissions,
            now: self.now,
            user: self.context.accountability.user,
            role: self.context.accountability.role,
            resolve: &resolve,
        };
        Ok(payload::prepare(&context, collection, kind, data)?)
    }

    /// Column values with every password hashed and every secret encrypted.
    pub(super) async fn assignments(&self, columns: &[(Arc<Field>, ColumnValue)]) -> Result<Vec<Assignment>, ItemsError> {
        let mut values = Vec::with_capacity(columns.len());
        for (field, value) in columns {
            let value = match value {
                ColumnValue::Null => None,
                ColumnValue::Text(text) => Some(text.clone()),
                ColumnValue::Hash(_) | ColumnValue::Encrypted(_) if self.unhashed => Some(UNHASHED.to_owned()),
                ColumnValue::Hash(secret) => {
                    let hash =
                        hash_password(&self.service.tasks, &self.service.config.auth.hashing, &SecretString::from(secret.as_str())).await;
                    Some(hash.ok_or_else(|| DatabaseError::form(NotHashed))?)
                }
                ColumnValue::Encrypted(text) => {
                    let secret = &self.service.config.auth.secret;
                    let encrypted = encrypt_value(&self.service.tasks, secret, SecretString::from(text.as_str())).await;
                    Some(encrypted.ok_or_else(|| DatabaseError::form(NotHashed))?)
                }
            };
            values.push((Arc::clone(&field.name), value));
        }
        Ok(values)
    }

    /// Whether writes to this collection are remembered at all.
    pub(super) fn keeps_activity(&self, collection: &Collection) -> bool {
        collection.accountability != Accounting::Nothing && self.has(ACTIVITY)
    }

    /// Whether revisions of this collection are kept.
    pub(super) fn keeps_revisions(&self, collection: &Collection) -> bool {
        collection.accountability == Accounting::All && self.keeps_activity(collection) && self.has(REVISIONS)
    }

    /// All columns that are no relation, unrestricted: a revision keeps the row, whoever changed it. Nothing else reads this.
    pub(super) fn whole_row(&self, collection: &Arc<Collection>) -> ReadPlan {
        let own = |name: &str| self.context.schema.relation(&collection.name, name).is_none();
        let select = collection.columns().filter(|field| own(&field.name)).map(|field| Selection {
            key: field.name.to_string(),
            value: Selected::Column(Arc::clone(field)),
            shown: Shown::Always,
        });
        let level = Level {
            collection: Arc::clone(collection),
            select: select.collect(),
            filter: None,
            search: None,
            access: RuleSet::everything(),
            sort: Vec::new(),
            limit: None,
            offset: 0,
        };
        ReadPlan { root: Root::Items(level), total_count: None, filter_count: None, count_filter: None }
    }

    fn has(&self, table: &str) -> bool {
        self.context.schema.collection(table).is_some()
    }

    /// The values of the variables in the validations of `collection`'s fields, if it has any.
    async fn variables(&self, collection: &Collection) -> Result<Option<Variables>, ItemsError> {
        if collection.fields.values().all(|field| field.validation.is_none()) {
            return Ok(None);
        }
        let validations = collection.fields.values().filter_map(|field| field.validation.as_ref());
        let mut paths: Vec<String> = validations.flat_map(|validation| paths_in(validation)).collect();
        paths.sort_unstable();
        paths.dedup();
        Ok(Some(self.service.directory.variables(&self.context.accountability, &paths, None).await?))
    }
}
