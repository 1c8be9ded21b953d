// Takes the pictures of README from a running sandbox: node pictures.mjs http://127.0.0.1:8080 FOLDER [WIDTH …]
import { chromium } from "playwright-core";

const [address, folder, ...widths] = process.argv.slice(2);
const deals = ["006S900000795MMIAY", "006S90000079FIVIA2", "006S900000795MNIAY", "006S90000079NOTIA2", "006S90000079EURIA2", "006S90000079DELIA2"];
const runs = {};
for (const deal of deals) {
  const answer = await fetch(`${address}/sync-to-m3ter/${deal}`, { method: "POST" });
  runs[deal] = (await answer.json()).syncRunId;
}
const preview = await (await fetch(`${address}/sync-to-m3ter/006S90000079FIVIA2?dryRun=true`, { method: "POST" })).json();
const verified = await fetch(`${address}/verifications`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
const { verificationId } = await verified.json();
for (let state = "running"; state === "running"; ) {
  await new Promise((done) => setTimeout(done, 200));
  ({ state } = await (await fetch(`${address}/verifications/${verificationId}`)).json());
}
const pages = {
  verifications: "/console/verifications",
  verification: `/console/verifications/${verificationId}`,
  overview: "/console",
  record: `/console/records/${deals[1]}`,
  failing: `/console/records/${deals[2]}`,
  runs: "/console/runs",
  run: `/console/runs/${runs[deals[1]]}`,
  refused: `/console/runs/${runs[deals[2]]}`,
  preview: `/console/runs/${preview.syncRunId}`,
  end: `/console/records/${deals[1]}/end`,
  find: "/console/find?q=nothing",
  mappings: "/console/mappings",
  keys: "/console/keys",
  fault: "/console/runs/none",
};
const browser = await chromium.launch({ executablePath: process.env.TEST_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const colorScheme of ["light", "dark"]) {
  for (const width of widths.length ? widths.map(Number) : [1280]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 } });
    const page = await context.newPage();
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(address + path);
      await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png`, fullPage: widths.length > 0 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) console.log(`${name} at ${width}: ${overflow} px too wide`);
    }
    await context.close();
  }
}
await browser.close();
