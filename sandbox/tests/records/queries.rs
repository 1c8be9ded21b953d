//! What the org answers to queries that people write.

use reqwest::Method;
use serde_json::json;

use super::org::Org;

const DEAL: &str = "006S900000795MMIAY";
const LINE: &str = "00kS900000079M1IAI";

#[tokio::test]
async fn numbers_are_read_as_java_writes_them() {
    let org = Org::new().await;
    for (written, read) in [
        ("0.00001", "1.0E-5"),
        ("1.0E-5", "1.0E-5"),
        ("12345678.9", "1.23456789E7"),
        ("1.23456789E7", "1.23456789E7"),
        ("5", "5.0"),
        ("0.001", "0.001"),
        ("9999999", "9999999.0"),
        ("10000000", "1.0E7"),
    ] {
        let body =
            serde_json::from_str(&format!("{{\"M3ter_Unit_Price__c\":{written},\"SortOrder\":7}}"))
                .unwrap();
        let path = format!("sobjects/OpportunityLineItem/{LINE}");
        assert_eq!(org.ask(Method::PATCH, &path, Some(&body)).await.0, 204, "{written}");
        let fields = "M3ter_Unit_Price__c, SortOrder";
        for path in [
            format!(
                "query?q=SELECT+M3ter_Unit_Price__c,+SortOrder+FROM+OpportunityLineItem+WHERE+Id='{LINE}'"
            ),
            format!(
                "query?q=SELECT+Id,+(SELECT+{}+FROM+OpportunityLineItems)+FROM+Opportunity+WHERE+Id='{DEAL}'",
                fields.replace(' ', "+")
            ),
            path.clone(),
            format!("{path}?fields={}", fields.replace(' ', "")),
        ] {
            let text = org.text(&path).await;
            assert!(
                text.contains(&format!("\"M3ter_Unit_Price__c\":{read},")),
                "{path}: {read}: {text}"
            );
            assert!(
                text.contains("\"SortOrder\":7") && !text.contains("\"SortOrder\":7."),
                "{path}: {text}"
            );
        }
    }
    let url = format!("/services/data/v60.0/sobjects/Opportunity/{DEAL}");
    assert_eq!(org.record("Opportunity", DEAL).await["attributes"]["url"], url);
    assert_eq!(
        org.record("Opportunity", DEAL).await["Probability"].to_string(),
        json!(100.0).to_string()
    );
}

/// What a query is answered: how many rows, or the code of the refusal.
#[derive(Debug, PartialEq)]
enum Answer {
    Rows(u64),
    Refused(&'static str),
}

use Answer::{Refused, Rows};

#[tokio::test]
async fn queries_that_people_write_are_answered_as_an_org_does() {
    let org = Org::new().await;
    for (soql, expected) in [
        // Dates told from today: the example deals close in 2026, and the org's records are from
        // before today.
        (
            "SELECT Id FROM Opportunity WHERE CloseDate > LAST_N_YEARS:50 AND CloseDate < NEXT_N_YEARS:50",
            Rows(5),
        ),
        ("SELECT Id FROM Opportunity WHERE CloseDate < LAST_N_YEARS:50", Rows(0)),
        ("SELECT Id FROM Opportunity WHERE CloseDate >= LAST_N_DAYS:9999", Rows(5)),
        (
            "SELECT Id FROM Opportunity WHERE CloseDate = NEXT_N_DAYS:1 AND CloseDate = TODAY",
            Rows(0),
        ),
        ("SELECT Id FROM Opportunity WHERE LastModifiedDate > TOMORROW", Rows(0)),
        (
            "SELECT Id FROM Opportunity WHERE End_Date__c >= THIS_YEAR OR End_Date__c < THIS_YEAR",
            Rows(5),
        ),
        ("SELECT Id FROM Opportunity WHERE LastModifiedDate > 1999-01-01T00:00:00Z", Rows(5)),
        ("SELECT Id FROM Opportunity WHERE CloseDate = THIS_DECADE", Refused("MALFORMED_QUERY")),
        ("SELECT Id FROM Opportunity WHERE CloseDate = LAST_N_DAYS", Refused("MALFORMED_QUERY")),
        // Counts, sums and groups.
        ("SELECT COUNT() FROM Opportunity", Rows(5)),
        ("SELECT COUNT(Id) FROM Opportunity", Rows(1)),
        ("SELECT COUNT(Id) total FROM Opportunity WHERE IsWon = true", Rows(1)),
        ("SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName", Rows(1)),
        ("SELECT AccountId, COUNT(Id) FROM Opportunity GROUP BY AccountId", Rows(3)),
        (
            "SELECT AccountId, COUNT(Id) deals FROM Opportunity GROUP BY AccountId HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC",
            Rows(1),
        ),
        (
            "SELECT Account.Name, SUM(Amount) FROM Opportunity GROUP BY Account.Name ORDER BY Account.Name LIMIT 2",
            Rows(2),
        ),
        ("SELECT MIN(CloseDate), MAX(CloseDate), AVG(Amount) FROM Opportunity", Rows(1)),
        ("SELECT COUNT_DISTINCT(AccountId) FROM Opportunity", Rows(1)),
        ("SELECT Name, COUNT(Id) FROM Opportunity GROUP BY StageName", Refused("MALFORMED_QUERY")),
        (
            "SELECT CALENDAR_YEAR(CloseDate), COUNT(Id) FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate)",
            Refused("MALFORMED_QUERY"),
        ),
        // All fields of an object.
        ("SELECT FIELDS(ALL) FROM Opportunity LIMIT 200", Rows(5)),
        ("SELECT FIELDS(STANDARD) FROM Opportunity", Rows(5)),
        ("SELECT Id, FIELDS(CUSTOM) FROM Account LIMIT 3", Rows(3)),
        ("SELECT FIELDS(ALL) FROM Opportunity", Refused("MALFORMED_QUERY")),
        ("SELECT FIELDS(CUSTOM) FROM Opportunity LIMIT 201", Refused("MALFORMED_QUERY")),
        ("SELECT FIELDS(SOME) FROM Opportunity LIMIT 1", Refused("MALFORMED_QUERY")),
        // A query within a condition.
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)",
            Rows(3),
        ),
        ("SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity)", Rows(3)),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId, Name FROM Opportunity)",
            Refused("MALFORMED_QUERY"),
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT Nothing FROM Opportunity)",
            Refused("INVALID_FIELD"),
        ),
        // Names for objects, and what is shown otherwise.
        (
            "SELECT o.Id, o.Account.Name FROM Opportunity o WHERE o.IsWon = true ORDER BY o.Name",
            Rows(5),
        ),
        (
            "SELECT toLabel(StageName), FORMAT(Amount) shown, convertCurrency(Amount) FROM Opportunity",
            Rows(5),
        ),
        ("SELECT Id FROM Opportunity USING SCOPE everything WHERE Amount > USD5", Rows(5)),
        (
            "SELECT Id FROM Opportunity WHERE Name LIKE 'Acme%' WITH SECURITY_ENFORCED LIMIT 1 FOR VIEW",
            Rows(1),
        ),
        // A wildcard behind a backslash is itself.
        ("SELECT Id FROM Opportunity WHERE Name LIKE '%_e%'", Rows(5)),
        (r"SELECT Id FROM Opportunity WHERE Name LIKE '%\_e%'", Rows(0)),
        (r"SELECT Id FROM Opportunity WHERE Name LIKE '%\%%'", Rows(0)),
        (r"SELECT Id FROM Account WHERE Name = '\u0041cme Corporation'", Rows(1)),
        ("SELECT Id FROM Opportunity ORDER BY CloseDate DESC NULLS LAST LIMIT 2 OFFSET 1", Rows(2)),
        ("SELECT Id FROM Opportunity OFFSET 2001", Refused("NUMBER_OUTSIDE_VALID_RANGE")),
        (
            "SELECT TYPEOF What WHEN Account THEN Name END FROM Opportunity",
            Refused("MALFORMED_QUERY"),
        ),
        ("SELECT Id FROM Opportunity WHERE StageName INCLUDES ('a')", Refused("MALFORMED_QUERY")),
        // Literals of the wrong kind.
        (
            "SELECT Id FROM Opportunity WHERE CloseDate = 2026-01-01T00:00:00Z",
            Refused("INVALID_FIELD"),
        ),
        ("SELECT Id FROM Opportunity WHERE CloseDate = '2026-01-01'", Refused("INVALID_FIELD")),
        ("SELECT Id FROM Opportunity WHERE CloseDate = 2026-01-01", Rows(1)),
        (
            "SELECT Id FROM Opportunity WHERE LastModifiedDate > 2026-01-01",
            Refused("INVALID_FIELD"),
        ),
        ("SELECT Id FROM Opportunity WHERE IsWon = 'true'", Refused("INVALID_FIELD")),
        ("SELECT Id FROM Opportunity WHERE Name = 5", Refused("INVALID_FIELD")),
        ("SELECT Id FROM Opportunity WHERE Amount = '5'", Refused("INVALID_FIELD")),
        ("SELECT Id FROM Opportunity WHERE Amount > TODAY", Refused("INVALID_FIELD")),
        ("SELECT Id FROM Opportunity WHERE Name = null AND Amount != null", Rows(0)),
        ("SELECT Id, Id FROM Opportunity", Refused("INVALID_FIELD")),
        ("SELECT Id, Name, name FROM Opportunity", Refused("INVALID_FIELD")),
        // Metadata.
        ("SELECT IsoCode, ConversionRate FROM CurrencyType WHERE IsActive = true", Rows(3)),
        ("SELECT QualifiedApiName FROM EntityDefinition WHERE KeyPrefix = '006'", Rows(1)),
        (
            "SELECT QualifiedApiName, Label FROM EntityDefinition WHERE QualifiedApiName = 'Order'",
            Rows(1),
        ),
        (
            "SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Product2' AND QualifiedApiName = 'ProductCode'",
            Rows(1),
        ),
        ("SELECT QualifiedApiName FROM FieldDefinition", Refused("MALFORMED_QUERY")),
        ("SELECT Id, Name FROM RecordType", Rows(0)),
        ("SELECT Id, Name FROM Profile", Rows(1)),
        ("SELECT Name, TrialExpirationDate FROM Organization", Rows(1)),
        ("SELECT Id FROM User", Rows(1)),
        // What is no query.
        ("SELECT FROM Opportunity", Refused("MALFORMED_QUERY")),
        ("SELECT Id FROM Nothing__c", Refused("INVALID_TYPE")),
        ("SELECT Id FROM Opportunity WHERE", Refused("MALFORMED_QUERY")),
        ("SELECT Id; DROP", Refused("MALFORMED_QUERY")),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        let (status, body) = org.ask(Method::GET, &format!("query?q={query}"), None).await;
        let answer = match (status, body[0]["errorCode"].as_str()) {
            (200, _) => Rows(body["totalSize"].as_u64().unwrap()),
            (_, Some(code)) => match expected {
                Refused(wanted) if wanted == code => Refused(wanted),
                _ => panic!("{soql}: {body}"),
            },
            _ => panic!("{soql}: {status} {body}"),
        };
        assert_eq!(answer, expected, "{soql}: {body}");
        // Whoever asks for what an org has and this one has not is told so.
        if ["TYPEOF", "INCLUDES", "CALENDAR_YEAR"].iter().any(|word| soql.contains(word)) {
            assert!(
                body[0]["message"]
                    .as_str()
                    .unwrap()
                    .contains("the emulated org does not support this part of SOQL"),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn grouped_values_have_the_aliases_that_the_query_gives_them() {
    let org = Org::new().await;
    let query = "SELECT Account.Name, COUNT(Id), SUM(Amount) total FROM Opportunity WHERE AccountId = '001S90000079INIIA2' GROUP BY Account.Name";
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let (_, body) = org.ask(Method::GET, &format!("query?q={query}"), None).await;
    let row = &body["records"][0];
    assert_eq!(
        (&row["attributes"]["type"], &row["Name"]),
        (&json!("AggregateResult"), &json!("Initech")),
        "{body}"
    );
    assert!(row["expr0"].as_u64() > Some(1) && row["total"].as_f64() > Some(0.0), "{body}");
}
