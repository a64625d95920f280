//! Releases that nobody told of, as rows.

use crate::fixture::{NOON, Store, Version, ask};
use arrow::array::AsArray;
use tables::build::{ResourceInput, ScopeInput, SpanInput, Value};

#[tokio::test]
async fn a_version_after_another_of_the_same_service_is_a_release_in_sql() {
    let store = Store::new();
    let mut builder = store.builder(Version::New);
    for (service, version) in [("pay", "1.0"), ("pay", "2.0"), ("still", "7")] {
        let mut resource = ResourceInput::default();
        resource.attributes.push(b"service.name", Value::String(service.as_bytes()));
        resource.attributes.push(b"service.version", Value::String(version.as_bytes()));
        let (resource, scope) = (builder.resource(&resource), builder.scope(&ScopeInput::default()));
        let start = NOON as u64;
        builder.span(resource, scope, &SpanInput { name: b"op", start, end: start + 1, ..SpanInput::default() });
    }
    store.keep_hot(builder.finish().unwrap());
    let workshop = store.workshop();
    let all = "SELECT target || ' ' || previous_version || ' > ' || version FROM releases('2026-03-04', '2026-03-05')";
    let (batches, _) = ask(&store, &workshop, all, 10).await.unwrap();
    let found: Vec<String> =
        batches.iter().flat_map(|b| b.column(0).as_string::<i32>().iter().flatten().map(str::to_owned)).collect();
    assert_eq!(found, ["pay 1.0 > 2.0"]);
    let before = all.replace("2026-03-04", "2026-03-03").replace("2026-03-05", "2026-03-04");
    let (batches, _) = ask(&store, &workshop, &before, 10).await.unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 0);
}
