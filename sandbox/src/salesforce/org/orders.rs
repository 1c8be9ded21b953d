//! What may be sold and ordered: price book entries, lines of deals and orders, activated orders.
//! Source: Object Reference; Salesforce Help, "Editing and Deletion Considerations for Order
//! Products", "Guidelines for Creating Orders".

use serde_json::{Value as Json, json};

use super::super::tables::Table;
use super::{Fields, Org, WriteError, is_deleted};

/// Who may change an activated order and its products.
pub(in super::super) const EDIT_ACTIVATED_ORDERS: &str = "EditActivatedOrders";
/// Who may activate an order, and take that back.
pub(in super::super) const ACTIVATE_ORDERS: &str = "ActivateOrder";

impl Org {
    /// Refuses what its object's own rules do not allow of a new record.
    pub(super) fn check_new(
        &self,
        table: &'static Table,
        fields: &Fields,
    ) -> Result<(), WriteError> {
        match table.name {
            "PricebookEntry" => self.check_price(fields),
            "OpportunityLineItem" => {
                if fields.contains_key("UnitPrice") && fields.contains_key("TotalPrice") {
                    return Err(integrity(
                        "TotalPrice",
                        "only one of unit price or total price may be specified",
                    ));
                }
                self.check_line(fields, "Opportunity", "OpportunityId")
            }
            "OrderItem" => {
                let order = self.named(fields, "Order", "OrderId");
                if order.is_some_and(is_activated) {
                    return Err(integrity(
                        "OrderId",
                        "products cannot be added to an activated order",
                    ));
                }
                self.check_line(fields, "Order", "OrderId")
            }
            "Order" | "Contract"
                if fields.get("Status").is_some_and(|status| !is_draft(status)) =>
            {
                let message = format!(
                    "Choose a valid {} status and save your changes. Ask your admin for details.",
                    table.name.to_lowercase()
                );
                Err(WriteError::of_field("FAILED_ACTIVATION", "Status", message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what its object's own rules do not allow of a record that exists.
    pub(super) fn check_change(
        &self,
        table: &'static Table,
        before: &Fields,
        changes: &Fields,
    ) -> Result<(), WriteError> {
        let no_access = || {
            WriteError::new(
                "INSUFFICIENT_ACCESS_OR_READONLY",
                "insufficient access rights on object id",
            )
        };
        match table.name {
            "Order" => {
                let status =
                    changes.get("Status").filter(|status| Some(*status) != before.get("Status"));
                if status.is_some() && !self.may(ACTIVATE_ORDERS) {
                    return Err(no_access());
                }
                if status == Some(&json!("Activated")) && self.lines_of(before).next().is_none() {
                    return Err(WriteError::of_field(
                        "FAILED_ACTIVATION",
                        "Status",
                        "An order must have at least one product.".to_owned(),
                    ));
                }
                let only_status = changes.keys().all(|name| name == "Status");
                if is_activated(before) && !only_status && !self.may(EDIT_ACTIVATED_ORDERS) {
                    Err(no_access())
                } else {
                    Ok(())
                }
            }
            "OrderItem" => {
                let is_fixed = self.named(before, "Order", "OrderId").is_some_and(is_activated);
                if is_fixed && !self.may(EDIT_ACTIVATED_ORDERS) { Err(no_access()) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Whether the integration user has a permission beyond its fields.
    pub(in super::super) fn may(&self, permission: &str) -> bool {
        self.rules.permissions.contains(permission)
    }

    fn lines_of<'a>(&'a self, order: &'a Fields) -> impl Iterator<Item = &'a Fields> {
        let lines = self.schema.table("OrderItem").into_iter().flat_map(|lines| self.all(lines));
        lines.filter(|line| !is_deleted(line) && line.get("OrderId") == order.get("Id"))
    }

    fn named(&self, fields: &Fields, object: &str, via: &str) -> Option<&Fields> {
        self.find(self.schema.table(object)?, fields.get(via)?.as_str()?)
    }

    /// A standard price comes before any other, and each product has one price in a book and a
    /// currency.
    fn check_price(&self, fields: &Fields) -> Result<(), WriteError> {
        let Some(entries) = self.schema.table("PricebookEntry") else { return Ok(()) };
        let default = self.user_currency();
        let currency = |fields: &Fields| {
            fields.get("CurrencyIsoCode").cloned().unwrap_or_else(|| default.clone())
        };
        let of_product: Vec<&Fields> = self
            .all(entries)
            .filter(|entry| {
                !is_deleted(entry)
                    && entry.get("Product2Id") == fields.get("Product2Id")
                    && currency(entry) == currency(fields)
            })
            .collect();
        if of_product.iter().any(|entry| entry.get("Pricebook2Id") == fields.get("Pricebook2Id")) {
            return Err(WriteError::new(
                "DUPLICATE_VALUE",
                "This price definition already exists in this price book",
            ));
        }
        let is_standard = |entry: &Fields| {
            let book = self.named(entry, "Pricebook2", "Pricebook2Id");
            book.is_some_and(|book| book.get("IsStandard") == Some(&Json::Bool(true)))
        };
        if is_standard(fields) || of_product.into_iter().any(is_standard) {
            return Ok(());
        }
        Err(WriteError::new(
            "STANDARD_PRICE_NOT_DEFINED",
            "No standard price defined for this product",
        ))
    }

    /// A line takes an active entry of its parent's price book, in its parent's currency.
    fn check_line(&self, fields: &Fields, object: &str, via: &str) -> Result<(), WriteError> {
        let (Some(entry), Some(parent)) = (
            self.named(fields, "PricebookEntry", "PricebookEntryId"),
            self.named(fields, object, via),
        ) else {
            return Ok(());
        };
        let book = parent.get("Pricebook2Id").filter(|book| !book.is_null());
        let problem = if entry.get("IsActive") != Some(&Json::Bool(true)) {
            "pricebook entry is inactive"
        } else if book.is_some_and(|book| Some(book) != entry.get("Pricebook2Id")) {
            "pricebook entry is in a different pricebook than the one assigned to the record"
        } else if self.rules.multi_currency
            && entry.get("CurrencyIsoCode") != parent.get("CurrencyIsoCode")
        {
            "pricebook entry currency code does not match the currency code of the record"
        } else if fields
            .get("Product2Id")
            .is_some_and(|product| Some(product) != entry.get("Product2Id"))
        {
            "pricebook entry is not one of the product"
        } else {
            return Ok(());
        };
        Err(integrity("PricebookEntryId", problem))
    }
}

fn integrity(field: &str, problem: &str) -> WriteError {
    WriteError::of_field(
        "FIELD_INTEGRITY_EXCEPTION",
        field,
        format!("field integrity exception: {field} ({problem})"),
    )
}

fn is_activated(order: &Fields) -> bool {
    order.get("Status") == Some(&json!("Activated"))
}

fn is_draft(status: &Json) -> bool {
    matches!(status.as_str(), None | Some("Draft" | "In Approval Process"))
}
