// Walks through the console in a real browser: node walk.mjs ADDRESS OTHER_REPLICA VIEWER_KEY OPERATOR_KEY
// Prints one line for each thing that is wrong, and exits with 1 if there is one.
import { Judge } from "./judge.mjs";

const [address, other, viewerKey, operatorKey] = process.argv.slice(2);
const judge = await Judge.launch(address, other);
const expect = (holds, text) => judge.expect(holds, text);

const DEAL = "006S90000079FIVIA2";
const REFUSED = "006S900000795MNIAY";

async function signIn(page, key) {
  await page.goto(`${address}/console`);
  expect(page.url().includes("/console/sign-in"), `a stranger sees ${page.url()}`);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

const ended = (page) => page.waitForFunction(() => !document.querySelector("main[data-live]"));

// A stranger.
{
  const { context, page } = await judge.visitor();
  for (const path of ["/console", "/console/runs", `/console/records/${DEAL}`, "/console/keys"]) {
    await page.goto(address + path);
    expect(page.url().startsWith(`${address}/console/sign-in`), `a stranger sees ${page.url()}`);
  }
  await judge.judge(page);
  await page.getByLabel("API key").fill("s2m_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  expect(await page.getByRole("alert").isVisible(), "a wrong key is not told");
  await judge.judge(page);
  await context.close();
}

// An operator: with the script, and without it.
for (const javaScriptEnabled of [true, false]) {
  const { context, page } = await judge.visitor({ javaScriptEnabled });
  const look = async () => { if (javaScriptEnabled) await judge.judge(page); };
  const over = async () => {
    if (javaScriptEnabled) return ended(page);
    for (let tries = 0; tries < 200 && (await page.locator("main[data-live]").count()) > 0; tries += 1) await page.reload();
  };
  await signIn(page, operatorKey);
  await look();
  await page.getByLabel("Find a record or a run").fill(`https://acme.lightning.force.com/lightning/r/Opportunity/${DEAL}/view`);
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("heading", { name: DEAL }).waitFor();
  await look();
  // By its name, for which Salesforce is asked on a second click.
  await page.getByLabel("Find a record or a run").fill("everything 20");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await look();
  await page.getByRole("button", { name: "Ask Salesforce for this name" }).click();
  await page.getByRole("link", { name: DEAL }).click();
  await page.getByRole("heading", { name: DEAL }).waitFor();
  await page.getByRole("button", { name: "Preview a sync" }).click();
  await over();
  await page.getByRole("button", { name: "Sync now" }).waitFor();
  await look();
  await page.getByRole("button", { name: "Sync now" }).click();
  await over();
  await page.getByText("Completed").first().waitFor();
  expect((await page.locator("table.fall rect.edge").count()) > 0, "no critical path is marked");
  await look();
  await page.getByRole("button", { name: "Run again" }).click();
  await over();
  // A deal that m3ter refuses in part, with its remedy.
  await page.goto(`${address}/console/records/${REFUSED}`);
  await page.getByRole("button", { name: "Preview a sync" }).click();
  await over();
  await page.getByRole("button", { name: "Sync now" }).click();
  await over();
  expect((await page.getByText("What to do:").count()) > 0, "no remedy is shown");
  await look();
  // Many records at once, and one of them put right from what was found.
  await page.getByRole("link", { name: "Verifications" }).click();
  await look();
  await page.getByLabel("Object", { exact: true }).selectOption("Opportunity");
  await page.getByRole("button", { name: "Verify" }).click();
  await over();
  await look();
  await page.getByRole("link", { name: /^partial/ }).click();
  await page.getByText("1 object").or(page.getByText(/\d objects/)).first().click();
  await look();
  await page.getByRole("button", { name: "Preview a sync" }).first().click();
  await over();
  await page.goto(`${address}/console/verifications`);
  await look();
  // The end of billing: a preview first.
  await page.goto(`${address}/console/records/${DEAL}/end`);
  await look();
  await page.getByLabel("End date").fill("2027-06-30");
  await page.getByRole("button", { name: "Preview" }).click();
  await over();
  await page.getByRole("button", { name: "End exactly this" }).waitFor();
  await look();
  // In the second pass it is done, as nothing comes after it.
  if (!javaScriptEnabled) {
    await page.getByRole("button", { name: "End exactly this" }).click();
    await over();
    expect(await page.getByText("Completed").first().isVisible(), "what was shown did not end");
  }
  for (const path of ["/console", "/console/runs", "/console/runs?errorCode=RECORD_NOT_FOUND", "/console/runs?unresolved=true", "/console/runs?state=ended&kind=sync&requestedBy=ops", "/console/mappings", "/console/keys", "/console/find", "/console/find?q=%3Cb%3E", "/console/runs/none"]) {
    await page.goto(address + path);
    await look();
  }
  // What the mappings say, and whether the org has it, for which both vendors are asked on a second click.
  await page.goto(`${address}/console/mappings`);
  await page.getByRole("button", { name: "Check against Salesforce and m3ter" }).click();
  await page.getByText("Checked just now").waitFor();
  for (const summary of await page.locator("summary").all()) await summary.click();
  expect(await page.getByRole("columnheader", { name: "Salesforce type" }).first().isVisible(), "the fields have no types");
  await look();
  // Another replica knows the session.
  if (other !== address) {
    const cookies = await context.cookies();
    const next = await judge.browser.newContext();
    await next.addCookies(cookies.map(({ name, value }) => ({ name, value, url: `${other}/console` })));
    const there = await next.newPage();
    await there.goto(`${other}/console/runs`);
    expect(there.url() === `${other}/console/runs`, "another replica does not know the session");
    await next.close();
  }
  await page.goto(`${address}/console`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto(`${address}/console/runs`);
  expect(page.url().includes("/console/sign-in"), "a session goes on after signing out");
  await context.close();
}

// A viewer, who is offered nothing that writes; and twelve open pages.
{
  const { context, page } = await judge.visitor();
  await signIn(page, viewerKey);
  await page.goto(`${address}/console/records/${DEAL}`);
  expect((await page.getByRole("button", { name: "Preview a sync" }).count()) === 0, "a viewer is offered a preview");
  expect((await page.getByRole("link", { name: "Keys" }).count()) === 0, "a viewer is offered the keys");
  await judge.judge(page);
  await page.goto(`${address}/console/runs`);
  await judge.judge(page);
  const run = await page.locator("tbody a[href^='/console/runs/']").first().getAttribute("href");
  const pages = await Promise.all(Array.from({ length: 12 }, async () => {
    const one = await context.newPage();
    judge.watch(one);
    await one.goto(address + run);
    return one;
  }));
  for (const one of pages) expect((await one.locator("h1").count()) === 1, "one of twelve pages is blank");
  await context.close();
}

// A page of another site, in a browser that is signed in.
{
  const { context, page } = await judge.visitor();
  await signIn(page, operatorKey);
  const site = address.replace("127.0.0.1", "localhost");
  const foreign = await context.newPage();
  await foreign.route(`${site}/elsewhere`, (route) => route.fulfill({
    contentType: "text/html",
    body: `<form method="post" action="${address}/console/records/${DEAL}/preview"><input name="token" value="x"><button>Go</button></form>`,
  }));
  context.removeAllListeners("request");
  await foreign.goto(`${site}/elsewhere`);
  const [answer] = await Promise.all([
    foreign.waitForResponse((response) => response.url().startsWith(address)),
    foreign.getByRole("button", { name: "Go" }).click(),
  ]);
  expect([401, 403].includes(answer.status()), `a page of another site is answered ${answer.status()}`);
  await context.close();
}

await judge.finish();
