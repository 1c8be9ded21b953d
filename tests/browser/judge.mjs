// What every page of the console must be, in both themes and at every width.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
// 320 is what 1,280 are at a zoom of 400 %.
const WIDTHS = [320, 360, 768, 1280, 2560];

/** A browser, and what is wrong in it: one line for each thing. */
export class Judge {
  #wrong = new Set();

  static async launch(...addresses) {
    const judge = new Judge();
    judge.origins = addresses;
    judge.browser = await chromium.launch({ executablePath: process.env.TEST_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
    return judge;
  }

  say(text) {
    this.#wrong.add(text);
  }

  expect(holds, text) {
    if (!holds) this.say(text);
  }

  /** A visitor of their own, in whose pages every request, report and error is watched. */
  async visitor(options = {}) {
    const context = await this.browser.newContext(options);
    context.on("request", (request) => {
      const { origin } = new URL(request.url());
      if (!this.origins.includes(origin)) this.say(`a request to ${request.url()}`);
    });
    const page = await context.newPage();
    this.watch(page);
    return { context, page };
  }

  watch(page) {
    page.on("console", (message) => {
      // The browser itself notes an answer of an error, which some pages are.
      const isAnswer = /Failed to load resource/.test(message.text());
      if (message.type() === "error" && !isAnswer) this.say(`the browser's console at ${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.say(`a script error at ${page.url()}: ${error.message}`));
  }

  /** Everything that a page must be, but for the keyboard. */
  async judge(page) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      this.expect(passes.length > 10, `axe looked at too little of ${page.url()}`);
      for (const { id, nodes } of violations) this.say(`axe ${id} (${colorScheme}) at ${page.url()}: ${nodes[0].html.slice(0, 160)}`);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        for (const fault of await page.evaluate(faults)) this.say(`${page.url()} at ${width} (${colorScheme}): ${fault}`);
      }
      await page.setViewportSize({ width: 1280, height: 900 });
    }
  }

  /** Goes through a page by the keyboard: the first stop skips the navigation, and each is seen. */
  async tab(page) {
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("Tab");
    const first = await page.evaluate(() => document.activeElement.className);
    this.expect(first === "skip", `the keyboard begins at ${first} on ${page.url()}`);
    for (let stop = 0; stop < 40; stop += 1) {
      const at = await page.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const { top, bottom, left, right } = element.getBoundingClientRect();
        const isSeen = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
        return { name: element.outerHTML.slice(0, 100), isMarked: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2, isSeen, isBody: element === document.body };
      });
      if (at.isBody) return;
      this.expect(at.isMarked && at.isSeen, `the keyboard's place is not seen on ${page.url()}: ${at.name}`);
      await page.keyboard.press("Tab");
    }
  }

  /** Prints what is wrong, and exits with 1 if anything is. */
  async finish() {
    await this.browser.close();
    for (const line of this.#wrong) console.log(line);
    process.exit(this.#wrong.size > 0 ? 1 : 0);
  }
}

/** What is wrong with the page as it stands; runs in the browser. */
function faults() {
  const found = [];
  const { scrollWidth, clientWidth } = document.scrollingElement;
  if (scrollWidth > clientWidth) found.push(`${scrollWidth - clientWidth} px too wide`);
  const ids = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    for (const { 0: id, index } of node.data.matchAll(ids)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + id.length);
      if (range.getClientRects().length > 1) found.push(`the id ${id} is broken`);
    }
  }
  for (const text of document.querySelectorAll("svg text")) {
    const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
    if (size < 9) found.push(`"${text.textContent}" is ${size.toFixed(1)} px high`);
  }
  for (const time of document.querySelectorAll("time")) {
    if (!time.title || !time.dateTime) found.push(`${time.textContent} has no exact time`);
  }
  if (document.getAnimations().length > 0) found.push("something moves");
  return found;
}
