//! The description of the API is true, and nothing that it allows or forbids ends in a 5xx: schemathesis
//! reads it and calls every operation with what it makes of it, right and wrong.

use crate::duckdb::fill;
use e2e::server::{both, run};
use e2e::{Server, installed, skip};

/// The token of somebody who may do everything, made while the server is down, as the command line does.
async fn administrator(server: &mut Server) -> String {
    assert!(server.stop().await.success());
    let folder = server.data_dir().to_str().unwrap();
    let arguments = ["token", "create", "--data-dir", folder, "--name", "schemathesis", "--scope", "admin"];
    let said = both(&run(&arguments, &[]).await);
    server.restart().await;
    let token = said.split_whitespace().find(|word| word.starts_with("sg_"));
    token.unwrap_or_else(|| panic!("no token in {said}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_that_can_be_made_of_the_description_ends_in_a_fault_of_ours() {
    let home = match installed::find("python") {
        Ok(home) => home,
        Err(why) => skip!("no_call_that_can_be_made_of_the_description_ends_in_a_fault_of_ours", "{why}"),
    };
    let mut server = Server::default().await;
    fill(&server).await;
    // Whoever made the first user or token in the middle of it would shut himself out of all the rest.
    let authorization = format!("Authorization: Bearer {}", administrator(&mut server).await);
    let description = server.url("/api/v1/openapi.json");
    let config = installed::script("schemathesis/schemathesis.toml");
    installed::run(
        &home.join("python/bin/schemathesis"),
        &[
            "--config-file",
            config.to_str().unwrap(),
            "run",
            &description,
            "--header",
            &authorization,
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
