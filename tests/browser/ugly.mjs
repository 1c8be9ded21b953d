// Records as no example has them, made in the two emulators: names at the limit of their field, markup, writing from right
// to left, prices of many digits, deals of many lines, terms of a day and of fifty years.

const PRICE_BOOK = "01sS90000000001IAA";

/** A name of that many characters, without a space at which a line could be broken. */
export function longName(characters, word) {
  const begin = `<b>"O'Brien"&${word}_שלום_`;
  return begin + "W".repeat(characters - begin.length);
}

/** What a vendor answers at its worst: markup, and more than anybody reads. */
export const LONG_MESSAGE = `<script>alert("1")</script> ${"https://vendor.example/".padEnd(300, "x")} ${"The request could not be carried out. ".repeat(100)}`;

/** Speaks to the emulated org and the emulated m3ter organization. */
export class Emulators {
  #token;

  constructor(org, organization) {
    this.org = org;
    this.organization = organization;
  }

  async #json(url, method, body, headers = {}) {
    const answer = await fetch(url, { method, headers: { "content-type": "application/json", ...headers }, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return text ? JSON.parse(text) : undefined;
  }

  control(vendor, method, path, body) {
    return this.#json(`${this[vendor]}/sandbox/${path}`, method, body);
  }

  /** Creates a record, and answers with its id. */
  async create(object, fields) {
    return (await this.#rest("POST", `sobjects/${object}`, fields)).id;
  }

  async update(object, id, fields) {
    await this.#rest("PATCH", `sobjects/${object}/${id}`, fields);
  }

  async #rest(method, path, body) {
    if (!this.#token) {
      const form = new URLSearchParams({ grant_type: "client_credentials", client_id: "sandbox", client_secret: "sandbox" });
      const answer = await fetch(`${this.org}/services/oauth2/token`, { method: "POST", body: form });
      this.#token = (await answer.json()).access_token;
    }
    return this.#json(`${this.org}/services/data/v60.0/${path}`, method, body, { authorization: `Bearer ${this.#token}` });
  }

  /** Makes products that both systems know, and answers with the ids of their price book entries. */
  async products(count) {
    const state = await this.control("organization", "GET", "state");
    const entries = [];
    for (let number = 0; number < count; number += 1) {
      const code = `UGLY_${number}`;
      const name = longName(200, code);
      const id = (kind) => `0000${kind}-0000-4000-8000-${String(number).padStart(12, "0")}`;
      state.products.push({ id: id("a1a1"), name, code });
      state.meters.push({ id: id("a2a2"), name, code, productId: id("a1a1"), dataFields: [{ category: "MEASURE", code: "quantity", name: "Quantity", unit: "units" }], derivedFields: [] });
      state.aggregations.push({ id: id("a3a3"), name, code, meterId: id("a2a2"), targetField: "quantity", aggregation: "SUM", rounding: "NONE", quantityPerUnit: 1, unit: "units" });
      state.plantemplates.push({ id: id("a4a4"), name, code, productId: id("a1a1"), currency: "USD", standingCharge: 0, billFrequency: "MONTHLY", billFrequencyInterval: 1 });
      const product = await this.create("Product2", { Name: longName(255, code), ProductCode: code, IsActive: true });
      entries.push(await this.create("PricebookEntry", { Pricebook2Id: PRICE_BOOK, Product2Id: product, UnitPrice: 0.05, IsActive: true }));
    }
    await this.control("organization", "PUT", "state", state);
    return entries;
  }

  /** An Account whose name is as long as one may be. */
  account(word, fields = {}) {
    return this.create("Account", { Name: longName(255, word), CurrencyIsoCode: "USD", M3ter_Billing_Email__c: "billing@ugly.example", ...fields });
  }

  /** A won deal with a line for each price book entry; `line` says what is odd about it. */
  async deal(account, entries, fields = {}, line = () => ({})) {
    const deal = await this.create("Opportunity", { Name: longName(120, "deal"), AccountId: account, StageName: "Closed Won", CloseDate: "2026-01-01", End_Date__c: "2026-12-31", M3ter_Commitment_Amount__c: 1234567890.12, ...fields });
    for (const [number, entry] of entries.entries()) {
      await this.create("OpportunityLineItem", { OpportunityId: deal, PricebookEntryId: entry, Quantity: 1, UnitPrice: 0.05, SortOrder: number, ...line(number) });
    }
    return deal;
  }
}

/** Forty bands with prices of as many digits as m3ter keeps. */
const BANDS = Array.from({ length: 40 }, (_, row) => `${row * 1_000_000} ; 0.0000012345678${(90 - row).toString()} ; ${row * 1000}.01`).join("\n");

/** The line of that number: some ordinary, some at the edge of what a price or a term can be. */
function oddLine(number) {
  switch (number % 6) {
    case 1: return { M3ter_Price_Bands__c: BANDS, M3ter_Pricing_Type__c: "Tiered" };
    case 2: return { UnitPrice: -0.05 };
    case 3: return { ServiceDate: "2026-03-01", M3ter_End_Date__c: "2026-03-01" };
    case 4: return { M3ter_Unit_Price__c: 1234567.12345678, ServiceDate: "2040-02-29" };
    case 5: return { M3ter_End_Date__c: "2030-06-30" };
    default: return {};
  }
}

/** Makes all of it. Answers with the records, by what is ugly about them. */
export async function makeUgly(emulators, lines) {
  const entries = await emulators.products(lines);
  const few = entries.slice(0, 3);
  return {
    long: await emulators.deal(await emulators.account("long"), entries, { CloseDate: "2026-01-01", End_Date__c: "2075-12-31" }, oddLine),
    oneDay: await emulators.deal(await emulators.account("day"), few, { CloseDate: "2026-06-15", End_Date__c: "2026-06-15" }),
    refused: await emulators.deal(await emulators.account("refused"), few),
    away: await emulators.deal(await emulators.account("away"), few),
    withoutEmail: await emulators.deal(await emulators.account("no email", { M3ter_Billing_Email__c: null }), few),
    changed: await emulators.deal(await emulators.account("changed"), few),
  };
}
