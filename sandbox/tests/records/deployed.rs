//! Every field that an admin deploys from `salesforce/` is in the org.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::org::{Org, described};

/// The text of an element of a metadata file.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

fn field_files(directory: &Path) -> Vec<PathBuf> {
    let entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    let (below, files): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .filter(|path| !path.ends_with("node_modules"))
        .partition(|path| path.is_dir());
    let own = files.into_iter().filter(|path| path.to_string_lossy().ends_with(".field-meta.xml"));
    below.iter().flat_map(|path| field_files(path)).chain(own).collect()
}

#[tokio::test]
async fn the_org_has_every_field_that_is_deployed() {
    let org = Org::new().await;
    let files =
        field_files(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("salesforce"));
    assert!(files.len() > 90, "{} fields", files.len());
    for path in files {
        let object = path
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let xml = fs::read_to_string(&path).unwrap();
        let text = |name: &str| element(&xml, name).unwrap_or_default().trim().to_owned();
        let name = text("fullName");
        let describe = org.describe(&object).await;
        let field = described(&describe, &name);
        let declared = text("type");
        let kind = match declared.as_str() {
            "Text" => "string",
            "LongTextArea" => "textarea",
            "Number" => "double",
            "Checkbox" => "boolean",
            "DateTime" => "datetime",
            other => other,
        }
        .to_lowercase();
        assert_eq!(field["type"], json!(kind), "{object}.{name}");
        for (element, property) in
            [("length", "length"), ("precision", "precision"), ("scale", "scale")]
        {
            if let Ok(number) = text(element).parse::<u32>() {
                assert_eq!(field[property], json!(number), "{object}.{name}: {property}");
            }
        }
        assert_eq!(
            field["externalId"] == json!(true),
            text("externalId") == "true",
            "{object}.{name}"
        );
        assert_eq!(
            field["nillable"] == json!(false),
            kind == "boolean" || text("required") == "true",
            "{object}.{name}"
        );
        if kind == "picklist" {
            let values: Vec<&str> = xml
                .split("<value>")
                .skip(1)
                .filter_map(|value| element(value, "fullName"))
                .collect();
            let known: Vec<&str> = field["picklistValues"]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value["value"].as_str().unwrap())
                .collect();
            assert_eq!(known, values, "{object}.{name}");
            assert_eq!(
                field["restrictedPicklist"] == json!(true),
                text("restricted") == "true",
                "{object}.{name}"
            );
        }
    }
}
