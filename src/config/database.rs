//! `DATABASE_URL`, or the file that holds it: where the database is, and whether it proves who it
//! is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use url::Url;

use super::variables::given;
use crate::secret::Secret;

/// Where runs, results and links are kept unless something else is said.
pub(super) const DEFAULT_DATABASE_URL: &str = "sqlite://sync-to-m3ter.db";

/// The URL, and the file that it was read from.
pub(super) fn read(
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, Option<Secret>), String> {
    let (url, file) =
        match (given(variable, "DATABASE_URL"), given(variable, "DATABASE_URL_FILE")) {
            (Some(_), Some(_)) => {
                return Err("DATABASE_URL and DATABASE_URL_FILE are both set; set one of the two"
                    .to_owned());
            }
            (Some(url), None) => (url, None),
            (None, Some(path)) => {
                let file = Secret::in_file("DATABASE_URL_FILE", PathBuf::from(path));
                (file.read()?.expose_secret().to_owned(), Some(file))
            }
            (None, None) => (DEFAULT_DATABASE_URL.to_owned(), None),
        };
    check_proof(&url, variable)?;
    Ok((url, file))
}

/// Where the database is, for commands that need nothing else of the configuration.
pub fn database_url(variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    read(variable).map(|(url, _)| url)
}

/// The same, if it is said, or if there is a file where it would be.
pub fn known_database(variable: &dyn Fn(&str) -> Option<String>) -> Option<Result<String, String>> {
    let is_said =
        ["DATABASE_URL", "DATABASE_URL_FILE"].iter().any(|name| given(variable, name).is_some());
    let is_there = || {
        DEFAULT_DATABASE_URL.strip_prefix("sqlite://").is_some_and(|path| Path::new(path).exists())
    };
    (is_said || is_there()).then(|| database_url(variable))
}

/// A server on another machine must prove its identity, because it gets a password
/// and all that is billed.
fn check_proof(url: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    let Some(url) =
        Url::parse(url).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))
    else {
        return Ok(());
    };
    let allowed = match given(variable, "DATABASE_UNVERIFIED").as_deref() {
        None | Some("refuse") => false,
        Some("allow") => true,
        Some(_) => return Err("DATABASE_UNVERIFIED must be `refuse` or `allow`".to_owned()),
    };
    let parameter = |names: &[&str]| {
        url.query_pairs()
            .filter(|(name, _)| names.contains(&name.as_ref()))
            .last()
            .map(|(_, value)| value.into_owned())
    };
    let mode = parameter(&["sslmode", "ssl-mode"]).or_else(|| given(variable, "PGSSLMODE"));
    let is_verified = mode.is_some_and(|mode| {
        mode.eq_ignore_ascii_case("verify-full") || mode.eq_ignore_ascii_case("verify_identity")
    });
    let host = parameter(&["host", "hostaddr"])
        .or_else(|| url.host_str().filter(|host| !host.is_empty()).map(ToOwned::to_owned));
    let host = host.or_else(|| given(variable, "PGHOSTADDR")).or_else(|| given(variable, "PGHOST"));
    if is_verified || allowed || host.is_none_or(|host| is_this_machine(&host)) {
        return Ok(());
    }
    Err("DATABASE_URL leads to another machine whose identity is not verified: add `sslmode=verify-full` (with \
         `sslrootcert=<file>` unless a public authority signed its certificate), or set DATABASE_UNVERIFIED=allow"
        .to_owned())
}

/// Loopback, or a socket in the file system.
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.starts_with('/')
        || host.to_ascii_lowercase().starts_with("%2f")
        || bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str, others: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let other = others
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned());
            if name == "DATABASE_URL" { Some(url.to_owned()) } else { other }
        };
        database_url(&variable).err()
    }

    #[test]
    fn a_remote_server_must_have_a_valid_certificate_unless_configured_otherwise() {
        for url in [
            "sqlite://sync.db",
            "postgres://me:hunter2@127.0.0.1:5432/x",
            "postgres://me:hunter2@[::1]/x?sslmode=disable",
            "postgres://me:hunter2@localhost/x",
            "postgres://me@%2Fvar%2Frun%2Fpostgresql/x",
            "postgres:///x?host=/var/run/postgresql",
            "postgres:///x",
            "postgres://me:hunter2@db.example/x?sslmode=verify-full&sslrootcert=/ca.pem",
        ] {
            assert_eq!(problem(url, &[]), None, "{url}");
        }
        for url in [
            "postgres://me:hunter2@db.example/x",
            "postgresql://me:hunter2@10.0.0.1/x?sslmode=require",
            "postgres://me:hunter2@db.example/x?sslmode=verify-ca",
            "postgres://me:hunter2@db.example/x?sslmode=verify-full&sslmode=prefer",
            "postgres://me:hunter2@localhost/x?host=db.example",
            "postgres://localhost.example/x",
        ] {
            let problem = problem(url, &[]).unwrap_or_else(|| panic!("{url}"));
            assert!(
                problem.contains("sslmode=verify-full")
                    && !problem.contains("hunter2")
                    && !problem.contains("db.example"),
                "{problem}"
            );
            assert_eq!(
                super::tests::problem(url, &[("DATABASE_UNVERIFIED", "allow")]),
                None,
                "{url}"
            );
        }
        assert!(problem("postgres:///x", &[("PGHOST", "db.example")]).is_some());
        assert_eq!(problem("postgres://db.example/x", &[("PGSSLMODE", "verify-full")]), None);
        assert!(
            problem("postgres://db.example/x", &[("DATABASE_UNVERIFIED", "yes")])
                .unwrap()
                .contains("must be `refuse` or `allow`")
        );
    }
}
