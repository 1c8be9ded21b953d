// Looks at each page of the console with ugly data in it: node ugly_walk.mjs ADDRESS ORG ORGANIZATION OPERATOR_KEY
// Prints one line for each thing that is wrong, and exits with 1 if there is one.
import { Judge } from "./judge.mjs";
import { Emulators, LONG_MESSAGE, longName, makeUgly } from "./ugly.mjs";

const [address, org, organization, operatorKey] = process.argv.slice(2);
const judge = await Judge.launch(address);
const emulators = new Emulators(org, organization);

async function api(method, path, body) {
  const headers = { authorization: `Bearer ${operatorKey}`, "content-type": "application/json" };
  const answer = await fetch(address + path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const synced = async (record, query = "") => (await api("POST", `/sync-to-m3ter/${record}${query}`)).syncRunId;
const begun = async (record) => (await api("POST", "/sync-runs", { parentRecordId: record })).syncRunId;
const run = (id) => `/console/runs/${id}`;
const record = (id) => `/console/records/${id}`;

async function until(what, holds) {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await holds()) return;
    await new Promise((next) => setTimeout(next, 100));
  }
  throw new Error(`it did not happen that ${what}`);
}

const { context, page } = await judge.visitor();
await page.goto(`${address}/console`);
await page.getByLabel("API key").fill(operatorKey);
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("heading", { name: "Overview" }).waitFor();

/** Opens each page and looks at it. */
async function look(pages) {
  for (const path of pages) {
    const answer = await page.goto(address + path);
    judge.expect(answer.status() < 500, `${path} is answered ${answer.status()}`);
    const text = await answer.text();
    judge.expect(!text.includes("<script>alert") && !text.includes("<b>"), `${path} has markup of a name or a message`);
    await judge.judge(page);
  }
}

// Nothing has happened yet.
const lists = ["/console", "/console/runs", "/console/runs?unresolved=true", "/console/verifications", "/console/mappings", "/console/keys", "/console/find"];
await look(lists);

const ugly = await makeUgly(emulators, 45);
const refusal = { method: "POST", path: "/contracts", fault: { kind: "status", status: 400, message: LONG_MESSAGE } };
await emulators.control("organization", "POST", "faults", refusal);
const refused = await synced(ugly.refused);
const withoutEmail = await synced(ugly.withoutEmail);
const oneDay = await synced(ugly.oneDay);
await synced(ugly.changed);
await emulators.update("Opportunity", ugly.changed, { M3ter_Commitment_Amount__c: -3, Name: longName(120, "changed"), End_Date__c: "2027-06-30" });
const changed = await synced(ugly.changed, "?dryRun=true");
const previewed = await synced(ugly.long, "?dryRun=true");
const long = await synced(ugly.long);
await emulators.control("organization", "POST", "faults", { ...refusal, times: 1_000, fault: { ...refusal.fault, status: 503 } });
const away = await begun(ugly.away);
await until("the run is to be tried again", async () => (await api("GET", `/sync-runs/${away}`)).state === "retrying");
await page.goto(address + record(ugly.away));
judge.expect(await page.getByText("Tried again by itself").isVisible(), "a sync that will be tried again does not say so");
await emulators.control("organization", "DELETE", "faults");
// Two, of which the second one is compared with the first.
let verification;
for (let count = 0; count < 2; count += 1) {
  verification = (await api("POST", "/verifications", {})).verificationId;
  await until("the verification is complete", async () => (await api("GET", `/verifications/${verification}`)).state === "completed");
}
const found = `/console/verifications/${verification}`;
await look([
  ...lists,
  ...[refused, withoutEmail, oneDay, changed, previewed, long, away].map(run),
  ...Object.values(ugly).map(record),
  `${record(ugly.long)}/end`,
  found,
  `${found}?status=partial`,
  `/console/find?q=${encodeURIComponent(longName(300, "sought"))}`,
  `/console/runs?errorCode=${"NOTHING_".repeat(20)}`,
  `/console/runs?since=2026-01-01`,
  `/console/runs?requestedBy=${encodeURIComponent(longName(200, "caller"))}`,
  "/console/runs/none",
  "/console/runs?syncStatus=Great",
]);

// All that is closed is opened.
for (const path of [run(previewed), run(long), record(ugly.long), found]) {
  await page.goto(address + path);
  await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
  await judge.judge(page);
}
for (const path of ["/console", "/console/runs", record(ugly.oneDay), run(changed), found]) {
  await page.goto(address + path);
  await judge.tab(page);
}

// A service that is paused, and a run that waits for its end.
await api("POST", "/pause", { reason: LONG_MESSAGE.slice(0, 500) });
const waiting = await begun(ugly.oneDay);
await look(["/console", run(waiting), record(ugly.oneDay)]);
await page.goto(address + run(waiting));
judge.expect(await page.getByText("The service is paused").isVisible(), "a run that waits does not say that the service is paused");
await api("POST", "/resume", {});

// What a page says to somebody who bills.
await page.goto(address + record(ugly.withoutEmail));
judge.expect(await page.getByText("Not in m3ter").isVisible(), "a record of which m3ter has nothing is not said to be missing");
judge.expect((await page.getByText("What to do:").count()) === 1, "a reason is not told once");
await context.close();
await judge.finish();
