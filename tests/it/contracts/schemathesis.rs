//! Whatever the published document allows, and much that it does not, is answered as it says:
//! schemathesis is the judge.

use std::path::Path;
use std::process::Command;

use crate::http::access::Guarded;
use crate::support::*;

/// Runs schemathesis against the service with hooks and further arguments, and fails if it finds
/// anything.
async fn judge(world: &World, hooks: Option<&str>, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join(".venv/bin/schemathesis");
    assert!(program.exists(), "schemathesis is not installed; run scripts/test once");
    let directory = tempfile::tempdir().unwrap();
    let document = directory.path().join("openapi.json");
    std::fs::write(&document, document::document().to_string()).unwrap();
    let mut command = Command::new(program);
    command.envs(hooks.map(|hooks| ("SCHEMATHESIS_HOOKS", root.join(hooks))));
    // It keeps what it has learnt beside it; every run begins without.
    command
        .current_dir(directory.path())
        .arg("--config-file")
        .arg(root.join("tests/schemathesis/schemathesis.toml"))
        .arg("run");
    command.arg(&document).args(["--url", &world.url(""), "--no-color"]).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (found, trouble) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && found.contains("32 selected / 32 total"),
        "{}\n{found}\n{trouble}",
        output.status
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_with_an_operator_s_key() {
    let (guarded, operator) = Guarded::new(60_000, &["127.0.0.1/32"]).await;
    let hooks = Some("tests/schemathesis/hooks.py");
    judge(
        &guarded.world,
        hooks,
        &["--max-examples", "25", "--header", &format!("Authorization: Bearer {operator}")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_without_keys() {
    let world = World::new().await;
    // No hooks: what came through a proxy is refused.
    judge(&world, None, &["--exclude-checks", "ignored_auth", "--phases", "examples,coverage"])
        .await;
}
