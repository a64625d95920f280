//! The description of the API is true, and nothing that it allows or forbids ends in a 5xx: schemathesis
//! reads it and calls every operation with what it makes of it, right and wrong.

use crate::duckdb::fill;
use e2e::{Server, installed, skip};

#[tokio::test(flavor = "multi_thread")]
async fn no_call_that_can_be_made_of_the_description_ends_in_a_fault_of_ours() {
    let home = match installed::find("python") {
        Ok(home) => home,
        Err(why) => skip!("no_call_that_can_be_made_of_the_description_ends_in_a_fault_of_ours", "{why}"),
    };
    let server = Server::default().await;
    fill(&server).await;
    let description = server.url("/api/v1/openapi.json");
    let config = installed::script("schemathesis/schemathesis.toml");
    installed::run(
        &home.join("python/bin/schemathesis"),
        &[
            "--config-file",
            config.to_str().unwrap(),
            "run",
            &description,
            "--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
            "--phases=examples,coverage,fuzzing",
            "--max-examples=12",
            "--seed=7",
            "--request-timeout=60",
            "--suppress-health-check=all",
            "--warnings=off",
            "--no-color",
        ],
        &[],
    )
    .await;
}
