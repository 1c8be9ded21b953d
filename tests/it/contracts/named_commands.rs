//! Every command of the program that a message or a guide names can be given as it stands there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::error::ErrorKind;
use sync_to_m3ter::command::line;

const PROGRAM: &str = "sync-to-m3ter ";

/// What a text leaves out, as one would fill it in: the value of `--kind`, a field, an ID.
fn filled_in(word: &str, before: &str) -> String {
    let is_blank =
        word.starts_with('{') || word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    match before {
        _ if !is_blank => word.to_owned(),
        "--kind" => "Account".to_owned(),
        "forget-field" => "Opportunity.Region__c".to_owned(),
        _ => "006S900000795MMIAY".to_owned(),
    }
}

/// Why a command cannot be given; what it needs besides may be left out of a text.
fn fault(command: &str) -> Option<String> {
    let mut words = vec!["sync-to-m3ter".to_owned()];
    for word in command.split_whitespace() {
        let filled = filled_in(word, words.last().unwrap());
        words.push(filled);
    }
    let error = line::arguments().try_get_matches_from(words).err()?;
    let is_unfinished = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
    );
    // Such as `verify --file`, of which a text says only what it is for.
    let is_unfinished = is_unfinished || error.to_string().contains("a value is required for");
    (!is_unfinished).then(|| format!("`{command}`: {error}"))
}

/// The commands that a text names: the whole of a text in backquotes, or what follows the program's
/// name up to the end of its line.
fn commands(text: &str) -> Vec<String> {
    let names: Vec<String> =
        line::arguments().get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let is_one = |words: &str| {
        let mut words = words.split(' ');
        words.next().is_some_and(|first| names.iter().any(|name| name == first))
            && words.next().is_some()
    };
    let mut found = Vec::new();
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 1 {
            found.push(part.strip_prefix(PROGRAM).unwrap_or(part).to_owned());
        } else if let Some((_, rest)) = part.split_once(PROGRAM) {
            let command = rest.lines().next().unwrap_or_default();
            found.push(command.trim_end_matches(['.', '"']).to_owned());
        }
    }
    found.retain(|command| is_one(command));
    found
}

/// The lines of shell blocks that only call the program.
fn of_guide(text: &str) -> Vec<String> {
    let mut is_shell = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(fence) = line.trim_start().strip_prefix("```") {
            is_shell = fence == "sh";
        } else if let Some(command) = line.strip_prefix(PROGRAM).filter(|_| is_shell) {
            found.push(command.split('#').next().unwrap_or_default().trim().to_owned());
        }
    }
    // What the shell does with a line is not the program's.
    found.retain(|command| !command.contains(['|', '>', '<', '$', '\'', '"', '\\', '…', '(', '[']));
    found
}

#[test]
fn every_command_that_a_message_or_a_guide_names_can_be_given() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = root.join("tests/it/contracts/snapshots/it__contracts__messages__messages.snap");
    // Examples and help are clap's own.
    let list = fs::read_to_string(list).unwrap();
    let messages = list.lines().filter(|line| !line.trim_start().starts_with("help: "));
    let of_messages: BTreeSet<String> = messages.flat_map(commands).collect();
    let mut guides = vec![root.join("README.md")];
    guides.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let of_guides: BTreeSet<String> = guides
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .flat_map(|path| of_guide(&fs::read_to_string(path).unwrap()))
        .collect();
    assert!(of_messages.len() > 20 && of_guides.len() > 40, "{of_messages:#?} {of_guides:#?}");
    let faults: Vec<String> =
        of_messages.iter().chain(&of_guides).filter_map(|command| fault(command)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(fault("links forget 006S900000795MMIAY --sort Account").is_some(), "it can fail");
}
