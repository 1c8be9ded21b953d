"""simple-salesforce against the emulated org. It speaks https to *.salesforce.com only: an adapter leads it to loopback."""

import sys
from urllib.parse import urlsplit, urlunsplit

import requests
from simple_salesforce import Salesforce, SalesforceMalformedRequest, SalesforceResourceNotFound
from simple_salesforce.login import SalesforceLogin

base = urlsplit(sys.argv[1])


class Loopback(requests.adapters.HTTPAdapter):
    def send(self, request, **kwargs):
        parts = urlsplit(request.url)
        request.url = urlunsplit((base.scheme, base.netloc, parts.path, parts.query, parts.fragment))
        return super().send(request, **kwargs)


session = requests.Session()
session.mount("https://", Loopback())
session_id, _ = SalesforceLogin(session=session, consumer_key="sandbox", consumer_secret="sandbox", domain="sandbox.my")
sf = Salesforce(instance="sandbox.my.salesforce.com", session_id=session_id, session=session, version="60.0")

deal = "006S900000795MMIAY"
rows = sf.query(
    f"SELECT Id, Name, Account.Name, Account.Owner.Name, (SELECT Id, UnitPrice, Product2.ProductCode FROM OpportunityLineItems) FROM Opportunity WHERE Id = '{deal}'"
)
assert rows["totalSize"] == 1 and rows["done"], rows
row = rows["records"][0]
assert row["Account"]["Name"] == "Acme Corporation" and row["Account"]["Owner"]["Name"] == "m3ter Integration", row
assert row["OpportunityLineItems"]["records"][0]["Product2"]["ProductCode"] == "API_CALLS", row
assert sf.query("SELECT Id FROM Opportunity WHERE Name LIKE 'Initech%' AND (Amount > 50000 OR CurrencyIsoCode = 'EUR')")["totalSize"] == 2
assert sf.query("SELECT COUNT() FROM Product2 WHERE ProductCode IN ('API_CALLS', 'SEATS')")["totalSize"] == 2

names = [product["Name"] for product in sf.query_all_iter("SELECT Name FROM Product2 ORDER BY Name DESC", headers={"Sforce-Query-Options": "batchSize=2"})]
assert len(names) == 6 and names == sorted(names, reverse=True), names

described = {field["name"]: field for field in sf.Opportunity.describe()["fields"]}
assert described["AccountId"]["referenceTo"] == ["Account"] and described["Amount"]["type"] == "currency"
assert "Opportunity" in {sobject["name"] for sobject in sf.describe()["sobjects"]}
assert sf.limits()["DailyApiRequests"]["Max"] > 0

created = sf.Account.create({"Name": "Made by a test", "M3ter_Billing_Email__c": "a@b.example"})
assert created["success"], created
assert sf.Account.get(created["id"])["Name"] == "Made by a test"
assert sf.Account.update(created["id"][:15], {"BillingCity": "Paris"}) == 204
assert sf.Account.get(created["id"])["BillingCity"] == "Paris"
assert sf.Account.delete(created["id"]) == 204
try:
    sf.Account.get(created["id"])
    raise AssertionError("a deleted record was given")
except SalesforceResourceNotFound as error:
    assert error.content[0]["errorCode"] == "ENTITY_IS_DELETED", error.content
assert sf.query(f"SELECT Id FROM Account WHERE Id = '{created['id']}' AND IsDeleted = true", include_deleted=True)["totalSize"] == 1

# A deal as it is made in an org: the line from the deal, the price, the quantity and the unit price alone.
account = sf.Account.create({"Name": "Bought by a test", "Industry": "Media", "Website": "https://bought.example"})["id"]
product = sf.Product2.create({"Name": "Tests", "ProductCode": "TESTS", "IsActive": True})["id"]
standard = sf.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")["records"][0]["Id"]
entry = sf.PricebookEntry.create({"Pricebook2Id": standard, "Product2Id": product, "UnitPrice": 0.25, "IsActive": True})["id"]
won = sf.Opportunity.create({"Name": "Tests for all", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-01-31"})["id"]
line = sf.OpportunityLineItem.create({"OpportunityId": won, "PricebookEntryId": entry, "Quantity": 4, "UnitPrice": 0.2})["id"]
made = sf.OpportunityLineItem.get(line)
assert made["Name"] == "Tests for all Tests" and made["ProductCode"] == "TESTS" and made["Product2Id"] == product, made
assert float(made["ListPrice"]) == 0.25 and float(made["TotalPrice"]) == 0.8 and made["CurrencyIsoCode"] == "USD", made
made = sf.query(f"SELECT IsWon, Amount, CurrencyIsoCode, OwnerId, Pricebook2Id FROM Opportunity WHERE Id = '{won}'")["records"][0]
assert made["IsWon"] and float(made["Amount"]) == 0.8 and made["CurrencyIsoCode"] == "USD", made
assert made["OwnerId"] == "005S90000000001IAA" and made["Pricebook2Id"] == standard, made
upserted = sf.Account.upsert("M3ter_Account_Code__c/TESTS-1", {"Name": "Found by its code"})
assert upserted == 201 and sf.Account.get_by_custom_id("M3ter_Account_Code__c", "TESTS-1")["Name"] == "Found by its code", upserted
assert sf.Account.upsert("M3ter_Account_Code__c/TESTS-1", {"BillingCity": "Paris"}) == 200
for fields, code in [
    ({"OpportunityId": won, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1, "Name": "A name"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ({"OpportunityId": won, "PricebookEntryId": entry, "UnitPrice": 1}, "REQUIRED_FIELD_MISSING"),
]:
    try:
        sf.OpportunityLineItem.create(fields)
        raise AssertionError(f"{fields} was taken")
    except SalesforceMalformedRequest as error:
        assert error.content[0]["errorCode"] == code, error.content

for soql, code in [
    ("SELECT Nothing__c FROM Opportunity", "INVALID_FIELD"),
    ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
    ("SELECT Id FROM", "MALFORMED_QUERY"),
    ("SELECT Id FROM Opportunity WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR"),
]:
    try:
        sf.query(soql)
        raise AssertionError(f"{soql} was answered")
    except SalesforceMalformedRequest as error:
        assert error.content[0]["errorCode"] == code, error.content

collection = sf.restful(
    "composite/sobjects",
    method="PATCH",
    json={"allOrNone": False, "records": [
        {"attributes": {"type": "Opportunity"}, "id": deal, "M3ter_Contract_Id__c": "x"},
        {"attributes": {"type": "Opportunity"}, "id": deal, "M3ter_Contract_Id__c": "x" * 37},
    ]},
)
assert [result["success"] for result in collection] == [True, False], collection
assert collection[1]["errors"][0]["statusCode"] == "STRING_TOO_LONG", collection
print("simple-salesforce is content")
