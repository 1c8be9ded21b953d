//! Keys and their file.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;

use secrecy::ExposeSecret as _;

use super::*;

const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn basic(name: &str, key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{key}")))
}

fn secret(key: &NewKey) -> String {
    key.key.expose_secret().to_owned()
}

fn bearer(key: &NewKey) -> String {
    format!("Bearer {}", secret(key))
}

/// An entry as a person may write it.
fn entry(name: &str, role: &str, hash: &KeyHash, more: &str) -> String {
    format!("[[key]]\nname = \"{name}\"\nrole = \"{role}\"\nhash = \"{hash}\"\n{more}")
}

fn parse(text: &str) -> Result<file::Parsed, KeysFileError> {
    file::parse(Path::new("keys.toml"), text, "2026-07-01T00:00:00Z".parse().unwrap())
}

/// Each key that counts, and each fault in words.
fn read(text: &str) -> (Vec<String>, Vec<String>) {
    let parsed = parse(text).unwrap();
    let keys =
        parsed.keys.iter().map(|key| format!("{} {}", key.caller.name, key.caller.role)).collect();
    (keys, parsed.faults.iter().map(ToString::to_string).collect())
}

#[test]
fn a_key_works_as_bearer_and_as_basic_until_it_is_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let (old, new) = (new_key(), new_key());
    append(&path, "flow", Role::Caller, &old.hash).unwrap();
    append(&path, "flow", Role::Caller, &new.hash).unwrap();
    append(&path, "ops", Role::Operator, &new_key().hash).unwrap();
    let callers = Callers::from_file(path.clone()).unwrap();
    for key in [&old, &new] {
        for value in [bearer(key), format!("bearer  {} ", secret(key)), basic("flow", &secret(key))]
        {
            let caller = callers.authenticate(&value, ANYWHERE).unwrap();
            assert_eq!(
                (&*caller.name, caller.role, &*caller.key),
                ("flow", Role::Caller, key.hash.id().as_str())
            );
        }
    }
    for nobody in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        secret(&old),
        bearer(&new_key()),
        format!("Bearer {}x", secret(&old)),
        format!("Bearer {}", old.hash),
        format!("Digest {}", secret(&old)),
        basic("ops", &secret(&old)),
        basic("", &secret(&old)),
        format!("Basic {}", secret(&old)),
    ] {
        assert_eq!(callers.authenticate(&nobody, ANYWHERE), Err(Rejected::Unknown), "{nobody}");
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&secret(&old)), "the file holds hashes only");
    let other = new_key();
    std::fs::write(&path, text.replace(&old.hash.to_string(), &other.hash.to_string())).unwrap();
    let expected = KeysChange {
        added: vec![format!("flow caller {}", other.hash.id())],
        removed: vec![format!("flow caller {}", old.hash.id())],
        changed: Vec::new(),
        keys: 3,
    };
    assert_eq!(callers.reload().unwrap(), Reload::Changed(expected));
    assert_eq!(callers.authenticate(&bearer(&old), ANYWHERE), Err(Rejected::Unknown));
    assert!(callers.authenticate(&bearer(&new), ANYWHERE).is_ok());
    assert_eq!(callers.reload().unwrap(), Reload::Unchanged);
    assert_eq!(revoke(&path, "flow", Some(&other.hash.id())).unwrap(), 1);
    assert_eq!(revoke(&path, "flow", None).unwrap(), 1);
    callers.reload().unwrap();
    assert_eq!(callers.authenticate(&bearer(&new), ANYWHERE), Err(Rejected::Unknown));
    let unknown = revoke(&path, "flow", None).unwrap_err().to_string();
    assert!(unknown.contains("has no key `flow`; it has `ops`"), "{unknown}");
}

#[test]
fn each_fault_is_reported_with_its_line_and_valid_lines_still_count() {
    let [one, two] = [new_key(), new_key()].map(|key| key.hash);
    let good = entry("flow", "caller", &one, "");
    let ops = entry("ops", "operator", &two, "");
    for (text, part) in [
        (
            good.replace("role =", "rolle ="),
            "line 3: key `flow`: `rolle` is not a field of a key; the fields are `name`",
        ),
        (good.replace("role = \"caller\"\n", ""), "line 1: key `flow`: `role` is missing"),
        (good.replace("\"caller\"", "\"admin\""), "line 3: key `flow`: `admin` is not a role"),
        (good.replace("\"caller\"", "\"s2m_hunter2\""), "line 3: key `flow`: `…` is not a role"),
        (good.replace("\"flow\"", "\"a:b\""), "line 2: a name has 1 to 64"),
        (good.replace("\"flow\"", "7"), "line 2: `name` takes text in quotes"),
        (good.replace("sha256:", "s2m_hunter2"), "line 4: key `flow`: `hash` must be"),
        (good.replace("= \"caller\"", "= caller"), "line 3: key `flow`: "),
        (good.replace("\"caller\"", "\"caller"), "line 3: key `flow`: "),
        (good.replace("name = \"flow\"", "name"), "line 2: "),
        (
            entry("flow", "caller", &one, "scopes = [\"dry_run\",\n  \"all\"]\n"),
            "line 6: key `flow`: `all` is not a scope; the scopes are `dry_run` and `end_date`",
        ),
        (
            entry("flow", "caller", &one, "scopes = \"dry_run\"\n"),
            "line 5: key `flow`: `scopes` takes a list such as `[\"dry_run\"]`",
        ),
        (
            entry("flow", "caller", &one, "scopes = []\n"),
            "leave it out if it should not restrict the key",
        ),
        (
            entry("flow", "caller", &one, "scopes = [\"end_date\"]\n"),
            "line 1: key `flow`: only an `operator` may end billing",
        ),
        (
            entry("flow", "viewer", &one, "scopes = [\"dry_run\"]\n"),
            "a `viewer` cannot start anything",
        ),
        (
            entry("flow", "caller", &one, "addresses = [\"10.0.0.0/33\"]\n"),
            "line 5: key `flow`: `10.0.0.0/33` is neither an address",
        ),
        (entry("flow", "caller", &one, "objects = [\"O'Hara\"]\n"), "`O'Hara` is not an object"),
        (
            entry("flow", "caller", &one, "org = \"001000000000001\"\n"),
            "`001000000000001` is not an organization ID",
        ),
        (
            entry("flow", "caller", &one, "requests_per_minute = 0\n"),
            "whole number from 1 to 1000000",
        ),
        (
            entry("flow", "caller", &one, "expires = \"soon\"\n"),
            "line 5: key `flow`: `soon` is not a day",
        ),
        (
            format!("name = \"x\"\n{ops}{good}").replace("\"caller\"", "caller"),
            "line 8: key `flow`: ",
        ),
    ] {
        for (text, shift) in [(format!("{text}{ops}"), 0), (format!("{ops}{text}"), 4)] {
            if text.matches("[[key]]").count() > 2 {
                continue;
            }
            let (keys, faults) = read(&text);
            assert_eq!(keys, ["ops operator"], "{text}");
            let line: usize = part
                .strip_prefix("line ")
                .and_then(|part| part.split(':').next()?.parse().ok())
                .unwrap_or_default();
            let part = part.replacen(&format!("line {line}"), &format!("line {}", line + shift), 1);
            assert!(
                faults
                    .iter()
                    .any(|fault| fault.starts_with("`keys.toml`, ") && fault.contains(&part)),
                "{part} is not in {faults:?}"
            );
            assert!(!faults.join("").contains("hunter2"), "{faults:?}");
        }
    }
    let (keys, faults) = read(&format!("{good}{}", entry("flow", "viewer", &two, "")));
    assert!(
        keys == ["flow caller"]
            && faults[0].contains("line 5: key `flow`: the name has another role further up"),
        "{faults:?}"
    );
    let (keys, faults) = read(&format!("{good}{good}"));
    assert!(
        keys == ["flow caller"]
            && faults[0].contains("line 5: key `flow`: this key is in the file twice"),
        "{faults:?}"
    );
    let (keys, faults) = read(&format!("{good}{}{good}", entry("ops", "operator", &one, "")));
    assert!(
        keys.is_empty() && faults.len() == 2,
        "what is said about one key in two ways does not count: {keys:?} {faults:?}"
    );
    // Without one entry it is no file of keys; a blank one lets nobody in.
    for text in ["broken", "key = 1", "name = \"x\""] {
        assert!(matches!(parse(text), Err(KeysFileError::Faults(_))), "{text}");
    }
    assert_eq!(read("# nobody\n"), (Vec::new(), Vec::new()));
    // As earlier versions took it.
    let inline = format!("key = [{{ name = \"flow\", role = \"caller\", hash = \"{one}\" }}]");
    assert_eq!(read(&inline).0, ["flow caller"]);
}

#[test]
fn the_first_of_several_faults_of_an_entry_is_told() {
    let text = "[[key]]\nname = \"a\"\nname = \"b\"\nrole = = 1\n";
    let (keys, faults) = read(text);
    assert!(keys.is_empty() && faults.len() == 1, "{faults:?}");
    assert!(faults[0].contains("line 3: key `a`: duplicate key"), "{faults:?}");
}

#[test]
fn the_limits_of_a_key_are_read_as_they_are_written() {
    let limits = KeyLimits {
        scopes: vec![Scope::DryRun],
        org: Some(parse_org("00D000000000001EAA").unwrap()),
        objects: vec!["Opportunity".parse().unwrap(), "801".parse().unwrap()],
        addresses: vec![
            parse_network("203.0.113.0/24").unwrap(),
            parse_network("2001:db8::1").unwrap(),
        ],
        requests_per_minute: Some(60),
        expires: Some("2026-12-31".parse().unwrap()),
    };
    let written = KeyEntry {
        name: "flow".to_owned(),
        role: Role::Caller,
        limits: limits.clone(),
        hash: new_key().hash,
    };
    assert_eq!(*parse(&written.to_text().unwrap()).unwrap().keys[0].caller.limits, limits);
    let of_toml = entry("flow", "caller", &new_key().hash, "expires = 2026-12-31\n");
    assert_eq!(parse(&of_toml).unwrap().keys[0].caller.limits.expires, limits.expires);
    let over = parse(&entry("flow", "caller", &new_key().hash, "expires = 2026-06-30\n")).unwrap();
    assert!(
        over.keys.len() == 1 && over.faults[0].is_expiry,
        "who shows it hears that it has ended: {over:?}"
    );
}

#[test]
fn an_expired_key_or_one_from_another_address_is_recognised_and_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let [over, bound] = [new_key(), new_key()];
    let text = entry("old", "caller", &over.hash, "expires = \"2026-01-31\"\n")
        + &entry("flow", "caller", &bound.hash, "addresses = [\"203.0.113.7\"]\n");
    std::fs::write(&path, text).unwrap();
    let callers = Callers::from_file(path.clone()).unwrap();
    let reason = |key: &NewKey, client: &str| match callers
        .authenticate(&bearer(key), client.parse().unwrap())
    {
        Ok(caller) => caller.name.to_string(),
        Err(Rejected::Unknown) => "unknown".to_owned(),
        Err(Rejected::Known(caller, refusal)) => {
            format!("{} {}", caller.name, refusal.reason.as_str())
        }
    };
    assert_eq!(reason(&over, "203.0.113.7"), "old expired");
    assert_eq!(
        [reason(&bound, "203.0.113.7"), reason(&bound, "203.0.113.8")],
        ["flow", "flow address"]
    );
}

#[test]
fn an_unreadable_file_keeps_the_known_keys_until_the_lockout() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let key = new_key();
    append(&path, "flow", Role::Caller, &key.hash).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let callers = Callers::from_file(path.clone()).unwrap();
    let locked = callers.clone().locking_out_after(Some(Duration::ZERO));
    let text = std::fs::read_to_string(&path).unwrap();
    for (spoil, part) in [
        (
            Box::new(|path: &Path| std::fs::remove_file(path).unwrap()) as Box<dyn Fn(&Path)>,
            "No such file",
        ),
        (Box::new(|path| std::fs::write(path, "broken").unwrap()), "line 1"),
        (
            Box::new(|path| {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o620)).unwrap();
            }),
            "chmod go-w",
        ),
    ] {
        spoil(&path);
        assert!(callers.reload().unwrap_err().to_string().contains(part), "{part}");
        assert!(Callers::from_file(path.clone()).is_err());
        assert!(callers.problems()[0].contains(part), "{:?}", callers.problems());
        assert!(callers.authenticate(&bearer(&key), ANYWHERE).is_ok());
        let Err(Rejected::Known(_, refusal)) = locked.authenticate(&bearer(&key), ANYWHERE) else {
            panic!("let in")
        };
        assert_eq!(refusal.reason, Reason::LockedOut);
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, &text).unwrap();
        assert_eq!(callers.reload().unwrap(), Reload::Unchanged);
        assert!(
            locked.authenticate(&bearer(&key), ANYWHERE).is_ok() && callers.problems().is_empty()
        );
    }
}

#[test]
fn a_change_of_the_file_leaves_the_rest_of_it_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let [one, two, three] = [new_key(), new_key(), new_key()].map(|key| key.hash);
    let text = format!(
        "# Who calls.\n\n{}# Taken out in spring.\n\n# The other one.\n{}[[key]]\nname = \"broken\nrole = 7\n",
        entry("flow", "caller", &one, ""),
        entry("ops", "operator", &two, "")
    );
    std::fs::write(&path, &text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(append(&path, "erp", Role::Caller, &three).is_err(), "a broken file is left alone");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(revoke(&path, "flow", None).unwrap(), 1);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        text.replace(&entry("flow", "caller", &one, ""), "")
    );
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(revoke(&path, "broken", None).unwrap(), 1);
    append(&path, "erp", Role::Caller, &three).unwrap();
    assert_eq!(Callers::from_file(path.clone()).unwrap().list().len(), 2);
    assert!(append(&path, "ops", Role::Viewer, &one).is_err(), "a name has one role");
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}
