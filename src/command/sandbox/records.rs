//! Files of further records for the sandbox: what the Salesforce CLI exports as a tree, and objects
//! of m3ter.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sync_to_m3ter_sandbox as emulated;

use crate::domain::encoding;

/// Records that are told when the sandbox starts; `--list` tells all.
const MAX_TOLD: usize = 30;

/// The records that one file has added.
pub(super) struct AddedRecords {
    pub(super) file: PathBuf,
    pub(super) records: Vec<emulated::salesforce::Added>,
}

/// Adds the records and objects of files, in their order; what is wrong names the file.
pub(super) fn add(
    files: &[PathBuf],
    org: &emulated::salesforce::Salesforce,
    organization: &emulated::m3ter::M3ter,
) -> Result<Vec<AddedRecords>, String> {
    let mut references = BTreeMap::new();
    let mut all = Vec::new();
    for file in files {
        let added = add_file(file, org, organization, &mut references);
        let records = added.map_err(|what| format!("--records {}: {what}", file.display()))?;
        all.push(AddedRecords { file: file.clone(), records });
    }
    Ok(all)
}

/// The ids of the records, for the start of a sandbox.
pub(super) fn told(added: &[AddedRecords]) -> String {
    let mut told = String::new();
    let mut left = MAX_TOLD;
    for AddedRecords { file, records } in added.iter().filter(|added| !added.records.is_empty()) {
        let _ = write!(told, "\n\nAdded from {}:", file.display());
        for record in records.iter().take(left) {
            let _ = write!(told, "\n  {}  {}  {}", record.id, record.object, record.reference);
        }
        if records.len() > left {
            let _ = write!(
                told,
                "\n  and {} more: the same command with --list shows all",
                records.len() - left
            );
        }
        left = left.saturating_sub(records.len());
    }
    told
}

fn add_file(
    path: &Path,
    org: &emulated::salesforce::Salesforce,
    organization: &emulated::m3ter::M3ter,
    references: &mut BTreeMap<String, String>,
) -> Result<Vec<emulated::salesforce::Added>, String> {
    let file = read(path)?;
    let known = ["records", "m3ter"];
    let object = file.as_object().filter(|file| !file.is_empty());
    let object = object.ok_or("it holds neither `records` nor `m3ter`")?;
    if let Some(unknown) = object.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("`{unknown}` is unknown; a file holds `records`, `m3ter` or both"));
    }
    if let Some(objects) = object.get("m3ter") {
        organization.add(objects)?;
    }
    if object.contains_key("records") { org.add_tree(&file, references) } else { Ok(Vec::new()) }
}

fn read(path: &Path) -> Result<Json, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = encoding::text(&bytes)
        .map_err(|what| format!("it {what}: save it as JSON, with the encoding UTF-8"))?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let file: Json =
        serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    match planned(&file) {
        Some(files) => Err(format!(
            "it is a plan: give the files that it names, in its order: --records {}",
            files.join(" --records ")
        )),
        None => Ok(file),
    }
}

/// The files that a plan of `sf data export tree --plan` names.
fn planned(file: &Json) -> Option<Vec<&str>> {
    let steps = file.as_array()?.iter().filter_map(|step| step["files"].as_array());
    let files: Vec<&str> = steps.flatten().filter_map(Json::as_str).collect();
    (!files.is_empty()).then_some(files)
}
