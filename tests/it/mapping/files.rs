//! Mapping files as an admin writes them: every example of the manual is one, and what is broken
//! says where and what to do.

use sync_to_m3ter::app::App;
use sync_to_m3ter::command::sandbox;
use sync_to_m3ter::mapping::{MAX_FILE_BYTES, MappingSource, Mappings};
use sync_to_m3ter::sync::{Readiness, Scope};
use sync_to_m3ter_sandbox::{m3ter, salesforce};

const MANUAL: &str = include_str!("../../../docs/mapping.md");
const USAGE_DEAL: &str = include_str!("../mappings/usage_deal.toml");
const OPPORTUNITY: &str = include_str!("../../../mappings/opportunity.toml");
const CONTRACT: &str = include_str!("../../../mappings/contract.toml");
const ORDER: &str = include_str!("../../../mappings/order.toml");
const LANGUAGE: &str = include_str!("../mappings/language.toml");

fn parse(bytes: &[u8]) -> Result<Mappings, Vec<sync_to_m3ter::mapping::MappingFault>> {
    Mappings::parse(&[MappingSource { name: "own.toml".to_owned(), bytes: bytes.to_vec() }])
}

#[test]
fn every_example_of_the_manual_is_a_mapping() {
    let examples: Vec<&str> =
        MANUAL.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 6);
    for example in examples {
        if let Err(faults) = parse(example.as_bytes()) {
            panic!("{faults:#?}\n{example}");
        }
    }
}

/// What stands in a file for a good value, and what a hostile or careless hand puts there.
const HOSTILE_NAMES: [&str; 12] = [
    "Id FROM User)--",
    "Name' OR Id != '",
    "Id, (SELECT Id FROM Contacts)",
    "Account.Name; DELETE",
    "",
    " ",
    "1Name",
    "Näme",
    "a.b.c.d.e.f.g.h",
    "Name\\nFROM",
    "COUNT()",
    "x${y}",
];

/// Every place of a file where a name goes into the query: a good file, what stands there, and what
/// a hostile hand puts there.
const NAME_PLACES: [(&str, &str, &str); 41] = [
    (USAGE_DEAL, "root = \"Usage_Deal__c\"", "root = \"@\""),
    (USAGE_DEAL, "relationship = \"Usage_Lines__r\"", "relationship = \"@\""),
    (USAGE_DEAL, "sobject = \"Usage_Line__c\"", "sobject = \"@\""),
    (USAGE_DEAL, "parent = \"Usage_Deal__r\"", "parent = \"@\""),
    (USAGE_DEAL, "order_by = \"Start__c\"", "order_by = \"@\""),
    (USAGE_DEAL, "order_by = \"Start__c\"", "order_by = \"Start__c, @\""),
    (USAGE_DEAL, "leave_out = \"Inactive__c\"", "leave_out = \"@\""),
    (USAGE_DEAL, "row = \"Account__c\"", "row = \"@\""),
    (USAGE_DEAL, "sobject = \"Account\"", "sobject = \"@\""),
    (USAGE_DEAL, "name = \"Account__r.Name\"", "name = \"@\""),
    (USAGE_DEAL, "field = \"Priority__c\"", "field = \"@\""),
    (USAGE_DEAL, "add_months = \"Months__c\"", "add_months = \"@\""),
    (USAGE_DEAL, "lowerLimit = \"From__c\"", "lowerLimit = \"@\""),
    (USAGE_DEAL, "only_when = { field = \"Account__c\"", "only_when = { field = \"@\""),
    (USAGE_DEAL, "deal_currency = \"CurrencyIsoCode\"", "deal_currency = \"@\""),
    (USAGE_DEAL, "key = \"Key__c\"", "key = \"@\""),
    (USAGE_DEAL, "region = \"Usage_Line__r.Region__c\"", "region = \"@\""),
    (USAGE_DEAL, "billing_frequency = \"Billing_Frequency__c\"", "billing_frequency = \"@\""),
    (USAGE_DEAL, "date = \"Date__c\"", "date = \"@\""),
    (USAGE_DEAL, "when = { field = \"Tier__c\"", "when = { field = \"@\""),
    (USAGE_DEAL, "concat = [\"Account__r.Name\"", "concat = [\"@\""),
    (OPPORTUNITY, "product = \"Product2.ProductCode\"", "product = \"@\""),
    (OPPORTUNITY, "write_back = \"M3ter_Plan_Id__c\"", "write_back = \"@\""),
    (OPPORTUNITY, "status = \"M3ter_Sync_Status__c\"", "status = \"@\""),
    (OPPORTUNITY, "synced_at = \"M3ter_Synced_At__c\"", "synced_at = \"@\""),
    (OPPORTUNITY, "skip = { field = \"M3ter_Skip_Plan__c\"", "skip = { field = \"@\""),
    (OPPORTUNITY, "joins_by = { field = \"M3ter_Contract_Code__c\"", "joins_by = { field = \"@\""),
    (
        OPPORTUNITY,
        "billing_line = { field = \"M3ter_Bills_Commitment__c\"",
        "billing_line = { field = \"@\"",
    ),
    (OPPORTUNITY, "street = \"Account.BillingStreet\"", "street = \"@\""),
    (OPPORTUNITY, "months = \"M3ter_Term_Months__c\"", "months = \"@\""),
    (OPPORTUNITY, "bands_text = \"M3ter_Price_Bands__c\"", "bands_text = \"@\""),
    (OPPORTUNITY, "unit_price = \"M3ter_Unit_Price__c\"", "unit_price = \"@\""),
    (OPPORTUNITY, "discount_percent = \"Discount\"", "discount_percent = \"@\""),
    (CONTRACT, "{ field = \"SBQQ__RevisedSubscription__r.SBQQ__NetPrice__c\"", "{ field = \"@\""),
    (CONTRACT, "per = \"SBQQ__ProrateMultiplier__c\"", "per = \"@\""),
    (CONTRACT, "field = \"SBQQ__Type__c\", only_row_of", "field = \"@\", only_row_of"),
    (ORDER, "joins_with = { field = \"ContractId\"", "joins_with = { field = \"@\""),
    (LANGUAGE, "times = \"Tier_2_From__c\"", "times = \"@\""),
    (LANGUAGE, "less_percent = \"Discount__c\"", "less_percent = \"@\""),
    (LANGUAGE, "latest = [\"Start__c\"", "latest = [\"@\""),
    (LANGUAGE, "add_days = \"Months__c\"", "add_days = \"@\""),
];

/// One wrong thing each, in a file that is good otherwise.
const MUTATIONS: [(&str, &str); 65] = [
    ("root = \"Usage_Deal__c\"", ""),
    ("root = \"Usage_Deal__c\"", "rooot = \"Usage_Deal__c\""),
    ("root = \"Usage_Deal__c\"", "root = 7"),
    ("root = \"Usage_Deal__c\"", "root = \"Usage_Deal__c\"\nroot = \"Usage_Deal__c\""),
    ("root = \"Usage_Deal__c\"", "root = \"Usage_Deal__c\"\ncurrency = \"dollars\""),
    ("root = \"Usage_Deal__c\"", "root = \"Usage_Deal__c\"\ntime_zone = \"Mars/Olympus\""),
    ("root = \"Usage_Deal__c\"", "root = \"Usage_Deal__c\"\npricing_change = \"sometimes\""),
    ("root = \"Usage_Deal__c\"", "root = \"Usage_Deal__c\"\ncommitment_billing = true"),
    ("root = \"Usage_Deal__c\"", "root = \"Usage_Deal__c\"\nsync_status = \"Status__c\""),
    (
        "root = \"Usage_Deal__c\"",
        "root = \"Usage_Deal__c\"\nsync_status = { message = \"Message__c\" }",
    ),
    (
        "root = \"Usage_Deal__c\"",
        "root = \"Usage_Deal__c\"\nsync_status = { status = \"Account__r.Status__c\" }",
    ),
    (
        "root = \"Usage_Deal__c\"",
        "root = \"Usage_Deal__c\"\nsync_status = { status = \"Status__c\", synced_at = 7 }",
    ),
    (
        "root = \"Usage_Deal__c\"",
        "root = \"Usage_Deal__c\"\nsync_status = { status = \"Status__c\", time = \"At__c\" }",
    ),
    ("only_when = {", "only_when = { is = true, "),
    ("blank = false }", "blank = \"no\" }"),
    ("blank = false }", "}\nonly_wen = 1"),
    ("blank = false }", "blank = false, is = true }"),
    ("blank = false }", "above = \"x\" }"),
    ("blank = false }", "in = [] }"),
    ("blank = false }", "in = \"x\" }"),
    ("blank = false }", "message = 1 }"),
    ("[lines]", "[[lines]]"),
    ("of = \"lines\"", "of = \"rates\""),
    ("of = \"lines\"", "of = \"nothing\""),
    ("of = \"lines\"", "off = \"lines\""),
    ("of = \"meters\"", "of = \"rates\""),
    ("[rows.fees]", "[rows.root]"),
    ("[rows.fees]", "[rows.\"a b\"]"),
    ("order_by = \"Start__c\"", "order_by = \"Start__c SIDEWAYS\""),
    ("order_by = \"Start__c\"", "order_by = 1"),
    ("rows = \"years\"", "rows = \"yaers\""),
    ("rows = \"meters\"", "rows = \"rates\"\nkey = \"From__c\""),
    ("rows = \"meters\"", "rows = [\"meters\"]"),
    ("emailAddress = ", "emailAdress = "),
    ("priority = { field = \"Priority__c\", clear = true }", "priority = []"),
    ("clear = true }", "clear = \"yes\" }"),
    ("lower = true }", "loewr = true }"),
    ("lower = true }", "lower = 1 }"),
    ("source = { value = \"usage deal\" }", "source = { }"),
    ("source = { value = \"usage deal\" }", "source = { value = \"a\", field = \"b\" }"),
    ("map = { Gold = 3, \"*\" = 1 }", "map = { }"),
    ("map = { Gold = 3, \"*\" = 1 }", "map = { Gold = 3, gold = 1 }"),
    ("map = { Gold = 3, \"*\" = 1 }", "map = [1]"),
    ("separator = \" / \"", "separator = 1"),
    ("split = { at = \"-\", part = 1 }", "split = { at = \"\", part = 1 }"),
    ("split = { at = \"-\", part = 1 }", "split = { at = \"-\", part = 0 }"),
    ("divided_by = 81, round = 2", "divided_by = 81"),
    ("divided_by = 81, round = 2", "divided_by = 0, round = 2"),
    ("divided_by = 81, round = 2", "divided_by = 0x51, round = 2"),
    ("round = 2", "round = -1"),
    ("round = 2", "round = { decimals = 2, mode = \"sideways\" }"),
    ("date_in = \"Europe/Berlin\"", "date_in = true"),
    ("lookup = \"bill_grouping_key\"", "lookup = \"product\""),
    ("lookup = \"bill_grouping_key\"", "lookup = \"keys\""),
    ("code = \"Billing_Group__c\" }", "}"),
    ("usageFilters = { list = [", "usageFilters = { list = [7, "),
    ("mode = { value = \"INCLUDE\" }", "mode = { value = \"MAYBE\" }"),
    ("mode = { value = \"INCLUDE\" }", "mod = { value = \"INCLUDE\" }"),
    ("feeDates = { each = \"fees\"", "feeDates = { each = \"rates\""),
    ("feeDates = { each = \"fees\", date = \"Date__c\",", "feeDates = { each = \"fees\","),
    ("contractId = { this = \"contract\" }", "contractId = { this = \"account\" }"),
    (
        "startDate = { same_as = \"account_plan.startDate\" }",
        "startDate = { same_as = \"pricing.startDate\" }",
    ),
    (
        "startDate = { same_as = \"account_plan.startDate\" }",
        "startDate = { same_as = \"account_plan.nothing\" }",
    ),
    ("cumulative = { value = true }", "cumulative = { value = \"true\" }"),
    ("by_product = true", "by_product = \"yes\""),
];

/// The same in the built-in mappings.
const BUILT_IN_MUTATIONS: [(&str, &str, &str); 8] = [
    (CONTRACT, "attention = \"PRICE_PRORATED\"", "attention = \"PRICE_PROORATED\""),
    (CONTRACT, "unless_equal = [", "unless_equal = [\"Name\", "),
    (CONTRACT, "per = \"SBQQ__ProrateMultiplier__c\"", "pro = \"SBQQ__ProrateMultiplier__c\""),
    (CONTRACT, "message = \"The amendment", "massage = \"The amendment"),
    (CONTRACT, "warn = { message = ", "warn = { when = "),
    (ORDER, "joins_with = { field = \"ContractId\"", "joins_with = { field = \"Contract.Id\""),
    (ORDER, "joins_with = { field = \"ContractId\", optional = true }", "joins_with = true"),
    (ORDER, "[commitment]", "[commitment]\njoins_with = \"ContractId\""),
];

fn mutated(text: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(text.contains(from), "the good file has no `{from}`");
    text.replacen(from, to, 1).into_bytes()
}

/// Files with a fault each: what is wrong, and the file.
fn broken_files() -> Vec<(String, Vec<u8>)> {
    let mut broken: Vec<(String, Vec<u8>)> = Vec::new();
    for (from, to) in MUTATIONS {
        broken.push((to.to_owned(), mutated(USAGE_DEAL, from, to)));
    }
    for (good, from, to) in BUILT_IN_MUTATIONS {
        broken.push((to.to_owned(), mutated(good, from, to)));
    }
    for (good, from, to) in NAME_PLACES {
        for hostile in HOSTILE_NAMES {
            broken.push((
                format!("{to} with {hostile}"),
                mutated(good, from, &to.replace('@', hostile)),
            ));
        }
    }
    broken.push(("not UTF-8".to_owned(), [USAGE_DEAL.as_bytes(), b"\n# \xff\xfe"].concat()));
    broken.push(("huge".to_owned(), vec![b'#'; MAX_FILE_BYTES + 1]));
    broken.push(("empty".to_owned(), Vec::new()));
    broken.push((
        "deep".to_owned(),
        format!("root = {}{}", "[".repeat(5_000), "]".repeat(5_000)).into_bytes(),
    ));
    broken.push(("a control character".to_owned(), b"root = \"A\x00\"".to_vec()));
    let start = "startDate = { first = [{ field = \"M3ter_Start_Date__c\", optional = true }, \"CloseDate\"] }";
    let circle = String::from_utf8(mutated(
        OPPORTUNITY,
        start,
        "startDate = { same_as = \"contract.endDate\" }\n",
    ))
    .unwrap();
    // The circle is one only where the end asks for the start.
    let end = (
        "startDate = { same_as = \"contract.startDate\" }",
        "startDate = { same_as = \"commitment.startDate\" }",
    );
    broken.push(("a circle".to_owned(), circle.replace(end.0, end.1).into_bytes()));
    let cut = USAGE_DEAL.len() / 2;
    broken.push(("cut off".to_owned(), format!("{}\nname = {{", &USAGE_DEAL[..cut]).into_bytes()));
    assert!(broken.len() >= 200, "{}", broken.len());
    broken
}

#[test]
fn each_of_two_hundred_broken_files_says_where_and_what_to_do() {
    parse(USAGE_DEAL.as_bytes()).unwrap();
    for (what, bytes) in broken_files() {
        let Err(faults) = parse(&bytes) else { panic!("`{what}` was taken") };
        let lines = bytes.split(|byte| *byte == b'\n').count();
        for fault in faults {
            assert!(
                fault.file == "own.toml" && (1..=lines).contains(&fault.line),
                "{what}: {fault}"
            );
            assert!(!fault.message.is_empty() && !fault.hint.is_empty(), "{what}: {fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_broken_file_leads_to_a_request() {
    let (org, organization) = (salesforce::start(0).await.unwrap(), m3ter::start(0).await.unwrap());
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("service.db").display().to_string();
    let mut config = sandbox::config(
        &org.base_url(),
        &organization.base_url(),
        &database,
        "127.0.0.1:0".parse().unwrap(),
    )
    .unwrap();
    config.mappings_dir = Some(directory.path().to_owned());
    let file = directory.path().join("own.toml");
    // Every third: each way to be broken is among them.
    for (what, bytes) in broken_files().into_iter().step_by(3) {
        std::fs::write(&file, bytes).unwrap();
        let Err(error) = App::new(&config, Scope::Everything).await else {
            panic!("a service with `{what}` starts")
        };
        assert!(error.to_string().contains("own.toml:"), "{what}: {error}");
        assert!(
            org.requests().is_empty() && organization.requests().is_empty(),
            "{what}: {:?}",
            org.requests()
        );
    }
    // The same service with the good file asks both.
    std::fs::write(&file, USAGE_DEAL).unwrap();
    let app = App::new(&config, Scope::Everything).await.unwrap();
    assert_eq!(app.syncs.load().await, Readiness::Ready);
    assert!(!org.requests().is_empty() && !organization.requests().is_empty());
    app.end().await.unwrap();
}

#[test]
fn tables_of_the_same_rows_need_keys_and_fields_of_their_own() {
    let pricing = |key: &str, field: &str| {
        format!(
            "[[pricing]]\nrows = \"lines\"\nkey = {{ value = \"{key}\" }}\nwrite_back = \"{field}\"\nplanId = {{ this = \"plan\" }}\n\
             aggregationId = {{ lookup = \"aggregation\", code = \"Product2.ProductCode\" }}\ncode = \"Id\"\n\
             startDate = \"Opportunity.CloseDate\"\npricingBands = {{ unit_price = \"UnitPrice\" }}\n\n"
        )
    };
    let (before, rest) = OPPORTUNITY.split_once("[pricing]").unwrap();
    let after = rest.split_once("[account_plan]").unwrap().1;
    let file = |tables: [String; 3]| format!("{before}{}[account_plan]{after}", tables.concat());
    parse(file([pricing("a", "A__c"), pricing("b", "B__c"), pricing("c", "C__c")]).as_bytes())
        .unwrap();
    let faults = |tables| parse(file(tables).as_bytes()).unwrap_err();
    let same_key = faults([pricing("a", "A__c"), pricing("b", "B__c"), pricing("b", "C__c")]);
    assert!(
        same_key.len() == 1 && same_key[0].message.contains("of the same rows with the same key"),
        "{same_key:?}"
    );
    let same_field = faults([pricing("a", "A__c"), pricing("b", "B__c"), pricing("c", "B__c")]);
    assert!(
        same_field.len() == 1 && same_field[0].message.contains("writes its IDs to the same field"),
        "{same_field:?}"
    );
}

#[test]
fn an_id_is_written_to_the_row_of_its_object_only() {
    for (field, message) in [
        ("Opportunity.M3ter_Contract_Id__c", "would write to one field of a row above"),
        ("Product2.M3ter_Plan_Id__c", "leads to another record"),
    ] {
        let faults = parse(&mutated(
            OPPORTUNITY,
            "write_back = \"M3ter_Plan_Id__c\"",
            &format!("write_back = \"{field}\""),
        ))
        .unwrap_err();
        assert!(
            faults.len() == 1
                && faults[0].message.contains(message)
                && faults[0].key == "plan.write_back",
            "{faults:?}"
        );
    }
}

#[test]
fn a_code_that_m3ter_cannot_have_is_a_fault_of_the_file() {
    let lookup = "lookup = \"aggregation\", code = { first = [{ field = \"Product2.M3ter_Aggregation_Code__c\", optional = true }, \"Product2.ProductCode\"] }";
    for code in [
        "{ value = \"SKU-100\" }",
        "{ first = [\"Product2.ProductCode\", { value = \"SKU-100\" }] }",
        "{ field = \"Product2.ProductCode\", map = { A = \"SKU-100\" } }",
        "{ field = \"Product2.ProductCode\", default = \"SKU-100\" }",
    ] {
        let faults = parse(&mutated(
            OPPORTUNITY,
            lookup,
            &format!("lookup = \"aggregation\", code = {code}"),
        ))
        .unwrap_err();
        assert!(
            faults[0].message.contains("m3ter cannot have any aggregation with the code `SKU-100`"),
            "{faults:?}"
        );
    }
}

#[test]
fn ready_when_needs_a_condition_and_an_otherwise() {
    let file = |ready: &str| {
        format!(
            "root = \"Usage_Deal__c\"\nready_when = {ready}\n\n[account]\nname = \"Name\"\ncode = \"Id\"\nemailAddress = \"Email__c\"\n"
        )
    };
    for (ready, words) in [
        ("{ otherwise = \"warn\" }", "a condition names a field"),
        ("{ field = \"Stage__c\", is = \"Won\" }", "what happens otherwise is missing"),
        ("\"Won__c\"", "what happens otherwise is missing"),
        (
            "{ field = \"Stage__c\", is = \"Won\", otherwise = \"wait\" }",
            "`wait` is not one of the choices",
        ),
        (
            "{ field = \"Stage__c\", is = \"Won\", otherwise = \"warn\", message = 1 }",
            "`message` takes a sentence",
        ),
    ] {
        let faults = parse(file(ready).as_bytes()).unwrap_err();
        assert!(
            faults.iter().all(|fault| fault.line == 2 && !fault.hint.is_empty()),
            "{ready}: {faults:#?}"
        );
        assert!(faults.iter().any(|fault| fault.message.contains(words)), "{ready}: {faults:#?}");
    }
    let several = "[{ field = \"Stage__c\", is = \"Won\", otherwise = \"refuse\" }, { any = [\"Signed__c\", \"Paid__c\"], otherwise = \"warn\" }]";
    parse(file(several).as_bytes()).unwrap();
}

#[test]
fn a_duplicate_key_is_reported_with_both_lines() {
    for (text, expected) in [
        (
            "[account]\nname = \"Name\"\n\n[account]\ncode = \"Id\"\n",
            "own.toml:4: `account`: this key stands here a second time, first in line 1; keep one of the two",
        ),
        (
            "[account]\ncode = { first = [{ field = \"A\", trim = true },\n{ field = \"B\", trim = true, optional = true, trim = true }] }\n",
            "own.toml:3: `trim`: this key stands here a second time, first in line 3; keep one of the two",
        ),
        (
            "[account]\ncode = \"Id\"\nid = { lookup = \"account\", code = \"A\" }\ncode = \"Id\"\n",
            "own.toml:4: `code`: this key stands here a second time, first in line 2; keep one of the two",
        ),
        (
            "[rows.a]\nb = 1\n[rows.c]\n[rows.a]\n",
            "own.toml:4: `a`: this key stands here a second time, first in line 1; keep one of the two",
        ),
        (
            "a.b = 1\n\"a\".b = 2\n",
            "own.toml:2: `b`: this key stands here a second time, first in line 1; keep one of the two",
        ),
        (
            "a = 1\na = 2\nb = = 3\nc = \"\n",
            "own.toml:2: `a`: this key stands here a second time, first in line 1; keep one of the two",
        ),
        (
            "a = 1\nb = 2\na = 3\nb = 4\n",
            "own.toml:3: `a`: this key stands here a second time, first in line 1; keep one of the two",
        ),
    ] {
        let faults = parse(text.as_bytes()).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told, [expected], "{text}");
    }
    let faults = parse("a = 1\nb = = 3\na = 2\n".as_bytes()).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2], "{faults:?}");
}
