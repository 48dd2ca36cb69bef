//! What is written and never shown again.

use super::*;

#[tokio::test]
async fn encrypted_values_are_written_and_shown_to_nobody() {
    let fields = "insert into directus_fields (collection, field, special) values ('articles', 'secret', 'encrypt');";
    let lab = Lab::with(&[], fields).await;
    let made = lab.create(&lab.admin, "articles", json!({"title": "with a secret", "secret": "sk-1"})).await.unwrap();
    assert_eq!(made["secret"], "**********");
    let id = made["id"].clone();
    let stored = async || lab.rows(&format!("select secret from articles where id = {id}")).await[0]["secret"].clone();
    let first = stored().await;
    assert!(first.as_str().unwrap().starts_with("1||scrypt||16384||8||1||"), "{first}");
    // A number is one as well; nothing and the empty text are none.
    assert_eq!(
        lab.update(&lab.admin, "articles", UpdateTarget::Key(id.clone()), json!({"secret": 5})).await.unwrap()["secret"],
        "**********"
    );
    assert!(stored().await.as_str().unwrap().starts_with("1||scrypt||") && stored().await != first);
    let kept = lab.rows(&format!("select data->>'secret' as data, delta->>'secret' as delta from directus_revisions where collection = 'articles' and item = '{id}'")).await;
    assert_eq!(kept, json!([{"data": "**********", "delta": "**********"}, {"data": "**********", "delta": "**********"}]));
    assert_eq!(
        lab.update(&lab.admin, "articles", UpdateTarget::Key(id.clone()), json!({"secret": ""})).await.unwrap()["secret"],
        Value::Null
    );
    assert_eq!(stored().await, "");
}
