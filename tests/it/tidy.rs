//! The shape of the code: which module may name which, that no files name each other in a circle,
//! what the core must not do, how long files and functions may be.
//!
//! The table is the map in ARCHITECTURE.md.

mod circles;
mod functions;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module, and the modules of this crate that it may name.
const MAY_NAME: [(&str, &[&str]); 17] = [
    ("domain", &[]),
    ("soql", &["domain"]),
    ("mapping", &["domain", "soql"]),
    ("changeset", &["domain"]),
    ("secret", &[]),
    ("transport", &["secret", "telemetry"]),
    ("salesforce", &["domain", "secret", "soql", "transport"]),
    ("m3ter", &["domain", "secret", "transport"]),
    ("telemetry", &[]),
    ("callers", &["domain", "telemetry"]),
    ("store", &["domain"]),
    (
        "sync",
        &[
            "domain",
            "mapping",
            "changeset",
            "transport",
            "salesforce",
            "m3ter",
            "soql",
            "store",
            "telemetry",
        ],
    ),
    ("http", &["callers", "domain", "sync", "telemetry"]),
    ("console", &["callers", "domain", "http", "mapping", "sync"]),
    ("config", &["callers", "domain", "sync", "salesforce", "secret", "m3ter"]),
    (
        "app",
        &[
            "callers",
            "config",
            "console",
            "domain",
            "mapping",
            "store",
            "sync",
            "http",
            "salesforce",
            "secret",
            "m3ter",
            "telemetry",
            "transport",
        ],
    ),
    (
        "command",
        &[
            "app",
            "callers",
            "config",
            "domain",
            "mapping",
            "store",
            "sync",
            "salesforce",
            "secret",
            "soql",
            "m3ter",
            "transport",
            "telemetry",
        ],
    ),
];

/// What the pure modules must not contain.
const IMPURE: [&str; 7] =
    ["async fn", "tokio::", "std::env", "std::fs", "Timestamp::now", "Instant::now", "tracing::"];
const PURE: [&str; 4] = ["domain", "soql", "mapping", "changeset"];

/// A file that is longer wants to be two.
const MAX_LINES: usize = 500;

fn sources(directory: &str) -> Vec<(PathBuf, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(directory), &mut paths);
    paths.sort();
    assert!(!paths.is_empty());
    paths
        .into_iter()
        .map(|path| {
            (path.strip_prefix(root).unwrap().to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The sources without the files that are there for tests alone.
fn sources_without_tests(directory: &str) -> Vec<(PathBuf, String)> {
    let mut sources = sources(directory);
    let tests: Vec<String> =
        sources.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    sources.retain(|(path, _)| {
        let file = path.display().to_string();
        !tests.iter().any(|test| file.starts_with(test.as_str()))
    });
    sources
}

/// The modules of a file that are there for tests alone, as their files begin.
fn test_modules(path: &Path, text: &str) -> Vec<String> {
    let folder = path.display().to_string();
    let folder = folder.trim_end_matches(".rs").trim_end_matches("/lib").to_owned();
    text.split("#[cfg(test)]\nmod ")
        .skip(1)
        .filter_map(|after| after.split_once(';'))
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .flat_map(|(name, _)| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/")])
        .collect()
}

/// `src/sync/job.rs` and `src/sync.rs` belong to `sync`.
fn module(path: &Path) -> String {
    path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The code before the tests of a file.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap()
}

#[test]
fn modules_name_only_what_they_may() {
    let modules: BTreeSet<&str> = MAY_NAME.iter().map(|(module, _)| *module).collect();
    for (path, text) in sources("src") {
        let module = module(&path);
        if matches!(module.as_str(), "main" | "lib") {
            continue;
        }
        let (_, allowed) = MAY_NAME
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} is not in the table"));
        for (number, line) in code(&text).lines().enumerate() {
            let mut rest = line;
            while let Some((_, after)) = rest.split_once("crate::") {
                rest = after;
                let names: Vec<&str> = match after.strip_prefix('{') {
                    Some(list) => {
                        list.split(['}', ';']).next().unwrap().split(',').map(str::trim).collect()
                    }
                    None => vec![after],
                };
                for name in names {
                    let name: String =
                        name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let may = name == module
                        || !modules.contains(name.as_str())
                        || allowed.contains(&name.as_str());
                    assert!(may, "{}:{} names {name}: {line}", path.display(), number + 1);
                }
            }
        }
    }
}

#[test]
fn the_architecture_shows_the_same_map() {
    let text = include_str!("../../ARCHITECTURE.md");
    let shown: Vec<(&str, Vec<&str>)> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let module = cells.next()?.trim().strip_suffix('`')?;
            let names = cells.next()?.trim();
            cells.next()?;
            Some((
                module,
                if names == "nothing" {
                    Vec::new()
                } else {
                    names.split(' ').map(|name| name.trim_matches('`')).collect()
                },
            ))
        })
        .filter(|(module, _)| MAY_NAME.iter().any(|(name, _)| name == module))
        .collect();
    assert_eq!(
        shown,
        MAY_NAME.map(|(module, names)| (module, names.to_vec())),
        "the code map in ARCHITECTURE.md"
    );
}

#[test]
fn the_readme_lists_every_variable() {
    let readme = include_str!("../../README.md");
    let config: String = sources("src/config")
        .iter()
        .filter(|(path, _)| !path.ends_with("tests.rs"))
        .map(|(_, text)| code(text))
        .chain([include_str!("../../src/config.rs")])
        .collect();
    // Those of PostgreSQL's own client are its.
    let variables: BTreeSet<&str> = config
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| {
            text.contains('_')
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        })
        .collect();
    assert!(variables.len() > 10, "{variables:?}");
    let of_main = [
        "RUST_LOG",
        "LOG_FORMAT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS_FILE",
    ];
    assert!(of_main.iter().all(|variable| {
        include_str!("../../src/command/line.rs").contains(&format!("\"{variable}\""))
    }));
    for variable in variables.into_iter().chain(of_main) {
        assert!(readme.contains(&format!("`{variable}`")), "README.md does not explain {variable}");
    }
}

#[test]
fn the_core_is_pure() {
    for (path, text) in
        sources("src").into_iter().filter(|(path, _)| PURE.contains(&module(path).as_str()))
    {
        for forbidden in IMPURE {
            assert!(!code(&text).contains(forbidden), "{} contains {forbidden}", path.display());
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for (path, text) in ["src", "sandbox/src", "tests", "fuzz/checks", "fuzz/fuzz_targets"]
        .into_iter()
        .flat_map(sources)
    {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn numbers_keep_their_digits() {
    for (path, text) in ["src", "sandbox/src"].into_iter().flat_map(sources) {
        for forbidden in ["serde(untagged", "serde(flatten", "as_f64", ": f32"] {
            assert!(
                !text.contains(forbidden),
                "{} contains {forbidden}, which rounds or breaks numbers",
                path.display()
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in ["src", "sandbox/src"].into_iter().flat_map(sources) {
        assert!(text.starts_with("//! "), "{} has no front page", path.display());
    }
}
