//! Mapping files that hold only what differs from another one.

use serde_json::json;
use sync_to_m3ter::domain::org_schema::OrgSchema;
use sync_to_m3ter::domain::settings::{PricingChange, RemovedLines};
use sync_to_m3ter::mapping::{Mapping, MappingFault, MappingSource, Mappings};

use crate::operations::commands::run;
use crate::support::*;

const USAGE_DEAL: &str = include_str!("../mappings/usage_deal.toml");
const OPPORTUNITY: &str = include_str!("../../../mappings/opportunity.toml");

fn parse(files: &[(&str, &str)]) -> Result<Mappings, Vec<MappingFault>> {
    let sources = files.iter().map(|(name, text)| MappingSource {
        name: (*name).to_owned(),
        bytes: text.as_bytes().to_vec(),
    });
    Mappings::parse(&sources.collect::<Vec<_>>())
}

/// Sources of a field, one for each object that has it.
fn sources(mapping: &Mapping, object: &str, field: &str) -> Vec<String> {
    let fields = mapping
        .describe(None)
        .into_iter()
        .filter(|shown| shown.object.starts_with(&format!("{object} of")) && shown.field == field);
    fields.map(|shown| shown.source).collect()
}

/// Kinds of object that a mapping makes.
fn kinds(mapping: &Mapping) -> Vec<String> {
    let mut kinds: Vec<String> = mapping
        .describe(None)
        .into_iter()
        .map(|shown| shown.object.split(' ').next().unwrap().to_owned())
        .collect();
    kinds.dedup();
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_synced_as_the_overlay_says_and_for_the_rest_as_the_built_in_mapping() {
    let directory = tempfile::tempdir().unwrap();
    let overlay = "extends = \"Opportunity\"\nremove = [\"commitment\", \"account.address\"]\n\n\
                   [contract]\nendDate = { field = \"End_Date__c\", add_months = 12 }\n";
    std::fs::write(directory.path().join("own.toml"), overlay).unwrap();
    let world =
        World::with_config(move |config| config.mappings_dir = Some(directory.path().to_owned()))
            .await;
    let result = world.sync(DEAL).await;
    assert_all(&result, "created");
    assert_eq!(
        actions(&result),
        ["Account", "Contract", "Plan", "Pricing", "AccountPlan"]
            .map(|name| format!("{name} created"))
    );
    let (account, contract) =
        (world.object("accounts", "code", ACCOUNT), world.object("contracts", "code", DEAL));
    assert_eq!((account.get("address"), &account["daysBeforeBillDue"]), (None, &json!(30)));
    assert_fields!(contract, { "endDate": "2027-12-31", "purchaseOrderNumber": "PO-2026-001" });
    assert_all(&world.sync(DEAL).await, "unchanged");
}

#[test]
fn an_overlay_without_anything_is_the_mapping_that_it_extends() {
    let built_in = Mappings::parse(&[]).unwrap();
    for root in Mappings::built_in_roots() {
        let overlay = parse(&[(
            "own.toml",
            &format!("# Nothing differs.\n\nextends = \"{}\"", root.to_lowercase()),
        )])
        .unwrap();
        let (own, extended) = (overlay.for_root(root).unwrap(), built_in.for_root(root).unwrap());
        assert_eq!(
            (own.root(), own.file(), own.extended()),
            (root, "own.toml", vec![extended.file()])
        );
        // The lines among it, and their files.
        assert_eq!(own.describe(None), extended.describe(None));
        assert!(
            !own.is_built_in()
                && own.settings().pricing_change == extended.settings().pricing_change
        );
    }
}

#[test]
fn tables_are_merged_by_key_and_values_are_replaced_as_a_whole() {
    let overlay = "extends = \"Opportunity\"\npricing_change = \"report\"\ncurrency = \"EUR\"\n\
                   only_when = { field = \"IsWon\", is = true }\n\
                   [lines]\norder_by = \"Name\"\n\
                   [rows.rates]\nof = \"lines\"\nrelationship = \"Rates__r\"\nsobject = \"Rate__c\"\n\
                   [account]\naddress = { street = \"Street__c\" }\n\
                   [plan]\nname = { value = \"Plan\" }\n\
                   [pricing]\npricingBands = { each = \"rates\", lowerLimit = \"From__c\", unitPrice = \"Price__c\" }\n";
    let mappings = parse(&[("own.toml", overlay)]).unwrap();
    let mapping = mappings.for_root("Opportunity").unwrap();
    let settings = mapping.settings();
    assert_eq!(
        (settings.pricing_change, settings.removed_lines),
        (PricingChange::Report, RemovedLines::Warn)
    );
    assert_eq!(settings.currency.as_deref(), Some("EUR"));
    assert_eq!(sources(mapping, "Plan", "name"), ["`Plan`"]);
    assert_eq!(sources(mapping, "Plan", "code"), ["OpportunityLineItem.Id"]);
    // An address is one value: its other parts are not those of the built-in one.
    assert_eq!(sources(mapping, "Account", "address"), ["street: Opportunity.Street__c"]);
    assert_eq!(
        sources(mapping, "Pricing", "pricingBands"),
        ["for each row of `rates`: lowerLimit: Rate__c.From__c; unitPrice: Rate__c.Price__c"]
    );
    // What the table of rows does not say is what it was: another object of lines would be one
    // without a parent.
    assert!(sources(mapping, "AccountPlan", "startDate")[0].contains("Opportunity.CloseDate"));
}

#[test]
fn several_tables_of_a_kind_take_the_place_of_all_that_were_there() {
    let pricing = |key: &str| {
        format!(
            "[[pricing]]\nrows = \"lines\"\nkey = {{ value = \"{key}\" }}\nplanId = {{ this = \"plan\" }}\n\
             aggregationId = {{ lookup = \"aggregation\", code = \"{key}__c\" }}\nstartDate = \"CloseDate\"\npricingBands = {{ unit_price = \"UnitPrice\" }}\n"
        )
    };
    let two = format!("extends = \"Opportunity\"\n{}{}", pricing("A"), pricing("B"));
    let mappings = parse(&[("own.toml", &two)]).unwrap();
    let mapping = mappings.for_root("Opportunity").unwrap();
    assert_eq!(sources(mapping, "Pricing", "aggregationId").len(), 2);
    assert!(
        sources(mapping, "Pricing", "cumulative").is_empty(),
        "nothing is left of the built-in table"
    );
    // Removed and written anew, one table takes the place of another as a whole, too.
    let one = "extends = \"Opportunity\"\nremove = [\"pricing\"]\n".to_owned()
        + &pricing("A").replace("[[pricing]]", "[pricing]");
    let mappings = parse(&[("own.toml", &one)]).unwrap();
    let mapping = mappings.for_root("Opportunity").unwrap();
    assert_eq!(
        (
            sources(mapping, "Pricing", "aggregationId").len(),
            sources(mapping, "Pricing", "cumulative").len()
        ),
        (1, 0)
    );
}

#[test]
fn a_file_may_extend_an_operators_own_one_and_that_one_another() {
    let base = ("base.toml", USAGE_DEAL);
    let country = (
        "country.toml",
        "root = \"Country_Deal__c\"\nextends = \"Usage_Deal__c\"\nremoved_lines = \"end\"\n[contract]\nname = \"Long_Name__c\"\n",
    );
    let last = (
        "a_last.toml",
        "extends = \"Country_Deal__c\"\nroot = \"City_Deal__c\"\n[contract]\ndescription = \"City__c\"\n",
    );
    let mappings = parse(&[last, base, country]).unwrap();
    let mapping = mappings.for_root("City_Deal__c").unwrap();
    assert_eq!(
        (mapping.file(), mapping.extended()),
        ("a_last.toml", vec!["country.toml", "base.toml"])
    );
    assert_eq!(mapping.settings().removed_lines, RemovedLines::End);
    assert_eq!(sources(mapping, "Contract", "name"), ["City_Deal__c.Long_Name__c"]);
    assert_eq!(kinds(mapping), kinds(mappings.for_root("Usage_Deal__c").unwrap()));
    let places: Vec<String> = mapping
        .describe(None)
        .into_iter()
        .filter(|shown| shown.object.starts_with("Contract"))
        .map(|shown| shown.place)
        .collect();
    assert!(
        places.contains(&"country.toml, line 5".to_owned())
            && places.contains(&"a_last.toml, line 4".to_owned()),
        "{places:?}"
    );
    // An own file of an object goes before the built-in one, also for files that extend it.
    let own = ("own.toml", "extends = \"Opportunity\"\n[plan]\nname = { value = \"Own\" }\n");
    let sibling = ("sibling.toml", "root = \"Order\"\nextends = \"Opportunity\"\n");
    let mappings = parse(&[sibling, own]).unwrap();
    assert_eq!(sources(mappings.for_root("Order").unwrap(), "Plan", "name"), ["`Own`"]);
}

#[test]
fn product_rules_stand_beside_what_is_extended() {
    let rule = "extends = \"Opportunity\"\n\n[[product_rule]]\nproduct = \"A\"\nplan_template = \"A_EUR\"\n";
    let mappings = parse(&[("own.toml", rule)]).unwrap();
    let codes = |mappings: &Mappings| mappings.for_root("Opportunity").unwrap().named_codes();
    assert!(codes(&mappings).iter().any(|(_, codes)| codes.contains("A_EUR")));
    // The same from a file for all mappings.
    let shared = "[[product_rule]]\nproduct = \"B\"\nplan_template = \"B_EUR\"\n";
    let mappings = parse(&[("own.toml", rule), ("rules.toml", shared)]).unwrap();
    assert!(
        ["A_EUR", "B_EUR"]
            .iter()
            .all(|code| codes(&mappings).iter().any(|(_, codes)| codes.contains(*code)))
    );
}

/// The names and texts of files, in which one and at which line something is wrong, and what is
/// said.
type Faulty = (&'static [(&'static str, &'static str)], &'static str, usize, &'static str);

const FAULTS: [Faulty; 14] = [
    (
        &[("own.toml", "\nextends = \"Oportunity\"")],
        "own.toml",
        2,
        "there is no other mapping of `Oportunity`",
    ),
    (&[("own.toml", "\nextends = \"Oportunity\"")], "own.toml", 2, "did you mean `Opportunity`?"),
    (&[("own.toml", "extends = 7")], "own.toml", 1, "a text is expected"),
    (
        &[("own.toml", "root = \"A__c\"\nextends = \"A__c\"")],
        "own.toml",
        2,
        "there is no other mapping of `A__c`",
    ),
    (
        &[
            ("a.toml", "root = \"A__c\"\nextends = \"B__c\""),
            ("b.toml", "root = \"B__c\"\n\nextends = \"A__c\""),
        ],
        "b.toml",
        3,
        "in a circle: a.toml, b.toml, a.toml",
    ),
    (
        &[("a.toml", "extends = \"Order\"\n\n[plan]\nnmae = \"Name\"")],
        "a.toml",
        4,
        "Plan has no such field in m3ter",
    ),
    (
        &[("a.toml", "extends = \"Order\"\nextend = 1")],
        "a.toml",
        2,
        "this key is not known here; did you mean `extends`?",
    ),
    (
        &[("a.toml", "extends = \"Order\"\nremove = [\"commitmnet\"]")],
        "a.toml",
        2,
        "no `commitmnet`; did you mean `commitment`?",
    ),
    (
        &[("a.toml", "extends = \"Order\"\nremove = [\"plan.nmae\"]")],
        "a.toml",
        2,
        "no `plan.nmae`; did you mean `name`?",
    ),
    (
        &[("a.toml", "extends = \"Order\"\nremove = [\"root.a\"]")],
        "a.toml",
        2,
        "`root` can only be removed as a whole",
    ),
    (
        &[("a.toml", "extends = \"Order\"\nremove = \"plan\"")],
        "a.toml",
        2,
        "a list with at least one entry is expected",
    ),
    (&[("a.toml", "extends = \"Order\"\nremove = [1]")], "a.toml", 2, "a text is expected"),
    (
        &[("a.toml", "root = \"A\"\nremove = [\"plan\"]\n[account]\nname = \"Name\"")],
        "a.toml",
        2,
        "there is nothing to remove from",
    ),
    (
        &[("a.toml", "extends = \"Order\""), ("b.toml", "extends = \"order\"")],
        "b.toml",
        1,
        "`Order` is already mapped in a.toml",
    ),
];

#[test]
fn faults_of_overlays_say_where_and_what_to_do() {
    for (files, file, line, words) in FAULTS {
        let faults = parse(files).unwrap_err();
        let is_it = |fault: &&MappingFault| {
            fault.file == file && fault.line == line && fault.to_string().contains(words)
        };
        assert!(faults.iter().any(|fault| is_it(&fault)), "{files:?}: {faults:?}");
        assert!(faults.iter().all(|fault| !fault.hint.is_empty()), "{faults:?}");
    }
}

#[test]
fn a_fault_of_an_inherited_part_names_its_own_file_and_line_and_who_extends_it() {
    let faults =
        parse(&[("own.toml", "# No Plans.\nextends = \"Opportunity\"\nremove = [\"plan\"]\n")])
            .unwrap_err();
    assert!(!faults.is_empty());
    for fault in faults {
        let line = OPPORTUNITY.lines().nth(fault.line - 1).unwrap();
        assert!(
            fault.file == "mappings/opportunity.toml" && line.contains("this = \"plan\""),
            "{fault}: {line}"
        );
        assert!(
            fault.message.contains("which the file does not map")
                && fault.hint.ends_with("in own.toml, which extends this"),
            "{fault}"
        );
    }
    // A fault of an own file is told once, however many extend it.
    let broken = (
        "base.toml",
        "root = \"A__c\"\n[account]\nname = \"Name\"\ncode = \"Id\"\nemailAdress = \"Mail__c\"\n",
    );
    let above = ("z.toml", "root = \"B__c\"\nextends = \"A__c\"\n");
    let faults = parse(&[broken, above]).unwrap_err();
    assert_eq!(
        faults.iter().filter(|fault| fault.message.contains("no such field")).count(),
        1,
        "{faults:?}"
    );
}

#[test]
fn what_the_org_lacks_is_named_by_the_file_that_asks_for_it() {
    let overlay = "extends = \"Opportunity\"\n\n[contract]\nname = \"Long_Name__c\"\n";
    let mappings = parse(&[("own.toml", overlay)]).unwrap();
    let faults =
        mappings.for_root("Opportunity").unwrap().query(&OrgSchema::default()).unwrap_err();
    for fault in &faults {
        let text = if fault.file == "own.toml" { overlay } else { OPPORTUNITY };
        let line = text.lines().nth(fault.line - 1).unwrap();
        let name = fault.message.split('`').nth(1).unwrap().rsplit('.').next().unwrap();
        assert!(line.contains(name) || line == "[lines]", "{fault}: {line}");
        assert!(
            fault.message.contains(&format!("({}, line {})", fault.file, fault.line)),
            "{fault}"
        );
    }
    assert!(faults.iter().any(|fault| fault.file == "own.toml" && fault.line == 4), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.file == "mappings/opportunity.toml"), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_built_in_mapping_is_exported_as_it_is_and_an_effective_one_shown_with_its_lines() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (code, exported) =
        run(&world, directory.path(), &["mapping", "export", "opportunity"]).await;
    assert_eq!((code, exported.as_str()), (0, OPPORTUNITY));
    let (code, unknown) = run(&world, directory.path(), &["mapping", "export", "Lead"]).await;
    assert!(
        code == 2
            && unknown.contains("only for Account, Contract, Opportunity, Order, SBQQ__Quote__c"),
        "{unknown}"
    );
    let own = directory.path().join("own.toml");
    std::fs::write(&own, "extends = \"Opportunity\"\npricing_change = \"report\"\n[contract]\nname = { value = \"Neutral\" }\n").unwrap();
    let own_directory = directory.path().display().to_string();
    let (code, shown) = run(
        &world,
        directory.path(),
        &["mapping", "show", "Opportunity", "--mappings-dir", &own_directory],
    )
    .await;
    assert!(
        code == 0 && shown.contains("own.toml, which extends mappings/opportunity.toml)"),
        "{shown}"
    );
    assert!(
        shown.contains("Neutral")
            && shown.contains("line 4")
            && shown.contains("M3ter_PO_Number__c"),
        "{shown}"
    );
    for choice in [
        "commitment_billing: paid_outside",
        "pricing_change: report",
        "removed_lines: warn",
        "account_plan.overlap: report",
    ] {
        assert!(shown.contains(choice), "{choice}: {shown}");
    }
    let (code, checked) =
        run(&world, directory.path(), &["mapping", "check", &own.display().to_string()]).await;
    assert!(code == 0 && checked.contains("is well-formed"), "{checked}");
}
