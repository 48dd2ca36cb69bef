//! A bootstrapped database against a real Postgres.

use std::sync::Arc;

use access::accountability::ClientOrigin;
use access::permission::Action;
use access::schema::Special;

use super::*;
use crate::database::testing;
use crate::directory::{Directory, DirectoryOptions};

fn admin() -> AdminSettings {
    AdminSettings { email: Some("Root@Example.com".into()), password: Some("secret".into()), token: Some("root-token".into()) }
}

async fn count(database: &Database, table: &str) -> i64 {
    database.query_one(&plain(&format!("select count(*) from {table}"))).await.unwrap().unwrap().get(0)
}

#[tokio::test]
async fn an_empty_database_becomes_one_that_can_be_served_once() {
    let database = testing::database("").await;
    let outcome = bootstrap(&database, admin()).await.unwrap();
    let Outcome::Created { admin: Some(created) } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(created.email, "Root@Example.com");
    assert!(created.made_up_password.is_none());
    assert!(!outcome.to_string().contains("secret"));
    assert!(matches!(bootstrap(&database, admin()).await.unwrap(), Outcome::Complete));
    for (table, rows) in [("directus_users", 1), ("directus_policies", 2), ("directus_access", 2), ("directus_settings", 1)] {
        assert_eq!(count(&database, table).await, rows, "{table}");
    }
    let directory = Directory::load(database.clone(), DirectoryOptions::default()).await.unwrap();
    let user = database.query_one(&plain("select id, role from directus_users where email = 'root@example.com'")).await.unwrap().unwrap();
    let root = directory.accountability(user.get(0), user.get(1), None, Arc::new(ClientOrigin::default()));
    assert!(root.admin && root.app);
    let public = directory.accountability(None, None, None, Arc::new(ClientOrigin::default()));
    assert_eq!(public.policies.len(), 1);
    assert!(!directory.permissions(&public).await.unwrap().allows("directus_users", Action::Read));
}

#[tokio::test]
async fn without_a_password_one_is_made_up_and_told() {
    let database = testing::database("").await;
    let outcome = bootstrap(&database, AdminSettings::default()).await.unwrap();
    let Outcome::Created { admin: Some(NewAdmin { made_up_password: Some(password), email }) } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(email, DEFAULT_EMAIL);
    assert!(outcome.to_string().contains(password.expose_secret()));
    assert!(!format!("{outcome:?}").contains(password.expose_secret()));
}

#[tokio::test]
async fn two_at_once_make_one_administrator() {
    let database = testing::database("").await;
    let (one, other) = tokio::join!(bootstrap(&database, admin()), bootstrap(&database, admin()));
    let made = [one.unwrap(), other.unwrap()].into_iter().filter(|outcome| matches!(outcome, Outcome::Created { .. })).count();
    assert_eq!(made, 1);
    assert_eq!(count(&database, "directus_users").await, 1);
}

#[tokio::test]
async fn a_database_of_directus_is_left_alone() {
    let database = testing::database(testing::NEWSROOM).await;
    let users = count(&database, "directus_users").await;
    assert!(matches!(bootstrap(&database, admin()).await.unwrap(), Outcome::Managed));
    assert_eq!(count(&database, "directus_users").await, users);
}

#[tokio::test]
async fn the_demo_is_there_and_open_to_its_user_alone() {
    let database = testing::database("").await;
    bootstrap(&database, admin()).await.unwrap();
    create_demo(&database, &"one".into()).await.unwrap();
    create_demo(&database, &"two".into()).await.unwrap();
    let user = database.query_one(&plain("select id, role from directus_users where token = 'two'")).await.unwrap().unwrap();
    let directory = Directory::load(database.clone(), DirectoryOptions::default()).await.unwrap();
    let messages = Arc::clone(directory.schema().collection("messages").unwrap());
    assert!(messages.field("date_created").unwrap().has(Special::DateCreated));
    let demo = directory.accountability(user.get(0), user.get(1), None, Arc::new(ClientOrigin::default()));
    let permissions = directory.permissions(&demo).await.unwrap();
    for action in [Action::Create, Action::Read, Action::Update, Action::Delete] {
        assert_eq!(permissions.rules("messages", action).len(), 1);
    }
    assert!(!permissions.allows("directus_users", Action::Read));
    assert_eq!(count(&database, "directus_permissions").await, 4);
    assert_eq!(count(&database, "directus_fields").await, 4);
}
