//! `config`: every setting, its value without secrets, and where it comes from.

use clap::Subcommand;
use url::Url;

use super::output::{self, Column, Form};
use super::{Outcome, remark};
use crate::config::{Config, Environment, Origin, SETTINGS, Setting, Unset, Visibility};

/// What to do with the configuration.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Show every setting, its value (secrets are hidden) and where it comes from, and what is wrong
    /// with them; the exit code is 1 if something is.
    Show {
        /// In which form.
        #[command(flatten)]
        form: Form,
    },
}

const COLUMNS: [Column; 3] = [Column::word("Setting"), Column::text("Value"), Column::text("From")];

/// In the place of a secret.
const HIDDEN: &str = "(hidden)";

/// Shows the settings, and then what is wrong with them.
pub fn run(command: &ConfigCommand, environment: &Environment) -> anyhow::Result<Outcome> {
    let ConfigCommand::Show { form } = command;
    let rows: Vec<Vec<String>> =
        SETTINGS.iter().map(|setting| row(setting, environment).to_vec()).collect();
    output::list_rows(*form, &COLUMNS, &rows)?;
    match Config::from_variables(&|name| environment.get(name)) {
        Ok(_) => Ok(Outcome::Done),
        Err(problems) => {
            remark(problems);
            Ok(Outcome::Failed)
        }
    }
}

fn row(setting: &Setting, environment: &Environment) -> [String; 3] {
    let name = setting.name.to_owned();
    let place = |name: &str| {
        environment.origin(name).map(|origin| match origin {
            Origin::Process => "environment".to_owned(),
            Origin::File(path) => format!("--env-file {}", path.display()),
        })
    };
    if let Some(from) = place(setting.name) {
        let value = environment.get(setting.name).unwrap_or_default();
        let value = match setting.visibility {
            Visibility::Value => without_password(value.trim()),
            Visibility::Hidden => HIDDEN.to_owned(),
        };
        return [name, value, from];
    }
    let file = setting.file.and_then(|file| Some((file, place(file)?, environment.get(file)?)));
    if let Some((variable, from, path)) = file {
        return [
            name,
            HIDDEN.to_owned(),
            format!("the file {}, {variable} in {from}", path.trim()),
        ];
    }
    match setting.unset {
        Unset::Default(value) => [name, value.to_owned(), "default".to_owned()],
        Unset::Required => [name, String::new(), "required, and not set".to_owned()],
        Unset::Nothing => [name, String::new(), "not set".to_owned()],
    }
}

/// An address without the password in it, and anything else as it is.
fn without_password(value: &str) -> String {
    let Ok(mut url) = Url::parse(value) else { return value.to_owned() };
    let is_secret = |name: &str| name.to_ascii_lowercase().contains("password");
    let has_secret =
        url.password().is_some() || url.query_pairs().any(|(name, _)| is_secret(&name));
    if !has_secret {
        return value.to_owned();
    }
    if url.password().is_some() {
        // Every address that can have a password can have another one.
        let _ = url.set_password(Some("hidden"));
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let value = if is_secret(&name) { "hidden".into() } else { value };
                (name.into_owned(), value.into_owned())
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (value, shown) in [
            ("postgres://sync:hunter2@db/x", "postgres://sync:hidden@db/x"),
            (
                "postgres://db/x?password=hunter2&sslmode=disable",
                "postgres://db/x?password=hidden&sslmode=disable",
            ),
            ("sqlite://sync-to-m3ter.db", "sqlite://sync-to-m3ter.db"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("1,5,15,60", "1,5,15,60"),
        ] {
            assert_eq!(without_password(value), shown);
        }
    }
}
