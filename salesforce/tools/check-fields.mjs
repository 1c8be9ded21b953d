// Holds the fields that this project deploys against the built-in mappings: each custom field that a mapping names exists on its object with a type
// that fits its use. And against the permission sets: the integration user reads all of them and writes exactly what is written back; a caller reads all
// of them and writes neither that nor what says which object of m3ter is meant, which is for administrators.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { REPOSITORY, all, customFields, files, parse, read, report, text } from "./metadata.mjs";

const problems = [];
const fields = customFields();

/** Which object a relationship of a path leads to. */
const LEADS_TO = {
  Account: "Account",
  Contract: "Contract",
  Opportunity: "Opportunity",
  Order: "Order",
  Product2: "Product2",
  SBQQ__Account__r: "Account",
  SBQQ__Contract__r: "Contract",
  SBQQ__Opportunity2__r: "Opportunity",
  SBQQ__Product__r: "Product2",
  SBQQ__Quote__r: "SBQQ__Quote__c",
};

const is =
  (...types) =>
  (field) =>
    types.includes(text(field, "type"));
const holds = (length) => (field) => text(field, "type") === "Text" && Number(text(field, "length")) >= length;
const number = (field) => ["Number", "Currency"].includes(text(field, "type"));

/** What fits a use: the key in the mapping under which the field stands. */
const FITS = {
  skip: is("Checkbox"),
  leave_out: is("Checkbox"),
  when: is("Checkbox"),
  billing_line: is("Checkbox"),
  write_back: holds(36),
  joins_by: holds(80),
  months: (field) => is("Number")(field) && text(field, "scale") === "0",
  bands_text: is("LongTextArea"),
  unit_price: number,
  code: holds(80),
  purchaseOrderNumber: holds(100),
  emailAddress: is("Email"),
  amount: is("Currency"),
  standingCharge: is("Currency"),
  minimumSpend: is("Currency"),
  overageSurchargePercent: is("Percent"),
  daysBeforeBillDue: number,
  cumulative: is("Picklist"),
  status: holds("Partial Success".length),
  message: is("LongTextArea"),
  synced_at: is("DateTime"),
  startDate: is("Date"),
  endDate: is("Date"),
};

let named = 0;
const used = new Set();
const mappings = readdirSync(join(REPOSITORY, "mappings")).filter((name) => name.endsWith(".toml"));
for (const file of mappings) {
  const mapping = parseToml(readFileSync(join(REPOSITORY, "mappings", file), "utf8"));
  for (const [table, content] of Object.entries(mapping)) {
    if (typeof content !== "object") {
      continue;
    }
    const isOfLines = table === "lines" || content.rows === "lines";
    const { billing_line: ofALine, ...others } = content;
    walk(others, isOfLines ? mapping.lines.sobject : mapping.root, [table], `mappings/${file}`);
    walk(ofALine, mapping.lines?.sobject, [table, "billing_line"], `mappings/${file}`);
  }
}

function walk(value, sobject, keys, place) {
  if (typeof value === "string") {
    const name = value.match(/^(?:\w+\.)*((?:M3ter_\w+|End_Date)__c)$/)?.[1];
    if (name) {
      named += 1;
      checkUse(value, sobject, keys, place);
    } else if (/\b(M3ter_\w+|End_Date)__c\b/.test(value) && keys.at(-1) !== "warn") {
      problems.push(`${place}: \`${value}\` in ${keys.join(".")} names a field in a way that this check cannot read`);
    }
  } else if (typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) {
      walk(inner, sobject, Array.isArray(value) ? keys : [...keys, key], place);
    }
    if (value.map && typeof value.field === "string") {
      const [, field] = resolve(value.field, sobject);
      const values = field ? [...picklist(field)] : [];
      const mapped = Object.keys(value.map);
      if (values.length > 0 && values.sort().join() !== mapped.sort().join()) {
        problems.push(`${place}: ${value.field} has the values ${values.join(", ")}, but ${mapped.join(", ")} are mapped`);
      }
    }
  }
}

/** The full name of the field at the end of a path, and what is deployed under it. */
function resolve(path, sobject) {
  const names = path.split(".");
  let object = sobject;
  for (const relationship of names.slice(0, -1)) {
    object = LEADS_TO[relationship];
  }
  const name = `${object}.${names.at(-1)}`;
  return [name, fields.get(name)?.field];
}

function checkUse(path, sobject, keys, place) {
  const [name, field] = resolve(path, sobject);
  used.add(name);
  if (!field) {
    problems.push(`${place}: ${keys.join(".")} names ${name}, which salesforce/ does not deploy`);
    return;
  }
  const use = [...keys].reverse().find((key) => key in FITS);
  if (use === undefined) {
    problems.push(`${place}: this check does not know which type fits ${keys.join(".")} (${name})`);
  } else if (!FITS[use](field)) {
    problems.push(
      `${place}: ${name} is a ${text(field, "type")} (${text(field, "length") ?? text(field, "scale") ?? ""}), which does not fit ${use}`,
    );
  }
}

function picklist(field) {
  return all(field, "valueSet")
    .flatMap((set) => all(set, "valueSetDefinition"))
    .flatMap((definition) => all(definition, "value"))
    .map((value) => text(value, "fullName"));
}

// The Flow asks for this one.
const OF_THE_FLOWS = /\.M3ter_Sync_Requested__c$/;
for (const name of fields.keys()) {
  if (!used.has(name) && !OF_THE_FLOWS.test(name) && !name.includes("__mdt.")) {
    problems.push(`${name} is deployed, but no mapping names it`);
  }
}

// The semantic check of the Apex lets an unknown field of a standard object pass.
const deployed = new Set([...fields.keys()].map((name) => name.split(".")[1]));
for (const path of files().filter((path) => path.endsWith(".cls"))) {
  for (const [name] of read(path).matchAll(/\b\w+__c\b/g)) {
    if (!deployed.has(name)) {
      problems.push(`${path}: ${name} is not a field that salesforce/ deploys`);
    }
  }
}

/** Written by the sync or the Flows, and by nobody else. */
const WRITTEN_BACK = /\.M3ter_(\w+_Id|Sync_Status|Sync_Message|Synced_At)__c$/;

/** Says which object of m3ter is meant, and so whose bill it is. */
const IDENTITY = /\.M3ter_\w+_(Id|Code)__c$/;
/** Which fields each role may edit, and whether it reads the others. */
const ROLES = {
  Integration: { edits: (name) => WRITTEN_BACK.test(name), readsAll: true },
  Caller: { edits: (name) => !WRITTEN_BACK.test(name) && !IDENTITY.test(name), readsAll: true },
  Admin: { edits: (name) => IDENTITY.test(name), readsAll: false },
  Automation: { edits: () => false, readsAll: false },
  End_Dating: { edits: () => false, readsAll: false },
};

const NO_PERMISSION = { children: [] };

const sets = files().filter((path) => path.endsWith(".permissionset-meta.xml"));
for (const path of sets) {
  const home = path.split("/")[0];
  const role = ROLES[path.match(/M3ter_Sync_(?:CPQ_)?(\w+)\.permissionset/)?.[1]];
  if (!role) {
    problems.push(`${path}: this check does not know which fields it may edit`);
    continue;
  }
  const permissions = new Map(all(parse(path), "fieldPermissions").map((permission) => [text(permission, "field"), permission]));
  for (const [name, { package: directory }] of fields) {
    if (directory !== home || name.includes("__mdt.")) {
      continue;
    }
    const permission = permissions.get(name);
    const mayEdit = role.edits(name);
    if ((role.readsAll || mayEdit) && text(permission ?? NO_PERMISSION, "readable") !== "true") {
      problems.push(`${path}: ${name} cannot be read`);
    } else if (permission && text(permission, "editable") !== String(mayEdit)) {
      problems.push(`${path}: ${name} may ${mayEdit ? "not " : ""}be edited`);
    }
  }
}
for (const role of Object.keys(ROLES)) {
  if (!sets.some((path) => path.startsWith("base/") && path.includes(`_${role}.`))) {
    problems.push(`base has no permission set ${role}`);
  }
}
if (named === 0) {
  problems.push("No mapping names a field");
}
report(
  problems,
  `${named} uses of fields in ${mappings.length} mappings and ${sets.length} permission sets agree with ${fields.size} fields`,
);
