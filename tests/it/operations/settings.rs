//! What the program is told: `config show`, `--env-file`, misspelt variables, the help of each
//! command, completions and manual pages.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;
use sync_to_m3ter::config::{SETTINGS, Unset};

use crate::operations::commands::{make_database, run, run_with};
use crate::support::*;

/// Exit code, standard output and standard error of the program with these variables alone.
async fn alone(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.env_clear().args(arguments).envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code().unwrap(), out, err)
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn every_setting_is_shown_with_where_it_comes_from_and_no_secret_is() {
    let directory = tempfile::tempdir().unwrap();
    let key = write(directory.path(), "key", "hunter1\n");
    let file = write(
        directory.path(),
        "service.env",
        "M3TER_API_SECRET='hunter2'\nM3TER_ORG_ID=11111111-1111-4111-8111-111111111111\nRUN_LEASE=7\n",
    );
    let variables = [
        ("SALESFORCE_LOGIN_URL", "https://acme.my.salesforce.com"),
        ("SALESFORCE_CLIENT_ID", "id"),
        ("SALESFORCE_CLIENT_SECRET", "hunter3"),
        ("M3TER_API_KEY_FILE", &key),
        ("DATABASE_URL", "postgres://sync:hunter4@localhost/sync"),
        ("RUN_LEASE", "9"),
    ];
    let show = ["config", "show", "--output", "json", "--env-file", &file];
    let (code, text, problems) = alone(&show, &variables).await;
    assert_eq!((code, problems.as_str()), (0, ""));
    assert!(!text.contains("hunter"), "{text}");
    let rows: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown = |name: &str| {
        let row = rows.iter().find(|row| row["setting"] == name).unwrap();
        (row["value"].as_str().unwrap().to_owned(), row["from"].as_str().unwrap().to_owned())
    };
    for (name, value, from) in [
        ("RUNS_AT_ONCE", "64", "default".to_owned()),
        ("RUN_LEASE", "9", "environment".to_owned()),
        ("DATABASE_URL", "postgres://sync:hidden@localhost/sync", "environment".to_owned()),
        ("SALESFORCE_CLIENT_SECRET", "(hidden)", "environment".to_owned()),
        ("M3TER_API_SECRET", "(hidden)", format!("--env-file {file}")),
        ("M3TER_API_KEY", "(hidden)", format!("the file {key}, M3TER_API_KEY_FILE in environment")),
        ("API_KEYS_FILE", "", "not set".to_owned()),
    ] {
        assert_eq!(shown(name), (value.to_owned(), from), "{name}");
    }
    let (code, text, problems) = alone(&["config", "show"], &variables[..3]).await;
    assert_eq!(code, 1);
    assert!(text.contains("M3TER_ORG_ID\t\trequired, and not set\n"), "{text}");
    assert!(problems.contains("M3TER_API_KEY is not set, nor M3TER_API_KEY_FILE"), "{problems}");
}

/// The list is README's, and has each variable that the sources read.
#[test]
fn the_list_of_settings_matches_the_readme() {
    let readme = include_str!("../../../README.md");
    let table = readme.split("### Configuration").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let mut names = BTreeSet::new();
    for setting in SETTINGS {
        names.extend(std::iter::once(setting.name).chain(setting.file));
        let row = rows.iter().find(|row| row.contains(&format!("`{}`", setting.name)));
        let row = row.unwrap_or_else(|| panic!("README does not have {}", setting.name));
        if let Unset::Default(value) = setting.unset {
            let value = value.split(';').next().unwrap();
            assert!(row.contains(value), "{}: {value} is not in {row}", setting.name);
        }
        assert_eq!(
            setting.unset == Unset::Required,
            row.contains("| required |") && {
                // One row has the secret beside the two that are required.
                setting.name != "SALESFORCE_CLIENT_SECRET"
            }
        );
    }
    let of_readme = rows.iter().flat_map(|row| row.split(" | ").next().unwrap().split('`'));
    let of_readme: BTreeSet<&str> = of_readme
        .filter(|word| word.contains('_') || *word == "CONSOLE")
        .filter(|word| {
            word.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        })
        .collect();
    assert_eq!(of_readme.difference(&names).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_variables_is_enough_and_its_faults_are_reported() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "# the sandbox\nexport SALESFORCE_LOGIN_URL={}\nSALESFORCE_CLIENT_ID=sandbox\nSALESFORCE_CLIENT_SECRET='sandbox'\nM3TER_BASE_URL={}\nM3TER_ORG_ID={}\nM3TER_API_KEY=sandbox\nM3TER_API_SECRET=\"sandbox\"\nCOMMITMENT_BILLING=paid_outside\nDATABASE_URL=sqlite://{}\n",
        world.org.base_url(),
        world.organization.base_url(),
        sync_to_m3ter_sandbox::m3ter::ORGANIZATION,
        directory.path().join("file.db").display(),
    );
    let file = write(directory.path(), "service.env", &text);
    let (code, out, err) = alone(&["--env-file", &file, "sync", DEAL], &[]).await;
    assert!(code == 0 && out.contains("Completed"), "{out}{err}");
    let (code, out, err) = alone(&["runs", "list", "--env-file", &file], &[]).await;
    assert!(code == 0 && out.contains(DEAL), "{out}{err}");
    for (text, words) in [
        ("A=1\nM3TER_API_KEY=hun$ter", "line 2: M3TER_API_KEY holds `$`"),
        ("hunter", "line 1: has no `=`"),
        ("HTTPS_PROXY=http://me:hunter@proxy", "HTTPS_PROXY is read only from the environment"),
    ] {
        let file = write(directory.path(), "wrong.env", text);
        let (code, out, err) = alone(&["runs", "list", "--env-file", &file], &[]).await;
        assert!(code == 2 && err.contains(words) && err.contains("wrong.env"), "{out}{err}");
        assert!(!err.contains("hunter"), "{err}");
    }
    let (code, _, err) = alone(&["check", "--env-file", "nowhere.env"], &[]).await;
    assert!(code == 2 && err.contains("error: --env-file nowhere.env: No such file"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_variable_is_reported_and_all_faults_together() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    make_database(directory.path()).await;
    let misspelt = [("M3TER_ORGID", "hunter"), ("SALESFORCE_LOGIN", "hunter")];
    let (code, text) = run_with(&world, directory.path(), &["runs", "list"], &misspelt).await;
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("the variable M3TER_ORGID is not read; did you mean M3TER_ORG_ID?")
            && text
                .contains("the variable SALESFORCE_LOGIN is not read; `sync-to-m3ter config show`")
            && !text.contains("hunter"),
        "{text}"
    );
    let (_, text) = run(&world, directory.path(), &["runs", "list"]).await;
    assert!(!text.contains("is not read"), "{text}");
    for arguments in
        [vec![], vec!["serve"], vec!["check"], vec!["sync", DEAL], vec!["config", "show"]]
    {
        let (_, _, err) = alone(&arguments, &[("LOG_FORMAT", "xml"), ("RUN_LEASE", "soon")]).await;
        for words in ["LOG_FORMAT must be", "RUN_LEASE must be", "M3TER_ORG_ID is not set"] {
            assert!(err.contains(words), "{arguments:?}: {words}: {err}");
        }
        assert!(arguments.contains(&"config") || err.contains("sync-to-m3ter sandbox"), "{err}");
    }
}

/// The commands below one, as its help lists them.
fn commands(help: &str) -> Vec<String> {
    let Some((_, listed)) = help.split_once("Commands:\n") else { return Vec::new() };
    listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect()
}

#[tokio::test]
async fn the_help_of_each_command_names_variables_examples_and_exit_codes() {
    let mut open = vec![Vec::<String>::new()];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let (code, help, err) = alone(&words, &[]).await;
        assert_eq!(code, 0, "{path:?}: {err}");
        let below = commands(&help);
        if below.is_empty() {
            seen += 1;
            for part in ["\nVariables: ", "\nExamples:\n  sync-to-m3ter", "\nExit codes: "] {
                assert!(help.contains(part), "{path:?} lacks {part}: {help}");
            }
        }
        open.extend(below.into_iter().map(|name| [path.clone(), vec![name]].concat()));
    }
    assert!(seen > 25, "{seen}");
}

#[tokio::test]
async fn shells_complete_commands_and_man_shows_them() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, err) = alone(&["completions", shell], &[]).await;
        assert!(code == 0 && script.contains("end-date") && script.contains("replay"), "{err}");
        if shell == "bash" {
            let path = write(directory.path(), "completions.bash", &script);
            let asked = format!(
                "source {path}; COMP_WORDS=(sync-to-m3ter runs re); COMP_CWORD=2; $(complete -p sync-to-m3ter | sed 's/.*-F \\([^ ]*\\).*/\\1/') sync-to-m3ter re runs; echo \"${{COMPREPLY[@]}}\""
            );
            let shell = Command::new("bash").args(["-c", &asked]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&shell.stdout).trim(), "replay");
        }
    }
    let (code, _, err) = alone(&["completions", "cobol"], &[]).await;
    assert!(code == 2 && err.contains("possible values"), "{err}");
    let pages = directory.path().join("man");
    let (code, _, err) = alone(&["man", &pages.display().to_string()], &[]).await;
    assert_eq!(code, 0, "{err}");
    for page in ["sync-to-m3ter.1", "sync-to-m3ter-sync.1", "sync-to-m3ter-runs-list.1"] {
        let text = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".TH "), "{page}");
    }
    let (code, _, err) = alone(&["man", "/dev/null/man"], &[]).await;
    assert!(code == 2 && err.contains("could not be written"), "{err}");
}
