use super::*;
use crate::connection::testing::{Setting, Stage, connections, user};

fn gauge(connections: &OpenConnections, state: &str) -> i64 {
    connections.metrics.connections.with_label_values(&[state]).get()
}

#[test]
fn places_are_limited_and_freed() {
    let (open, _) = connections(1, Some(2));
    let first = open.reserve(EndpointKind::Rest).unwrap();
    let second = open.reserve(EndpointKind::Rest).unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!(open.reserve(EndpointKind::Rest).unwrap_err(), NoPlace::Full);
    assert!(open.reserve(EndpointKind::GraphQl).is_ok(), "another endpoint has its own limit");
    drop(first);
    let third = open.reserve(EndpointKind::Rest).unwrap();
    third.release();
    third.release();
    drop(third);
    let places: Vec<_> = (0..2).map_while(|_| open.reserve(EndpointKind::Rest).ok()).collect();
    assert_eq!(places.len(), 1, "a place that was freed twice is one place");
}

#[test]
fn those_who_must_authenticate_have_a_limit_of_their_own() {
    let (open, _) = connections(1, None);
    let first = open.reserve(EndpointKind::Rest).unwrap();
    let second = open.reserve(EndpointKind::Rest).unwrap();
    first.wait_for_authentication().unwrap();
    assert_eq!(second.wait_for_authentication().unwrap_err(), NoPlace::TooManyUnauthenticated);
    assert_eq!((gauge(&open, "unauthenticated"), gauge(&open, "authenticated")), (1, 0));
    first.admit();
    first.admit();
    assert_eq!((gauge(&open, "unauthenticated"), gauge(&open, "authenticated")), (0, 1));
    second.wait_for_authentication().unwrap();
    drop(second);
    drop(first);
    assert_eq!((gauge(&open, "unauthenticated"), gauge(&open, "authenticated")), (0, 0));
    let third = open.reserve(EndpointKind::Rest).unwrap();
    third.wait_for_authentication().unwrap();
}

#[test]
fn a_limit_of_zero_is_nobody() {
    let (open, _) = connections(1, Some(0));
    assert_eq!(open.reserve(EndpointKind::Rest).unwrap_err(), NoPlace::Full);
}

#[tokio::test]
async fn sessions_are_found_by_user() {
    let mut stage = Stage::set(Setting::default()).await;
    stage.client.text("hello").await;
    assert_eq!(stage.client.read_text().await, "hello");
    let user = user(None).accountability.user.unwrap();
    assert!(stage.connections.of_user(user).is_empty());
    stage.client.text("auth").await;
    stage.client.text("hello").await;
    assert_eq!(stage.client.read_text().await, "hello");
    let found = stage.connections.of_user(user).pop().unwrap();
    assert!(stage.connections.get(found.id()).is_some());
    stage.client.frame(true, crate::connection::testing::CLOSE, b"").await;
    let connections = Arc::clone(&stage.connections);
    stage.end().await;
    assert!(connections.of_user(user).is_empty());
    assert!(connections.get(found.id()).is_none());
}
