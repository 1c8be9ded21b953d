//! One mapping file from the records of one root object.

use std::fmt::Write as _;

use super::kind::Kind;
use super::names::{RELATIONSHIPS, guessed_relationship};
use super::nested::{Carried, ChildRows, child_rows, named_values, pricing_bands};
use super::records::MetadataRecord;
use super::table::{Table, Written, add_field};
use crate::domain::entity::EntityKind;
use crate::domain::field::{FieldSpec, FieldType, is_identifier_code};

/// What every mapping that comes with the service says, too: the records have no word for it.
const SYNC_STATUS: &str = r#"
# Where the record shows how its last sync ended, if the org has the fields. Without this line nothing is written.
sync_status = { status = "M3ter_Sync_Status__c", message = "M3ter_Sync_Message__c", synced_at = "M3ter_Synced_At__c" }"#;

/// What stands above a name that the records do not have.
const GUESS: &str = "# A guess: the records do not name the relationship to the rows.\n";

/// What the connector's records say beside fields of m3ter.
const KEYS: [&str; 6] = [
    "hardcoded",
    "accountmapping_m3id",
    "accountmapping",
    "nestedmapping_pricingbands",
    "nestedobjectlookup",
    "language",
];

/// The records of one root object.
pub(super) struct Source {
    root: String,
    records: Vec<(Kind, MetadataRecord)>,
}

/// What a field gets if the records do not say it.
struct Fallback {
    key: &'static str,
    value: String,
    why: &'static str,
}

fn fallback(key: &'static str, value: impl Into<String>, why: &'static str) -> Fallback {
    Fallback { key, value: value.into(), why }
}

impl Source {
    pub(super) fn new(root: &str, mut records: Vec<(Kind, MetadataRecord)>) -> Self {
        records.sort_by_key(|(kind, _)| *kind);
        Self { root: root.to_owned(), records }
    }

    fn record(&self, kind: Kind) -> Option<&MetadataRecord> {
        self.records.iter().find(|(of, _)| *of == kind).map(|(_, record)| record)
    }

    /// The object of the rows and their way back to the root, where there are rows.
    fn lines(&self) -> Option<(String, String)> {
        self.records.iter().find_map(|(kind, record)| {
            let (parent, _) = record.path("accountMapping_m3Id")?.split_once('.')?;
            Some((record.path(kind.object_field())?.to_owned(), parent.to_owned()))
        })
    }

    /// The path from the root to the Account, as the records have it.
    fn account_path(&self) -> String {
        let paths =
            self.records.iter().filter_map(|(_, record)| record.path("accountMapping_m3Id"));
        paths
            .map(|path| path.split_once('.').map_or(path, |(_, rest)| rest))
            .next()
            .unwrap_or("Account")
            .to_owned()
    }

    pub(super) fn toml(&self) -> String {
        let mut text = format!(
            "# Made from the connector's mapping records for {}. Read the comments, then finish it.\n\nroot = \"{}\"\n{SYNC_STATUS}\n",
            self.root, self.root
        );
        if let Some((sobject, parent)) = self.lines() {
            let known = RELATIONSHIPS
                .iter()
                .find(|(object, _)| *object == sobject)
                .map(|(_, name)| (*name).to_owned());
            let remark = if known.is_none() { GUESS } else { "" };
            let relationship = known.unwrap_or_else(|| guessed_relationship(&sobject));
            let _ = write!(
                text,
                "\n[lines]\n{remark}relationship = \"{relationship}\"\nsobject = \"{sobject}\"\nparent = \"{parent}\"\n"
            );
        }
        for ChildRows { name, of, relationship, sobject, parent, is_guess } in
            self.band_rows().into_iter().flatten()
        {
            let remark = if is_guess { GUESS } else { "" };
            let of = if of == "root" { String::new() } else { format!("of = \"{of}\"\n") };
            let _ = write!(
                text,
                "\n[rows.{name}]\n{of}{remark}relationship = \"{relationship}\"\nsobject = \"{sobject}\"\nparent = \"{parent}\"\n"
            );
        }
        for kind in [
            Kind::Account,
            Kind::Contract,
            Kind::Commitment,
            Kind::Plan,
            Kind::Pricing,
            Kind::AccountPlan,
        ] {
            let Some((name, entity)) = kind.table() else { continue };
            let record = self.record(kind);
            if record.is_none() && !matches!(kind, Kind::Account | Kind::Contract) {
                continue;
            }
            let table = self.table(kind, entity, record);
            let _ = writeln!(text, "\n[{name}]");
            for comment in &table.comments {
                let _ = writeln!(text, "# {}", comment.replace(['\n', '\r'], " "));
            }
            for (key, value) in &table.keys {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        for pair in self.records.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let _ = writeln!(
                text,
                "\n# Not imported: the record `{}`, for which there is another one of its kind.",
                pair[1].1.name
            );
        }
        text
    }

    fn table(&self, kind: Kind, entity: EntityKind, record: Option<&MetadataRecord>) -> Table {
        let mut table = Table::default();
        // The paths of an Account's record start at the Account, and those of this file at the
        // root.
        let is_of_account = kind == Kind::Account
            && record
                .and_then(|record| record.path("AccountObject"))
                .is_some_and(|own| own != self.root);
        let prefix =
            if is_of_account { format!("{}.", self.account_path()) } else { String::new() };
        let is_line = record.is_some_and(|record| {
            record.get("accountMapping_m3Id").is_some_and(|path| path.contains('.'))
        });
        if kind != Kind::Account {
            table.set("rows", if is_line { "\"lines\"" } else { "\"root\"" });
        }
        self.owners(kind, &mut table);
        for (field, value) in record.into_iter().flat_map(MetadataRecord::filled) {
            if KEYS.contains(&field)
                || field.ends_with("object")
                || matches!(field, "developername" | "masterlabel" | "qualifiedapiname" | "id")
            {
                continue;
            }
            // `Custom_Fields__c`, `Segments__c`: whatever stands between the words.
            let plain = field.replace('_', "");
            let spec = entity.fields().iter().find(|spec| {
                spec.name.eq_ignore_ascii_case(if plain == "segments" { "segment" } else { &plain })
            });
            match spec {
                Some(FieldSpec { name, field_type: FieldType::CustomFields, .. }) => {
                    table.carry(
                        name,
                        named_values(field, value, &prefix, |name| {
                            !name.trim().is_empty() && name.chars().count() <= 80
                        }),
                    );
                }
                Some(FieldSpec { name, field_type: FieldType::Segment, .. }) => {
                    table.carry(name, named_values(field, value, &prefix, is_identifier_code));
                }
                Some(spec) if record.is_some_and(|record| record.is_hardcoded(field)) => {
                    add_field(kind, spec, value, value, Written::Literal, &mut table);
                }
                Some(spec) => add_field(
                    kind,
                    spec,
                    value,
                    &format!("{prefix}{value}"),
                    Written::Path,
                    &mut table,
                ),
                None => table.note(format!("Not imported: {field} = {value}")),
            }
        }
        if kind == Kind::Commitment && is_line {
            table.note("productIds: commitments of several rows run at the same time; each draws down by its own product");
            table.set(
                "productIds",
                format!(
                    "{{ list = [{{ lookup = \"product\", code = \"{}\" }}] }}",
                    self.product_code()
                ),
            );
        }
        self.complete(kind, &mut table);
        table
    }

    /// Where the rows have their product's code.
    fn product_code(&self) -> &'static str {
        match self.lines().as_ref().map(|(sobject, _)| sobject.as_str()) {
            Some("OrderItem") => "Product2.ProductCode",
            Some(sobject) if sobject.starts_with("SBQQ__") => "SBQQ__Product__r.ProductCode",
            _ => "ProductCode",
        }
    }

    /// What the connector puts in by itself: the owners that this sync makes or finds.
    fn owners(&self, kind: Kind, table: &mut Table) {
        let account = self.account_path();
        match kind {
            Kind::Account => {
                table.set("rows", "\"root\"");
                let row = account
                    .strip_suffix("__r")
                    .map_or_else(|| format!("{account}Id"), |name| format!("{name}__c"));
                table.set("row", format!("\"{row}\""));
                table.set("sobject", "\"Account\"");
            }
            Kind::Pricing | Kind::PricingBands => {
                if self.record(Kind::Plan).is_some() {
                    table.set("planId", "{ this = \"plan\" }");
                }
            }
            _ => table.set("accountId", "{ this = \"account\" }"),
        }
        if matches!(kind, Kind::Commitment | Kind::AccountPlan) {
            table.set("contractId", "{ this = \"contract\" }");
            table.note("contractId: the records leave it blank, and then no AccountPlan draws the Commitment down");
        }
        if kind == Kind::AccountPlan && self.record(Kind::Plan).is_some() {
            table.set("planId", "{ this = \"plan\" }");
        }
    }

    /// What m3ter requires and the records do not say.
    fn complete(&self, kind: Kind, table: &mut Table) {
        let is_planned = kind == Kind::AccountPlan && table.has("planGroupId");
        let is_given = |table: &Table, key| table.has(key) || is_planned && key == "planId";
        for Fallback { key, value, why } in self.fallbacks(kind) {
            if !is_given(table, key) {
                table.note(format!("{key}: {why}"));
                table.set(key, value);
            }
        }
        if kind == Kind::Pricing {
            self.bands(table);
        }
    }

    fn fallbacks(&self, kind: Kind) -> Vec<Fallback> {
        let product_code = self.product_code();
        let own_id = "{ field = \"Id\", once = true }";
        let plan = format!("{{ lookup = \"plan\", code = \"{product_code}\" }}");
        match kind {
            Kind::Account => self.account_fallbacks(),
            Kind::Contract => self.contract_fallbacks(),
            Kind::Commitment => vec![
                fallback("amount", "\"Amount\"", "the record has none"),
                fallback(
                    "currency",
                    "{ first = [{ field = \"CurrencyIsoCode\", optional = true }, { setting = \"currency\" }, { templates = \"currency\" }], once = true }",
                    "from the record, the setting or the plan templates",
                ),
                fallback("startDate", "{ same_as = \"contract.startDate\" }", "the Contract's"),
                fallback("endDate", "{ same_as = \"contract.endDate\" }", "the Contract's"),
            ],
            Kind::Plan => vec![
                fallback(
                    "planTemplateId",
                    format!(
                        "{{ lookup = \"plan_template\", code = \"{product_code}\", once = true }}"
                    ),
                    "the record has none",
                ),
                fallback("name", "\"Name\"", "the record has none"),
                fallback("code", own_id, "the record has none"),
            ],
            Kind::Pricing => vec![
                fallback(
                    "planId",
                    plan,
                    "no Plan is among the records: the one with this code is priced",
                ),
                fallback(
                    "aggregationId",
                    format!("{{ lookup = \"aggregation\", code = \"{product_code}\" }}"),
                    "the record has none",
                ),
                fallback(
                    "startDate",
                    "{ same_as = \"account_plan.startDate\" }",
                    "the AccountPlan's",
                ),
            ],
            Kind::AccountPlan => vec![
                fallback("planId", plan, "the record has none"),
                fallback("startDate", "{ same_as = \"contract.startDate\" }", "the Contract's"),
                fallback("endDate", "{ same_as = \"contract.endDate\" }", "the Contract's"),
            ],
            Kind::PricingBands => Vec::new(),
        }
    }

    fn account_fallbacks(&self) -> Vec<Fallback> {
        let account = self.account_path();
        vec![
            fallback("name", format!("\"{account}.Name\""), "not among the records"),
            fallback(
                "code",
                format!("{{ field = \"{account}.Id\", once = true }}"),
                "not among the records",
            ),
            fallback(
                "emailAddress",
                format!("\"{account}.M3ter_Billing_Email__c\""),
                "not among the records, and m3ter requires it: name the field that holds it",
            ),
        ]
    }

    fn contract_fallbacks(&self) -> Vec<Fallback> {
        let dated = |field: &str| {
            let own = self.record(Kind::Commitment).filter(|record| {
                record.get("accountMapping_m3Id").is_some_and(|path| !path.contains('.'))
            });
            own.filter(|record| !record.is_hardcoded(field))
                .and_then(|record| record.path(field))
                .map(ToOwned::to_owned)
        };
        let (name, first_day, last_day) = match self.root.as_str() {
            "Order" => ("OrderNumber", "EffectiveDate", "EndDate"),
            "Contract" => ("ContractNumber", "StartDate", "EndDate"),
            "Opportunity" => ("Name", "CloseDate", "End_Date__c"),
            "SBQQ__Quote__c" => ("Name", "SBQQ__StartDate__c", "SBQQ__EndDate__c"),
            _ => ("Name", "M3ter_Start_Date__c", "End_Date__c"),
        };
        let start = dated("startDate").unwrap_or_else(|| first_day.to_owned());
        let end = dated("endDate").unwrap_or_else(|| last_day.to_owned());
        vec![
            fallback("name", format!("\"{name}\""), "not among the records"),
            fallback("code", "{ field = \"Id\", once = true }", "not among the records"),
            fallback(
                "startDate",
                format!("\"{start}\""),
                "not among the records: name the first day of service",
            ),
            fallback(
                "endDate",
                format!("{{ field = \"{end}\", end_exclusive = true }}"),
                "not among the records: name the last day of service",
            ),
        ]
    }

    /// The rows of the bands, below those that are priced.
    fn band_rows(&self) -> Option<Vec<ChildRows>> {
        let (pricing, bands) = (self.record(Kind::Pricing)?, self.record(Kind::PricingBands)?);
        let is_line = pricing.get("accountMapping_m3Id").is_some_and(|path| path.contains('.'));
        let is_own = pricing.get("PricingObject") == bands.get("PricingBandsObject");
        child_rows(bands, if is_line { "lines" } else { "root" })
            .filter(|rows| !is_own && !rows.is_empty())
    }

    fn bands(&self, table: &mut Table) {
        let rows = self.band_rows();
        let own = self.record(Kind::Pricing).and_then(|record| record.get("PricingObject"));
        match self.record(Kind::PricingBands) {
            Some(bands) => {
                let is_placed = rows.is_some() || bands.get("PricingBandsObject") == own;
                let carried = if is_placed {
                    pricing_bands(bands, rows.as_deref())
                } else {
                    Carried::default()
                };
                if carried.expression.is_none() {
                    table.note("Not imported: the record of the bands, which do not say where they come from. It says:");
                    bands
                        .filled()
                        .for_each(|(field, value)| table.note(format!("  {field} = {value}")));
                }
                table.carry("pricingBands", carried);
            }
            None => table.note("pricingBands: no record of bands; one band from the row's price"),
        }
        table.set("pricingBands", "{ unit_price = \"UnitPrice\" }");
    }
}
