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
