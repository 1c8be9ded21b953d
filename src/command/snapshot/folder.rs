//! The folder of a snapshot: written whole or not at all, and read with a sentence for whatever is
//! wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::contents::{ById, Fields, Taken};
use crate::mapping::MappingSource;
use crate::store::Link;

/// Raised whenever an earlier program could not read the folder any more.
pub(super) const FORMAT_VERSION: u64 = 1;
/// The mapping files below the folder.
pub(in crate::command) const FOLDER_OF_MAPPINGS: &str = "mappings";

const MANIFEST: &str = "snapshot.json";
const LINKS: &str = "links.json";
const DESCRIBES: &str = "salesforce/describe";
const RECORDS: &str = "salesforce/records";
const OBJECTS: &str = "m3ter";
const ORGANIZATION: &str = "m3ter/organizationconfig.json";
/// The largest file that is read: far above what a deal needs.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A snapshot, in memory.
#[derive(Debug, Clone)]
pub(in crate::command) struct Snapshot {
    pub(in crate::command) manifest: Manifest,
    pub(in crate::command) taken: Taken,
    /// Which objects of m3ter the database had for the records.
    pub(in crate::command) links: Vec<Link>,
    pub(in crate::command) mappings: Vec<MappingSource>,
}

/// What it is a snapshot of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::command) struct Manifest {
    pub(super) format_version: u64,
    pub(in crate::command) service_version: String,
    pub(in crate::command) taken_at: String,
    pub(super) salesforce_api_version: String,
    /// `COMMITMENT_BILLING`, if it was set.
    #[serde(default)]
    pub(in crate::command) commitment_billing: Option<String>,
    pub(in crate::command) records: Vec<TakenRecord>,
    /// Records that the integration user may not see.
    #[serde(default)]
    pub(super) hidden: Vec<String>,
}

/// A record that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::command) struct TakenRecord {
    pub(in crate::command) id: String,
    pub(in crate::command) object: String,
}

/// Refuses a folder that is there.
pub(super) fn check_new(folder: &Path) -> Result<(), String> {
    match fs::symlink_metadata(folder) {
        Ok(_) => Err(format!(
            "`{}` is there already; name another folder with --to, or remove it",
            folder.display()
        )),
        Err(_) => Ok(()),
    }
}

/// Writes the folder beside its place, and puts it there when it is complete.
pub(super) fn write(folder: &Path, snapshot: &Snapshot, replaced: &str) -> anyhow::Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let written = || -> std::io::Result<()> {
        let unfinished = tempfile::Builder::new()
            .prefix(".snapshot-")
            .tempdir_in(parent.unwrap_or(Path::new(".")))?;
        write_into(unfinished.path(), snapshot, replaced)?;
        fs::rename(unfinished.path(), folder)
    };
    written().with_context(|| {
        format!("`{}` could not be written, and nothing of it is left", folder.display())
    })
}

fn write_into(folder: &Path, snapshot: &Snapshot, replaced: &str) -> std::io::Result<()> {
    let Snapshot { manifest, taken, links, mappings } = snapshot;
    for below in [DESCRIBES, RECORDS, OBJECTS] {
        fs::create_dir_all(folder.join(below))?;
    }
    write_json(&folder.join(MANIFEST), manifest)?;
    write_json(&folder.join(LINKS), links)?;
    for (object, describe) in &taken.describes {
        write_json(&file_of(&folder.join(DESCRIBES), object), describe)?;
    }
    for (below, all) in [(RECORDS, &taken.records), (OBJECTS, &taken.objects)] {
        for (name, by_id) in all {
            let list: Vec<&Fields> = by_id.values().collect();
            write_json(&file_of(&folder.join(below), name), &list)?;
        }
    }
    if let Some(organization) = &taken.organization {
        write_json(&folder.join(ORGANIZATION), organization)?;
    }
    if !mappings.is_empty() {
        fs::create_dir(folder.join(FOLDER_OF_MAPPINGS))?;
    }
    for source in mappings {
        let name = Path::new(&source.name).file_name().unwrap_or_default();
        fs::write(folder.join(FOLDER_OF_MAPPINGS).join(name), &source.bytes)?;
    }
    fs::write(folder.join("README.md"), read_me(snapshot, replaced))
}

fn write_json(path: &Path, content: &impl Serialize) -> std::io::Result<()> {
    let mut text = serde_json::to_string_pretty(content)?;
    text.push('\n');
    fs::write(path, text)
}

/// The file of an object, or of a resource of m3ter, whose name may have a slash.
fn file_of(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("{}.json", name.replace('/', ".")))
}

fn read_me(snapshot: &Snapshot, replaced: &str) -> String {
    let Manifest { service_version, taken_at, records, .. } = &snapshot.manifest;
    let records: Vec<String> =
        records.iter().map(|record| format!("- {} `{}`", record.object, record.id)).collect();
    format!(
        "# A snapshot\n\nTaken {taken_at} by `sync-to-m3ter snapshot take`, version {service_version}: what a sync of these records reads.\n\n{}\n\n\
        `sync-to-m3ter sandbox --from FOLDER` serves it: an emulated org and an emulated m3ter organization that hold this and\n\
        nothing else.\n\n\
        | file | what is in it |\n| --- | --- |\n\
        | `snapshot.json` | the records, versions, `COMMITMENT_BILLING` |\n\
        | `salesforce/describe/` | of each object the fields and relationships that the integration user sees |\n\
        | `salesforce/records/` | of each object the records, with the fields that the mapping reads |\n\
        | `m3ter/` | of each kind the objects that were read, all plan templates among them, and what the organization has set |\n\
        | `links.json` | which object of m3ter the service's database had for which row |\n\
        | `mappings/` | the mapping files of your own that are in use |\n\n\
        ## What was replaced\n\n\
        {replaced}: each value by the same stand-in wherever it stands, in both systems. E-mail addresses, phone numbers,\n\
        addresses without state and country, names of people, Accounts, Contracts and deals, web pages, descriptions. IDs,\n\
        codes, products, prices, dates and other texts are as they were, but for what was replaced inside of them.\n\
        Who created an object, and geographic coordinates, are left out.\n\n\
        **Look through the files before you send them**: the name of a person or a customer in a field that is not made\n\
        for it is not recognised if it stands nowhere else.\n",
        records.join("\n")
    )
}

impl Snapshot {
    /// Reads a folder, or says what is wrong with it.
    pub(in crate::command) fn read(folder: &Path) -> Result<Self, String> {
        let manifest = folder.join(MANIFEST);
        if !manifest.is_file() {
            return Err(format!(
                "`{}` is not a snapshot: it has no `{}`; `sync-to-m3ter snapshot take RECORD_ID` makes one",
                folder.display(),
                manifest.display()
            ));
        }
        let read: Json = read_json(&manifest)?;
        if read["formatVersion"] != FORMAT_VERSION {
            return Err(of_another_version(&manifest, &read));
        }
        let manifest: Manifest = parsed(&manifest, read)?;
        let mut taken =
            Taken { hidden: manifest.hidden.iter().cloned().collect(), ..Taken::default() };
        for (object, describe) in files(&folder.join(DESCRIBES))? {
            taken.describes.insert(object, describe);
        }
        taken.records = lists(&folder.join(RECORDS), "Id")?;
        let organization = folder.join(ORGANIZATION);
        if organization.exists() {
            taken.organization = Some(read_json(&organization)?);
        }
        taken.objects = lists(&folder.join(OBJECTS), "id")?;
        let links = folder.join(LINKS);
        let links = if links.exists() { parsed(&links, read_json(&links)?)? } else { Vec::new() };
        Ok(Self { manifest, taken, links, mappings: Vec::new() })
    }
}

fn of_another_version(path: &Path, manifest: &Json) -> String {
    let version = manifest["serviceVersion"].as_str().filter(|version| version.len() <= 40);
    let way_on = match version {
        Some(version) => {
            format!("use version {version} of sync-to-m3ter, which took it, or take it again")
        }
        None => "take it again with `sync-to-m3ter snapshot take`".to_owned(),
    };
    match manifest["formatVersion"].as_u64() {
        Some(other) => format!(
            "`{}` is of the format {other}, and this version reads {FORMAT_VERSION}: {way_on}",
            path.display()
        ),
        None => format!("`{}` has no `formatVersion`: {way_on}", path.display()),
    }
}

/// The JSON files of a folder, by name without the ending.
fn files(folder: &Path) -> Result<BTreeMap<String, Json>, String> {
    let unreadable =
        |error: std::io::Error| format!("`{}` could not be read: {error}", folder.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "json")
            && path != folder.join("organizationconfig.json")
        {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, read_json(&path)?);
        }
    }
    Ok(files)
}

/// The lists of a folder; a dot in a file's name stands for a slash.
fn lists(folder: &Path, id: &str) -> Result<ById, String> {
    let mut lists = ById::new();
    for (name, list) in files(folder)? {
        let place = || format!("`{}`", file_of(folder, &name).display());
        let list = list.as_array().ok_or_else(|| format!("{} is not a list", place()))?;
        let mut by_id = BTreeMap::new();
        for (index, entry) in list.iter().enumerate() {
            let named =
                entry.as_object().and_then(|fields| Some((fields.get(id)?.as_str()?, fields)));
            let (own, fields) = named.ok_or_else(|| {
                format!("{}, number {}, is not an object with an `{id}`", place(), index + 1)
            })?;
            by_id.insert(own.to_owned(), fields.clone());
        }
        lists.insert(name.replace('.', "/"), by_id);
    }
    Ok(lists)
}

fn read_json(path: &Path) -> Result<Json, String> {
    let unreadable =
        |error: std::io::Error| format!("`{}` could not be read: {error}", path.display());
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let most = MAX_FILE_BYTES / 1024 / 1024;
        return Err(format!(
            "`{}` is larger than {most} MiB: no snapshot has such a file",
            path.display()
        ));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("`{}` is not JSON: {error}", path.display()))
}

fn parsed<T: DeserializeOwned>(path: &Path, json: Json) -> Result<T, String> {
    serde_json::from_value(json)
        .map_err(|error| format!("`{}` is not as it was written: {error}", path.display()))
}
