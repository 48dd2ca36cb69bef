//! Creating items.
//!
//! Order, as observed: payload → m2o objects → m2a objects → key format → INSERT → o2m lists → activity and revision.

use std::sync::Arc;

use access::payload::WriteKind;
use access::permission::Action;
use access::planner::Planner;
use access::schema::{Collection, ColumnDefault};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::items::ItemsError;
use crate::items::record::Entry;
use crate::items::statement;
use crate::items::write::{Write, Written, only, text};

impl Write<'_> {
    /// Creates one item with everything nested in it. Boxed, since nested items are created the same way.
    pub(super) fn create(&mut self, collection: Arc<Collection>, data: Map<String, Value>) -> BoxFuture<'_, Result<Written, ItemsError>> {
        async move {
            self.enter()?;
            let written = self.create_item(&collection, &data).await?;
            self.leave();
            Ok(written)
        }
        .boxed()
    }

    async fn create_item(&mut self, collection: &Collection, data: &Map<String, Value>) -> Result<Written, ItemsError> {
        self.count(1)?;
        let mut prepared = self.preparation.payload(collection, WriteKind::Create, data).await?;
        let mut nested = Vec::new();
        let linked = self.link(&prepared, &mut nested).await?;
        prepared.link(linked);
        if let Some(key) = prepared.key.as_ref().filter(|key| !key.is_null()) {
            Planner::key_text(collection, key)?;
        }
        let values = self.preparation.assignments(&prepared.columns).await?;
        let rows = self.run(&statement::insert(collection, &values), collection, Some(data)).await?;
        let key = text(only(&rows)?, "key")?;
        if let Some(created) = &mut self.trial {
            created.insert((Arc::clone(&collection.name), key.clone()));
        }
        let counted = collection.key_field().is_some_and(|field| field.default == ColumnDefault::AutoIncrement);
        // A sequence does not go back with a transaction.
        if counted && prepared.key.is_some() && self.trial.is_none() {
            self.run(&statement::advance_sequence(collection), collection, None).await?;
        }
        for change in std::mem::take(&mut prepared.to_many) {
            self.change_list(collection, &key, change, true, &mut nested).await?;
        }
        let sent = Value::Object(prepared.sent).to_string();
        let entry = Entry { key: key.clone(), data: Some(sent.clone()) };
        let revisions = self.record(Action::Create, collection, &[entry], Some(&sent)).await?;
        let revision = revisions.first().copied();
        self.adopt(revision, &nested, collection).await?;
        Ok(Written { key, revision })
    }
}
