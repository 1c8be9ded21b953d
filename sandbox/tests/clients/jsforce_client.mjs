// jsforce, Salesforce's client for Node, against the emulated org.

import assert from "node:assert/strict";
import jsforce from "jsforce";

const loginUrl = process.argv[2];
const connect = async () => {
  const connection = new jsforce.Connection({ oauth2: { clientId: "sandbox", clientSecret: "sandbox", loginUrl }, version: "60.0" });
  const user = await connection.authorize({ grant_type: "client_credentials" });
  assert.equal(user.id, "005S90000000001IAA");
  return connection;
};

const connection = await connect();
const deal = "006S900000795MMIAY";
const result = await connection.query(
  `SELECT Id, Name, Account.Name, (SELECT Id, UnitPrice FROM OpportunityLineItems ORDER BY SortOrder NULLS LAST, Id) FROM Opportunity WHERE Id = '${deal}'`,
);
assert.equal(result.totalSize, 1);
assert.equal(result.records[0].Account.Name, "Acme Corporation");
assert.equal(result.records[0].OpportunityLineItems.records[0].UnitPrice, 0.05);
assert.ok(connection.limitInfo.apiUsage.limit > 0);

const described = await connection.sobject("OpportunityLineItem").describe();
assert.ok(described.fields.some((field) => field.name === "M3ter_Price_Bands__c"));
const identity = await connection.identity();
assert.equal(identity.user_id, "005S90000000001IAA");

const created = await connection.sobject("Account").create({ Name: "Made by a test" });
assert.ok(created.success);
assert.equal((await connection.sobject("Account").retrieve(created.id)).Name, "Made by a test");
assert.ok((await connection.sobject("Account").update({ Id: created.id, BillingCity: "Paris" })).success);
const updates = await connection.sobject("Account").update([
  { Id: created.id, BillingCity: "Rome" },
  { Id: "001S90000000000AAA", BillingCity: "Oslo" },
]);
assert.deepEqual(updates.map((update) => update.success), [true, false]);
assert.equal((await connection.sobject("Account").retrieve(created.id)).BillingCity, "Rome");
assert.ok((await connection.sobject("Account").destroy(created.id)).success);
await assert.rejects(connection.sobject("Account").retrieve(created.id), { errorCode: "ENTITY_IS_DELETED" });
await assert.rejects(connection.query("SELECT Nothing__c FROM Opportunity"), { errorCode: "INVALID_FIELD" });

// A deal as it is made in an org: the line from the deal, the price, the quantity and the unit price alone.
const make = async (object, fields) => {
  const result = await connection.sobject(object).create(fields);
  assert.ok(result.success, JSON.stringify(result));
  return result.id;
};
const account = await make("Account", { Name: "Bought by a test", Industry: "Media" });
const product = await make("Product2", { Name: "Tests", ProductCode: "TESTS", IsActive: true });
const standard = (await connection.query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")).records[0].Id;
const entry = await make("PricebookEntry", { Pricebook2Id: standard, Product2Id: product, UnitPrice: 0.25, IsActive: true });
const won = await make("Opportunity", { Name: "Tests for all", AccountId: account, StageName: "Closed Won", CloseDate: "2026-01-31" });
const line = await make("OpportunityLineItem", { OpportunityId: won, PricebookEntryId: entry, Quantity: 4, UnitPrice: 0.2 });
const made = await connection.sobject("OpportunityLineItem").retrieve(line);
assert.deepEqual(
  [made.Name, made.ProductCode, made.Product2Id, made.ListPrice, made.TotalPrice, made.CurrencyIsoCode],
  ["Tests for all Tests", "TESTS", product, 0.25, 0.8, "USD"],
);
const { IsWon, Amount, Pricebook2Id } = await connection.sobject("Opportunity").retrieve(won);
assert.deepEqual([IsWon, Amount, Pricebook2Id], [true, 0.8, standard]);
const codes = [{ M3ter_Account_Code__c: "TESTS-1", Name: "A" }, { M3ter_Account_Code__c: "TESTS-2", Name: "B" }];
const upserted = await connection.sobject("Account").upsert(codes, "M3ter_Account_Code__c");
assert.deepEqual(upserted.map((row) => [row.success, row.created]), [[true, true], [true, true]]);
const again = await connection.sobject("Account").upsert({ M3ter_Account_Code__c: "TESTS-1", Name: "C" }, "M3ter_Account_Code__c");
assert.ok(again.success && (await connection.query("SELECT Id FROM Account WHERE Name = 'C'")).totalSize === 1);
const destroyed = await connection.sobject("Account").destroy(upserted.map((row) => row.id));
assert.ok(destroyed.every((row) => row.success));

let refreshed = 0;
const expired = new jsforce.Connection({
  instanceUrl: loginUrl,
  accessToken: "00D!expired",
  version: "60.0",
  refreshFn: async (_, callback) => {
    refreshed += 1;
    callback(null, (await connect()).accessToken);
  },
});
assert.equal((await expired.query("SELECT Id FROM User")).totalSize, 1);
assert.equal(refreshed, 1);
console.log("jsforce is content");
