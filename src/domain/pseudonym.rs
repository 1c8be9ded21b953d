//! Stand-ins for what tells who a person or a customer is, in records that leave the house: the same
//! stand-in for the same value, in the order in which values are met, so that the same records give
//! the same every time.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::personal::{is_of_a_person, without_emails};
use super::text::is_blank;

/// Texts that are shorter stand for too much to be replaced inside others.
const MIN_INSIDE: usize = 3;

/// Objects whose name is that of a customer, or made of one.
const OF_CUSTOMERS: [&str; 6] = ["account", "contact", "contract", "lead", "opportunity", "user"];

/// Fields for the name of a town; a word such as capacity ends like them.
const CITIES: [&str; 5] = ["billingcity", "city", "mailingcity", "othercity", "shippingcity"];

/// What a value tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Email,
    Phone,
    Place,
    Name,
    Text,
}

/// The stand-ins of several documents.
#[derive(Debug, Default)]
pub struct Pseudonyms(BTreeMap<(Class, String), usize>);

impl Pseudonyms {
    /// Looks through a document of an object, such as `Opportunity`: what tells who somebody is gets
    /// a stand-in.
    pub fn learn(&mut self, object: &str, document: &Map<String, Json>) {
        let object = type_of(document).unwrap_or(object);
        for (key, value) in document.iter().filter(|(key, _)| *key != "attributes") {
            match value {
                Json::String(text) if !is_blank(text) => {
                    if let Some(class) = class_of(object, key) {
                        let number = self.0.keys().filter(|(of, _)| *of == class).count() + 1;
                        self.0.entry((class, text.trim().to_owned())).or_insert(number);
                    }
                }
                Json::Object(inner) => self.learn(key, inner),
                Json::Array(items) => {
                    items.iter().filter_map(Json::as_object).for_each(|item| self.learn(key, item));
                }
                _ => {}
            }
        }
    }

    /// Puts the stand-ins into a document, also where a value stands inside another text.
    pub fn replace(&self, object: &str, document: &mut Map<String, Json>) {
        let object = type_of(document).unwrap_or(object).to_owned();
        for (key, value) in document.iter_mut().filter(|(key, _)| *key != "attributes") {
            match value {
                Json::String(text) => *text = self.stand_in(class_of(&object, key), text),
                Json::Object(inner) => self.replace(key, inner),
                Json::Array(items) => {
                    for item in items {
                        match item {
                            Json::Object(item) => self.replace(key, item),
                            Json::String(text) => *text = self.stand_in(None, text),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn stand_in(&self, class: Option<Class>, text: &str) -> String {
        if is_blank(text) {
            return text.to_owned();
        }
        let known = class.and_then(|class| {
            let number = self.0.get(&(class, text.trim().to_owned()))?;
            Some(class.stand_in(*number))
        });
        known.unwrap_or_else(|| {
            // The longest first: a name may be a part of another one.
            let mut inside: Vec<(&(Class, String), &usize)> =
                self.0.iter().filter(|((_, text), _)| text.chars().count() >= MIN_INSIDE).collect();
            inside.sort_by_key(|((_, text), _)| std::cmp::Reverse(text.len()));
            inside.into_iter().fold(without_emails(text), |text, ((class, known), number)| {
                replace_words(&text, known, &class.stand_in(*number))
            })
        })
    }
}

impl Class {
    fn stand_in(self, number: usize) -> String {
        match self {
            Self::Email => format!("person{number}@example.com"),
            Self::Phone => format!("+1 555 {number:04}"),
            Self::Place => format!("Place{number}"),
            Self::Name => format!("Name{number}"),
            Self::Text => format!("Text{number}"),
        }
    }
}

fn type_of(document: &Map<String, Json>) -> Option<&str> {
    document.get("attributes")?.get("type")?.as_str()
}

/// What a field tells, by its name and that of its object.
fn class_of(object: &str, field: &str) -> Option<Class> {
    let (object, field) = (object.to_lowercase(), field.to_lowercase());
    let has = |words: &[&str]| words.iter().any(|word| field.contains(word));
    if field.ends_with("id") || field.ends_with("code") && !has(&["postalcode", "postcode"]) {
        return None;
    }
    if has(&["email"]) {
        Some(Class::Email)
    } else if has(&["phone", "fax"]) {
        Some(Class::Phone)
    } else if has(&["street", "postalcode", "postcode", "addressline", "locality"])
        || CITIES.contains(&field.trim_end_matches("__c"))
    {
        Some(Class::Place)
    } else if is_of_a_person(&format!("{object}.{field}"))
        || field == "name" && OF_CUSTOMERS.contains(&object.trim_end_matches("__r"))
    {
        Some(Class::Name)
    } else if matches!(field.as_str(), "description" | "nextstep") {
        Some(Class::Text)
    } else {
        None
    }
}

/// Replaces a text where it stands between others, not inside a word.
fn replace_words(text: &str, word: &str, by: &str) -> String {
    let is_inner = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (mut replaced, mut rest, mut before) = (String::with_capacity(text.len()), text, None);
    while let Some(place) = rest.find(word) {
        let (ahead, after) = (&rest[..place], &rest[place + word.len()..]);
        let last = ahead.chars().next_back().or(before);
        let is_word = !last.is_some_and(is_inner) && !after.chars().next().is_some_and(is_inner);
        replaced.push_str(ahead);
        replaced.push_str(if is_word { by } else { word });
        before = word.chars().next_back();
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn personal_data_is_replaced_consistently_everywhere() {
        let mut record = json!({
            "attributes": { "type": "Opportunity" },
            "Id": "006S900000795MMIAY",
            "Name": "Acme GmbH - 2026",
            "Description": "Ask Jane Doe (jane.doe@acme.example), Main Street 5",
            "M3ter_PO_Number__c": "PO Acme GmbH 7, not XAcme GmbHX",
            "Amount": 12000.50,
            "Account": {
                "attributes": { "type": "Account" },
                "Name": "Acme GmbH",
                "M3ter_Billing_Email__c": "jane.doe@acme.example",
                "BillingStreet": "Main Street 5",
                "BillingCountry": "Germany",
                "Owner": { "Name": "Jane Doe" },
            },
            "OpportunityLineItems": { "records": [
                { "Name": "Acme GmbH - 2026 API", "Product2": { "ProductCode": "API_CALLS", "Name": "API" } },
            ] },
        });
        let document = record.as_object_mut().unwrap();
        let mut pseudonyms = Pseudonyms::default();
        pseudonyms.learn("Opportunity", document);
        pseudonyms.replace("Opportunity", document);
        let expected = json!({
            "attributes": { "type": "Opportunity" },
            "Id": "006S900000795MMIAY",
            "Name": "Name3",
            "Description": "Text1",
            "M3ter_PO_Number__c": "PO Name1 7, not XAcme GmbHX",
            "Amount": 12000.50,
            "Account": {
                "attributes": { "type": "Account" },
                "Name": "Name1",
                "M3ter_Billing_Email__c": "person1@example.com",
                "BillingStreet": "Place1",
                "BillingCountry": "Germany",
                "Owner": { "Name": "Name2" },
            },
            "OpportunityLineItems": { "records": [
                { "Name": "Name3 API", "Product2": { "ProductCode": "API_CALLS", "Name": "API" } },
            ] },
        });
        assert_eq!(record, expected);
    }
}
