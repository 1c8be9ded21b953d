//! Files that are not what a command takes: workbooks, folders, empty ones, many wrong lines.

use crate::operations::commands::{make_database, run, run_with};
use crate::support::*;

const COMMANDS: [&[&str]; 8] = [
    &["verify", "--file", "FILE"],
    &["adopt", "FILE"],
    &["keys", "list", "--file", "FILE"],
    &["mapping", "explain", "FILE", "contract.endDate"],
    &["mapping", "import", "FILE"],
    &["mapping", "check", "FILE"],
    &["sandbox", "--records", "FILE", "--port", "0", "--salesforce-port", "0", "--m3ter-port", "0"],
    &["runs", "list", "--env-file", "FILE"],
];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_text_is_told_as_that() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    make_database(directory.path()).await;
    let file = directory.path().join("given.json");
    for (bytes, words) in [
        (
            &b"PK\x03\x04\x14\x00\x06\x00\xd0\xff"[..],
            "an Excel workbook or another archive, not text",
        ),
        (b"\xff\xfeI\0d\0", "is text in UTF-16"),
        (b"Id\nM\xfcller\n", "UTF-8"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        for command in COMMANDS {
            let path = file.to_str().unwrap();
            let arguments: Vec<&str> =
                command.iter().map(|word| if *word == "FILE" { path } else { word }).collect();
            let (code, text) = run(&world, directory.path(), &arguments).await;
            assert!(matches!(code, 1 | 2) && text.contains(words), "{arguments:?}: {code} {text}");
            assert!(!text.contains("stream did not"), "{arguments:?}: {text}");
        }
    }
}

/// Each says what to give in its place.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_where_something_else_must_is_told_as_that() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    make_database(directory.path()).await;
    let folder = directory.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    let ids = directory.path().join("ids.txt");
    std::fs::write(&ids, DEAL).unwrap();
    let ids = ids.to_str().unwrap();
    let empty = directory.path().join("empty.csv");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    for (arguments, words) in [
        (&["sync", ids][..], "is a file and not a record: `- < "),
        (&["snapshot", "take", ids], "is a file and not a record: `- < "),
        (&["verify", "--file", folder], "is a folder: name a file in it"),
        (&["verify", "--file", empty], "has no ID: give one a line, or CSV with a column `Id`"),
        (&["adopt", empty], "has no ID: give one a line, or CSV with a column `Id`"),
        (&["mapping", "check", folder], "is a folder: --mappings-dir "),
        (&["mapping", "import", folder], "is a folder: name a file in it"),
    ] {
        let (code, text) = run(&world, directory.path(), arguments).await;
        assert!(code == 2 && text.contains(words), "{arguments:?}: {code} {text}");
    }
    for (file, words) in [
        (folder, "is a directory; `DATABASE_URL` must name the database file in it"),
        (empty, "there is no database at `"),
    ] {
        let url = [("DATABASE_URL", format!("sqlite://{file}"))];
        let url = url.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (code, text) = run_with(&world, directory.path(), &["runs", "list"], &url).await;
        assert!(code == 2 && text.contains(words), "{file}: {code} {text}");
    }
    assert_eq!(std::fs::read(empty).unwrap(), b"", "no database was made of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_wrong_lines_of_a_file_are_named_up_to_a_bound() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    make_database(directory.path()).await;
    let file = directory.path().join("ids.csv");
    let path = file.to_str().unwrap();
    for (text, words) in [
        (format!("{DEAL}\nabc\ndef\n"), ["line 2: `abc`", "line 3: `def`"]),
        ("x\n".repeat(300), ["line 20: `x`", "and 280 more"]),
    ] {
        std::fs::write(&file, text).unwrap();
        for arguments in [&["verify", "--file", path][..], &["adopt", path]] {
            let (code, text) = run(&world, directory.path(), arguments).await;
            assert_eq!(code, 2, "{arguments:?}: {text}");
            assert!(words.iter().all(|words| text.contains(words)), "{arguments:?}: {text}");
        }
    }
}
