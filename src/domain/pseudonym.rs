//! Stand-ins for what tells who a person or a customer is, in records that leave the house: the same
//! stand-in for the same value, in the order in which values are met, so that the same records give
//! the same every time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::personal::{is_of_a_person, with_each_email};
use super::text::is_blank;

/// Texts that are shorter stand for too much to be replaced inside others.
const MIN_INSIDE: usize = 3;

/// Digits of a phone number in its international form, at least.
const MIN_PHONE_DIGITS: usize = 8;

/// Objects whose name is that of a customer, or made of one.
const OF_CUSTOMERS: [&str; 6] = ["account", "contact", "contract", "lead", "opportunity", "user"];

/// Fields for the name of a town; a word such as capacity ends like them.
const CITIES: [&str; 5] = ["billingcity", "city", "mailingcity", "othercity", "shippingcity"];

/// What a value tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A page of somebody's own.
    Site,
    /// Where somebody is; of several lines, each is for itself.
    Place,
    /// What somebody is called, or a deal.
    Name,
    /// What somebody wrote.
    Text,
    /// Nothing of the kind, whatever it is: a word of a list, a date.
    Nothing,
}

/// The stand-ins of several documents: a text has the same one wherever it stands.
#[derive(Debug, Default)]
pub struct Pseudonyms {
    stand_ins: BTreeMap<String, (Class, usize)>,
    counts: BTreeMap<Class, usize>,
    /// What somebody has said of fields, by object.
    fields: BTreeMap<(String, String), Class>,
}

/// Which values of a document get a stand-in of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Learning {
    All,
    /// Those in which nothing is known yet.
    Unknown,
}

impl Pseudonyms {
    /// Says what a field of an object tells; one that tells nothing is left as it is.
    pub fn state(&mut self, object: &str, field: &str, class: Class) {
        self.fields.insert((object.to_lowercase(), field.to_lowercase()), class);
    }

    /// Looks through a document of an object, such as `Opportunity`: what tells who somebody is gets
    /// a stand-in.
    pub fn learn(&mut self, object: &str, document: &Map<String, Json>) {
        self.learn_of(object, document, Learning::All);
    }

    /// The same for a document that was made of others: what is made of known values is not a value
    /// of its own.
    pub fn learn_beside(&mut self, object: &str, document: &Map<String, Json>) {
        self.learn_of(object, document, Learning::Unknown);
    }

    /// Looks for e-mail addresses and phone numbers in a text.
    pub fn learn_text(&mut self, text: &str) {
        let mut found: Vec<(Class, String)> = Vec::new();
        with_each_email(text, |address| {
            found.push((Class::Email, address.to_owned()));
            Cow::Borrowed("")
        });
        found.extend(phones(text).into_iter().map(|phone| (Class::Phone, phone.to_owned())));
        for (class, text) in found {
            self.add(class, &text);
        }
    }

    fn learn_of(&mut self, object: &str, document: &Map<String, Json>, learning: Learning) {
        let object = type_of(document).unwrap_or(object);
        for (key, value) in document.iter().filter(|(key, _)| *key != "attributes") {
            match value {
                Json::String(text) if !is_blank(text) => {
                    self.learn_value(object, key, text, learning);
                }
                Json::Object(inner) => self.learn_of(key, inner, learning),
                Json::Array(items) => {
                    for item in items.iter().filter_map(Json::as_object) {
                        self.learn_of(key, item, learning);
                    }
                }
                _ => {}
            }
        }
    }

    fn learn_value(&mut self, object: &str, key: &str, text: &str, learning: Learning) {
        let class = self.class(object, key);
        if class == Some(Class::Nothing) {
            return;
        }
        self.learn_text(text);
        let Some(class) = class else { return };
        let is_made_of_known = || learning == Learning::Unknown && self.inside(text) != text;
        if class == Class::Place {
            for line in text.lines() {
                self.add(class, line);
            }
        } else if class == Class::Text || !is_made_of_known() {
            self.add(class, text);
        }
    }

    fn add(&mut self, class: Class, text: &str) {
        let text = text.trim();
        if is_blank(text) || self.stand_ins.contains_key(text) {
            return;
        }
        let number = self.counts.entry(class).or_default();
        *number += 1;
        self.stand_ins.insert(text.to_owned(), (class, *number));
    }

    /// What a field tells; `None` where only its value can say.
    fn class(&self, object: &str, field: &str) -> Option<Class> {
        let stated = self.fields.get(&(object.to_lowercase(), field.to_lowercase()));
        stated.copied().or_else(|| class_of(object, field))
    }

    /// Puts the stand-ins into a document, also where a value stands inside another text.
    pub fn replace(&self, object: &str, document: &mut Map<String, Json>) {
        let object = type_of(document).unwrap_or(object).to_owned();
        for (key, value) in document.iter_mut().filter(|(key, _)| *key != "attributes") {
            match value {
                Json::String(text) if self.class(&object, key) != Some(Class::Nothing) => {
                    *text = self.stand_in(text);
                }
                Json::Object(inner) => self.replace(key, inner),
                Json::Array(items) => {
                    for item in items {
                        match item {
                            Json::Object(item) => self.replace(key, item),
                            Json::String(text) => *text = self.stand_in(text),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A text with stand-ins in place of what is known.
    pub fn stand_in(&self, text: &str) -> String {
        match self.stand_ins.get(text.trim()) {
            Some((class, number)) => class.stand_in(*number),
            None => self.inside(text),
        }
    }

    /// How many values of a class have a stand-in.
    pub fn count(&self, class: Class) -> usize {
        self.counts.get(&class).copied().unwrap_or_default()
    }

    /// A text of a language whose words may be names: e-mail addresses and phone numbers are
    /// replaced, and names of several words that are a whole text in quotes.
    pub fn in_source(&self, text: &str) -> String {
        let text = self.known_inside(text, |class| matches!(class, Class::Email | Class::Phone));
        self.stand_ins.iter().filter(|(known, _)| known.contains(' ')).fold(
            text,
            |text, (known, (class, number))| {
                let quoted = |word: &str| Json::from(word).to_string();
                text.replace(&quoted(known), &quoted(&class.stand_in(*number)))
            },
        )
    }

    fn inside(&self, text: &str) -> String {
        self.known_inside(text, |_| true)
    }

    fn known_inside(&self, text: &str, is_wanted: impl Fn(Class) -> bool) -> String {
        // Addresses first: a name may be a part of one.
        let text = with_each_email(text, |address| match self.stand_ins.get(address) {
            Some((class, number)) => Cow::Owned(class.stand_in(*number)),
            None => Cow::Borrowed("(an e-mail address)"),
        });
        let mut inside: Vec<(&String, &(Class, usize))> = self
            .stand_ins
            .iter()
            .filter(|(known, (class, _))| {
                !(*class == Class::Email && known.contains('@'))
                    && is_wanted(*class)
                    && known.chars().count() >= MIN_INSIDE
                    && text.contains(known.as_str())
            })
            .collect();
        // The longest first: a name may be a part of another one.
        inside.sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
        inside.into_iter().fold(text, |text, (known, (class, number))| {
            replace_words(&text, known, &class.stand_in(*number))
        })
    }
}

impl Class {
    fn stand_in(self, number: usize) -> String {
        match self {
            Self::Email => format!("person{number}@example.com"),
            Self::Phone => format!("+1 555 {number:04}"),
            Self::Site => format!("https://site{number}.example.com"),
            Self::Place => format!("Place{number}"),
            Self::Name => format!("Name{number}"),
            Self::Text | Self::Nothing => format!("Text{number}"),
        }
    }
}

/// The phone numbers of a text in their international form: a plus sign and enough digits.
fn phones(text: &str) -> Vec<&str> {
    let is_part = |letter: char| letter.is_ascii_digit() || " -./()".contains(letter);
    text.match_indices('+')
        .filter_map(|(place, _)| {
            let rest = &text[place + 1..];
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let number =
                text[place..=place + end].trim_end_matches(|letter: char| !letter.is_ascii_digit());
            let digits = number.chars().filter(char::is_ascii_digit).count();
            (digits >= MIN_PHONE_DIGITS).then_some(number)
        })
        .collect()
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
    } else if matches!(field.as_str(), "description" | "nextstep") || has(&["contact", "signatory"])
    {
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

    #[test]
    fn what_was_made_of_known_values_goes_with_them() {
        let (account, deal) = (
            json!({ "Name": "Acme GmbH", "Phone": "+49 30 1234567", "BillingStreet": "Main Street 5\r\n2nd floor",
                "Sent_To__c": "Billing <jane@acme.example>", "Contact__c": "Jane Doe, CFO", "Industry": "Acme GmbH" }),
            json!({ "Name": "Acme GmbH 2026", "Internal__c": "call +49 (0)30-99 88 77 66 at 10" }),
        );
        let mut in_m3ter = json!({ "name": "Acme GmbH", "emailAddress": "jane@acme.example", "code": "x",
            "address": { "addressLine1": "Main Street 5", "addressLine2": "2nd floor", "country": "DE" },
            "customFields": { "phone": "+49 30 1234567", "note": "Acme GmbH 2026, Ltd" } });
        let mut other = json!({ "name": "Contract of Acme GmbH" });
        let mut stranger = json!({ "name": "Other AG" });
        let mut pseudonyms = Pseudonyms::default();
        pseudonyms.state("Account", "Industry", Class::Nothing);
        pseudonyms.learn("Account", account.as_object().unwrap());
        pseudonyms.learn("Opportunity", deal.as_object().unwrap());
        for (kind, document) in
            [("account", &mut in_m3ter), ("contract", &mut other), ("account", &mut stranger)]
        {
            let document = document.as_object_mut().unwrap();
            pseudonyms.learn_beside(kind, document);
            pseudonyms.replace(kind, document);
        }
        let replaced = |object: &str, document: &Json| {
            let mut document = document.as_object().unwrap().clone();
            pseudonyms.replace(object, &mut document);
            Json::Object(document)
        };
        assert_eq!(
            replaced("Account", &account),
            json!({ "Name": "Name1", "Phone": "+1 555 0001", "BillingStreet": "Place1\r\nPlace2",
                "Sent_To__c": "Billing <person1@example.com>", "Contact__c": "Text1", "Industry": "Acme GmbH" })
        );
        let deal = replaced("Opportunity", &deal);
        assert_eq!(deal, json!({ "Name": "Name2", "Internal__c": "call +1 555 0002 at 10" }));
        assert_eq!(
            in_m3ter,
            json!({ "name": "Name1", "emailAddress": "person1@example.com", "code": "x",
                "address": { "addressLine1": "Place1", "addressLine2": "Place2", "country": "DE" },
                "customFields": { "phone": "+1 555 0001", "note": "Name2, Ltd" } })
        );
        assert_eq!(
            (other, stranger),
            (json!({ "name": "Contract of Name1" }), json!({ "name": "Name3" }))
        );
    }
}
