//! What an operator deploys: `compose.yaml` against the configuration, the README, the Dockerfile
//! and the proxy's file. `scripts/run-dockerfile` carries out the Dockerfile itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value as Yaml;
use sync_to_m3ter::callers::{Role, append, new_key};
use sync_to_m3ter::config::Config;
use sync_to_m3ter::sync::RunSettings;

const COMPOSE: &str = include_str!("../../../compose.yaml");
const DOCKERFILE: &str = include_str!("../../../Dockerfile");
const REPLICAS: [&str; 2] = ["sync-1", "sync-2"];

fn compose() -> Yaml {
    serde_yaml_ng::from_str(COMPOSE).unwrap()
}

fn strings(list: &Yaml) -> BTreeSet<&str> {
    list.as_sequence().into_iter().flatten().filter_map(Yaml::as_str).collect()
}

fn pairs(mapping: &Yaml) -> BTreeMap<String, String> {
    let pair = |(name, value): (&Yaml, &Yaml)| {
        (name.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned())
    };
    mapping.as_mapping().unwrap().iter().map(pair).collect()
}

fn example() -> BTreeMap<String, String> {
    let lines =
        include_str!("../../../deploy/example.env").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// `ENV` of the image.
fn of_the_image() -> BTreeMap<String, String> {
    let (_, after) = DOCKERFILE.split_once("\nENV ").unwrap();
    let words = after
        .split_whitespace()
        .map_while(|word| word.split_once('=').or((word == "\\").then_some(("", ""))));
    words
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// `${NAME:?…}` and `${NAME:-default}`.
fn interpolated(text: &str) -> BTreeSet<&str> {
    text.split("${").skip(1).map(|after| after.split([':', '}']).next().unwrap()).collect()
}

/// A text with each `${NAME…}` replaced by its value.
fn with_values(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("${");
    let mut replaced = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap();
        replaced += &values[name.split(':').next().unwrap()];
        replaced += rest;
    }
    replaced
}

#[test]
fn the_compose_file_configures_replicas_as_the_service_expects() {
    let (compose, directory) = (compose(), tempfile::tempdir().unwrap());
    let keys = directory.path().join("keys.toml");
    append(&keys, "salesforce", Role::Caller, &new_key().hash).unwrap();
    for replica in REPLICAS {
        let service = &compose["services"][replica];
        assert!(service["env_file"].is_null(), "no service gets what is another one's");
        let mut filled_in = example();
        for name in ["POSTGRES_PASSWORD", "SALESFORCE_CLIENT_ID"] {
            assert_eq!(
                filled_in.insert(name.to_owned(), "secret".to_owned()).as_deref(),
                Some(""),
                "{name} is to be filled in"
            );
        }
        filled_in.insert(
            "M3TER_ORG_ID".to_owned(),
            sync_to_m3ter_sandbox::m3ter::ORGANIZATION.to_owned(),
        );
        let mut variables = of_the_image();
        let given = pairs(&service["environment"]);
        let offered = filled_in
            .keys()
            .filter(|name| !matches!(name.as_str(), "SITE_ADDRESS" | "POSTGRES_PASSWORD"));
        for name in offered {
            assert!(given.contains_key(name), "{name} of example.env does not reach the service");
        }
        variables
            .extend(given.into_iter().map(|(name, value)| (name, with_values(&value, &filled_in))));
        // The folders are mounted, not the files: a file that is replaced is seen.
        assert_eq!(
            strings(&service["volumes"]),
            BTreeSet::from([
                "./mappings-of-ours:/etc/sync-to-m3ter/mappings:ro",
                "./secrets:/etc/sync-to-m3ter/secrets:ro",
            ])
        );
        let files: Vec<(String, String)> = variables
            .iter()
            .filter(|(name, _)| name.ends_with("_FILE"))
            .map(|(name, path)| (name.clone(), path.clone()))
            .collect();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "API_KEYS_FILE",
                "M3TER_API_KEY_FILE",
                "M3TER_API_SECRET_FILE",
                "SALESFORCE_CLIENT_SECRET_FILE"
            ]
        );
        for (name, path) in files {
            let file = path.strip_prefix("/etc/sync-to-m3ter/secrets/").unwrap();
            assert!(COMPOSE.split('\n').any(|line| line.starts_with('#') && line.contains(file)));
            let path = if name == "API_KEYS_FILE" {
                keys.clone()
            } else {
                let path = directory.path().join(file);
                std::fs::write(&path, "secret").unwrap();
                path
            };
            variables.insert(name, path.display().to_string());
        }
        let mappings = variables
            .insert("MAPPINGS_DIR".to_owned(), directory.path().display().to_string())
            .unwrap();
        assert_eq!(mappings, "/etc/sync-to-m3ter/mappings");
        let config = Config::from_variables(&|name| variables.get(name).cloned()).unwrap();
        assert!(config.listen_address.ip().is_unspecified() && config.metrics_address.is_some());
        assert!(
            config.database_url.starts_with("postgres://")
                && config.database_url.contains("@database/"),
            "shared by the replicas"
        );
        // What the service does not read, the file itself does.
        for name in variables.keys() {
            let is_known = include_str!("../../../README.md").contains(&format!("`{name}`"))
                || interpolated(COMPOSE).contains(name.as_str());
            assert!(is_known, "nobody reads {name}");
        }
    }
    let offered: BTreeSet<String> = example().into_keys().collect();
    assert!(
        interpolated(COMPOSE).into_iter().all(|name| offered.contains(name)),
        "example.env offers each"
    );
}

#[test]
fn only_the_composed_proxy_is_trusted() {
    let compose = compose();
    let trusted = compose["services"]["sync-1"]["environment"]["TRUSTED_PROXIES"].as_str();
    assert_eq!(trusted, compose["networks"]["front"]["ipam"]["config"][0]["subnet"].as_str());
    let networks = |service: &str| strings(&compose["services"][service]["networks"]);
    let members = |network: &str| -> Vec<&str> {
        let names =
            compose["services"].as_mapping().unwrap().keys().map(|name| name.as_str().unwrap());
        names.filter(|name| networks(name).contains(network)).collect()
    };
    assert_eq!(members("front"), ["sync-1", "sync-2", "proxy"]);
    assert_eq!(members("back"), ["sync-1", "sync-2", "database"]);
    // On a second network of both, the proxy would have an address that is not believed.
    assert_eq!(networks("proxy").intersection(&networks("sync-1")).count(), 1);
    let caddyfile = include_str!("../../../deploy/Caddyfile");
    let (_, port) = of_the_image()["LISTEN_ADDRESS"]
        .clone()
        .rsplit_once(':')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let upstreams: Vec<String> =
        REPLICAS.iter().map(|replica| format!("{replica}:{port}")).collect();
    assert!(
        caddyfile.contains(&format!("reverse_proxy {} {{", upstreams.join(" "))),
        "{upstreams:?}"
    );
    let (of_deploy, of_readme) = (proxied(caddyfile), proxied(include_str!("../../../README.md")));
    assert!(
        of_deploy.contains(&"health_uri /readyz") && of_deploy.contains(&"lb_try_duration 10s"),
        "{of_deploy:?}"
    );
    assert_eq!(of_deploy, of_readme, "README's Caddyfile does the same");
    assert!(DOCKERFILE.contains(&format!("EXPOSE {port}\n")));
    let published =
        |service: &str| compose["services"][service]["ports"].as_sequence().map_or(0, Vec::len);
    assert_eq!(["sync-1", "sync-2", "database"].map(published), [0; 3]);
}

#[test]
fn the_composed_containers_have_no_unneeded_privileges() {
    let compose = compose();
    for (name, service) in compose["services"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        assert!(strings(&service["security_opt"]).contains("no-new-privileges:true"), "{name}");
        assert_eq!(strings(&service["cap_drop"]), BTreeSet::from(["ALL"]), "{name}");
        assert!(service["mem_limit"].is_string() && service["pids_limit"].is_number(), "{name}");
        if name != "database" {
            assert_eq!(service["read_only"], Yaml::from(true), "{name}");
        }
        let image = service["image"].as_str().unwrap();
        let version = image.split_once(':').map(|(_, version)| version);
        let is_pinned = version.is_some_and(|version| {
            version.split('.').count() >= 2 && version.starts_with(|c: char| c.is_ascii_digit())
        });
        assert!(is_pinned || REPLICAS.contains(&name), "{image} is another one tomorrow");
    }
    let seconds = |service: &str| -> u64 {
        compose["services"][service]["stop_grace_period"]
            .as_str()
            .and_then(|time| time.strip_suffix('s'))
            .unwrap()
            .parse()
            .unwrap()
    };
    // The service's last steps take a moment beyond its grace.
    assert!(seconds("sync-1") > RunSettings::default().shutdown_grace.as_secs() + 6);
    assert!(seconds("proxy") > 105, "a caller that waits is answered");
}

/// What a Caddyfile says of its replicas, but for their addresses and remarks.
fn proxied(caddyfile: &str) -> Vec<&str> {
    let (_, after) = caddyfile.split_once("reverse_proxy ").unwrap();
    let lines = after.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#'));
    let mut depth = 1;
    lines
        .take_while(|line| {
            depth += i32::from(line.ends_with('{')) - i32::from(*line == "}");
            depth > 0
        })
        .collect()
}
