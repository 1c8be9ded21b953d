//! What the help of each command ends with: its variables, examples, its exit codes.

use std::fmt::Write as _;

use clap::Command;

/// The commands that a service elsewhere can carry out.
pub const SPEAKERS: [&str; 12] = [
    "sync", "end-date", "reopen", "verify", "backfill", "runs", "changes", "erase", "links",
    "adopt", "pause", "resume",
];

/// What a command is told by variables.
#[derive(Debug, Clone, Copy)]
enum Needs {
    Nothing,
    Database,
    KeysFile,
    Mappings,
    Address,
    Sandbox,
    Everything,
}

/// What stands below the arguments of one command.
struct Help {
    command: &'static str,
    needs: Needs,
    examples: &'static [&'static str],
    exit_codes: &'static str,
}

const OF_A_RUN: &str = "0 Completed, 1 Failed, 2 not tried, 3 Partial Success, 4 failed and may succeed later, 130 interrupted";
const OF_A_LIST: &str = "0 listed, also if there is nothing; 2 not tried";
const OF_A_CHANGE: &str = "0 done, 2 not tried, and nothing is changed";

const fn help(
    command: &'static str,
    needs: Needs,
    examples: &'static [&'static str],
    exit_codes: &'static str,
) -> Help {
    Help { command, needs, examples, exit_codes }
}

const HELP: [Help; 39] = [
    help(
        "serve",
        Needs::Everything,
        &["", "serve --env-file production.env", "config show"],
        "0 stopped as it was told to, 2 a setting, the database, the address",
    ),
    help(
        "sandbox",
        Needs::Sandbox,
        &[
            "sandbox",
            "sandbox --list",
            "sandbox --mappings-dir mine --records mine/deal.json",
            "sandbox --from snapshot-006S900000795MMIAY",
        ],
        "0 stopped, 2 not started",
    ),
    help(
        "sync",
        Needs::Everything,
        &[
            "sync 006S900000795MMIAY --dry-run",
            "sync 006S900000795MMIAY",
            "sync - --output json < ids.txt",
        ],
        "0 Completed, 1 Failed, 2 not tried, 3 Partial Success, 4 failed and may succeed later,\n5 differences (--exit-code), 130 interrupted; of several records the worst",
    ),
    help(
        "snapshot take",
        Needs::Everything,
        &[
            "snapshot take 006S900000795MMIAY",
            "snapshot take 006S900000795MMIAY 801S90000079ORDIA2 --to deals",
            "sandbox --from deals",
        ],
        "0 taken, 1 no such record or no mapping for it, 2 not tried, or not written,\n4 not taken, and may succeed later, 130 interrupted; of what was not taken, nothing is written",
    ),
    help(
        "verify",
        Needs::Everything,
        &["verify", "verify --root Opportunity --since 1d --exit-code", "verify --file ids.txt"],
        "0 compared, 2 not tried, 4 try again, 130 interrupted; with --exit-code also 1 failures, 5 differences",
    ),
    help(
        "backfill",
        Needs::Database,
        &["backfill latest --dry-run", "backfill latest --status missing,differs"],
        "0 all Completed, 1 some Failed, 2 not tried, 3 some Partial Success, 4 some are tried again",
    ),
    help(
        "keys new",
        Needs::KeysFile,
        &["keys new --name flow --role caller --file api-keys.toml"],
        OF_A_CHANGE,
    ),
    help("keys list", Needs::KeysFile, &["keys list --file api-keys.toml"], OF_A_LIST),
    help("keys revoke", Needs::KeysFile, &["keys revoke flow --file api-keys.toml"], OF_A_CHANGE),
    help(
        "keys check",
        Needs::KeysFile,
        &["keys check --file api-keys.toml"],
        "0 no fault, 1 faults, 2 not tried",
    ),
    help(
        "end-date",
        Needs::Everything,
        &[
            "end-date 006S900000795MMIAY --date 2026-12-31 --entities CONTRACT,ACCOUNTPLAN --dry-run",
            "end-date 001S900000RzsIUIAZ --date 2026-12-31 --entities CONTRACT --apply-to-children",
        ],
        "0 ended, 1 failed, or the answer was no, 2 not tried, 3 in part, 4 may succeed later, 130 interrupted",
    ),
    help("reopen", Needs::Database, &["reopen 006S900000795MMIAY --dry-run"], OF_A_CHANGE),
    help("mapping list", Needs::Mappings, &["mapping list --mappings-dir mine"], OF_A_LIST),
    help("mapping show", Needs::Mappings, &["mapping show Opportunity"], OF_A_LIST),
    help(
        "mapping export",
        Needs::Nothing,
        &["mapping export Opportunity > mine/opportunity.toml"],
        OF_A_LIST,
    ),
    help(
        "mapping check",
        Needs::Mappings,
        &["mapping check mine/opportunity.toml", "mapping check --org"],
        "0 nothing red, 1 faults, 2 not tried",
    ),
    help(
        "mapping test",
        Needs::Mappings,
        &["mapping test cases", "mapping test cases --accept"],
        "0 as expected, 1 not so, 2 not tried",
    ),
    help(
        "mapping explain",
        Needs::Mappings,
        &["mapping explain 006S900000795MMIAY contract.endDate"],
        "0 shown, 2 no such record, field or case, or not tried",
    ),
    help("mapping schema", Needs::Nothing, &["mapping schema > mapping.schema.json"], "0 printed"),
    help(
        "db copy",
        Needs::Database,
        &["db copy sqlite://sync-to-m3ter.db"],
        "0 copied, 2 not copied, and the other database is as it was",
    ),
    help(
        "mapping import",
        Needs::Nothing,
        &["mapping import --help"],
        "0 written, 1 faults, 2 not tried",
    ),
    help(
        "mapping forget-field",
        Needs::Database,
        &["mapping forget-field Opportunity.M3ter_PO_Number__c"],
        OF_A_CHANGE,
    ),
    help(
        "runs list",
        Needs::Database,
        &["runs list --status failed --since yesterday", "runs list --unresolved --output csv"],
        OF_A_LIST,
    ),
    help(
        "runs show",
        Needs::Database,
        &["runs show latest"],
        "0 shown, 2 no such run, or not tried",
    ),
    help(
        "runs watch",
        Needs::Database,
        &["runs watch", "runs watch 01a2233f", "runs watch --all"],
        OF_A_RUN,
    ),
    help(
        "runs replay",
        Needs::Everything,
        &["runs replay latest", "runs replay --error-code M3TER_AUTH_FAILED --since 1d --dry-run"],
        OF_A_RUN,
    ),
    help("links list", Needs::Database, &["links list 006S900000795MMIAY"], OF_A_LIST),
    help(
        "links move",
        Needs::Database,
        &["links move 001S900000RzsIUIAZ 001S900000RzsIVIAZ --dry-run"],
        OF_A_CHANGE,
    ),
    help(
        "links forget",
        Needs::Database,
        &["links forget 006S900000795MMIAY --dry-run"],
        OF_A_CHANGE,
    ),
    help(
        "adopt",
        Needs::Database,
        &["adopt", "adopt 001S900000RzsIUIAZ --confirm", "adopt links.csv --confirm"],
        OF_A_CHANGE,
    ),
    help(
        "changes list",
        Needs::Database,
        &["changes list --since 1w --field endDate --output csv"],
        OF_A_LIST,
    ),
    help("erase", Needs::Database, &["erase 001S900000RzsIUIAZ"], OF_A_CHANGE),
    help("pause", Needs::Database, &["pause --reason 'prices are wrong'"], OF_A_CHANGE),
    help("resume", Needs::Database, &["resume --reason 'prices are right'"], OF_A_CHANGE),
    help("check", Needs::Everything, &["check"], "0 nothing red, 1 something red, 2 not tried"),
    help("health", Needs::Address, &["health --ready"], "0 healthy, 1 unhealthy, 2 not tried"),
    help(
        "config show",
        Needs::Everything,
        &["config show", "config show --env-file production.env --output csv"],
        "0 complete, 1 something is wrong",
    ),
    help(
        "completions",
        Needs::Nothing,
        &[
            "completions bash > ~/.local/share/bash-completion/completions/sync-to-m3ter",
            "completions zsh > ~/.zfunc/_sync-to-m3ter",
            "completions fish > ~/.config/fish/completions/sync-to-m3ter.fish",
        ],
        "0 printed, 2 not a shell",
    ),
    help("man", Needs::Nothing, &["man ~/.local/share/man/man1"], "0 written, 2 not written"),
];

impl Needs {
    fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Database => {
                "DATABASE_URL, or DATABASE_URL_FILE; no secret of Salesforce or m3ter"
            }
            Self::KeysFile => "API_KEYS_FILE, if --file is not given",
            Self::Mappings => {
                "MAPPINGS_DIR, if --mappings-dir is not given; those of Salesforce and m3ter to ask the org"
            }
            Self::Address => "LISTEN_ADDRESS",
            Self::Sandbox => {
                "MAPPINGS_DIR, COMMITMENT_BILLING and METRICS_ADDRESS, if they are set"
            }
            Self::Everything => {
                "those of the service: `sync-to-m3ter config show` lists them with their values"
            }
        }
    }
}

impl Help {
    fn text(&self) -> String {
        let speaks = self.command.split(' ').next().is_some_and(|name| SPEAKERS.contains(&name));
        let instead = if speaks {
            ";\n           or SYNC_TO_M3TER_URL and SYNC_TO_M3TER_KEY, to speak to a service"
        } else {
            ""
        };
        let mut text = format!("Variables: {}{instead}\n\nExamples:\n", self.needs.in_words());
        for example in self.examples {
            let _ = writeln!(text, "  {}", format!("sync-to-m3ter {example}").trim_end());
        }
        let _ = write!(text, "\nExit codes: {}", self.exit_codes);
        text
    }
}

/// The same command line, with the help of each command.
pub fn with_help(command: Command) -> Command {
    of_path(command, "")
}

fn of_path(command: Command, path: &str) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let helped = match HELP.iter().find(|help| help.command == path) {
        Some(help) => command.after_help(help.text()),
        None => command,
    };
    names.into_iter().fold(helped, |command, name| {
        let path = format!("{path} {name}").trim_start().to_owned();
        command.mut_subcommand(name, |command| of_path(command, &path))
    })
}
