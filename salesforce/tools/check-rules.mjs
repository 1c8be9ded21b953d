// Holds each rule of external-services.spectral.yaml against a document that breaks it: a rule that finds nothing is as good as none.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse as parseYaml, stringify } from "yaml";
import { ROOT, report } from "./metadata.mjs";

const RULES = join(ROOT, "tools/external-services.spectral.yaml");

/** A document that breaks no rule. */
const sound = () => ({
  openapi: "3.0.3",
  info: { title: "sample", version: "1", description: "A sample", license: { name: "Apache-2.0", url: "https://example.com" } },
  servers: [{ url: "https://sync.example.org" }],
  tags: [{ name: "all", description: "All there is" }],
  paths: {
    "/things/{thingId}": {
      get: {
        operationId: "getThing",
        tags: ["all"],
        summary: "Look at a thing",
        description: "Looks at a thing.",
        parameters: [{ name: "thingId", in: "path", required: true, description: "Which one", schema: { type: "string" } }],
        responses: { 200: answer("A thing"), default: answer("A fault") },
      },
    },
  },
  components: {
    schemas: {
      Thing: {
        type: "object",
        description: "A thing",
        properties: {
          thingName: { type: "string", description: "Its name" },
          size: { type: "integer", format: "int32", description: "How large it is" },
          parts: { type: "array", description: "Its parts", items: { $ref: "#/components/schemas/Thing" } },
        },
      },
    },
  },
});

function answer(description) {
  return { description, content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } } };
}

const get = (document) => document.paths["/things/{thingId}"].get;
const properties = (document) => document.components.schemas.Thing.properties;
const parameter = (document) => get(document).parameters[0];
const ok = (document) => get(document).responses[200];
const long = "x".repeat(1334);

/** What breaks each rule, in each way that it has. */
const BREAKS = {
  version: [(document) => (document.openapi = "3.0.1")],
  "json-only": [(document) => (ok(document).content["application/problem+json"] = ok(document).content["application/json"])],
  methods: [(document) => (document.paths["/things/{thingId}"].head = get(sound()))],
  "no-callbacks": [(document) => (get(document).callbacks = { done: {} })],
  "operation-name": [(document) => (get(document).operationId = "get-thing"), (document) => delete get(document).operationId],
  "operation-texts": [
    (document) => delete get(document).summary,
    (document) => delete get(document).description,
    (document) => (get(document).description = long),
  ],
  "texts-short-enough": [(document) => (properties(document).thingName.description = long)],
  "parameter-name": [
    (document) => get(document).parameters.push({ ...parameter(document), name: "thing_id", in: "query", required: false }),
  ],
  "parameter-not-reserved": [
    (document) => get(document).parameters.push({ ...parameter(document), name: "limit", in: "query", required: false }),
  ],
  "parameter-place": [
    (document) => get(document).parameters.push({ ...parameter(document), name: "thing", in: "header", required: false }),
  ],
  "parameter-description": [(document) => delete parameter(document).description],
  "no-body-with-get": [(document) => (get(document).requestBody = { description: "No", content: ok(document).content })],
  "schema-name": [(document) => (document.components.schemas.other_thing = { type: "object", description: "Another", properties: {} })],
  "property-name": [
    (document) => (properties(document)["thing-name"] = { type: "string", description: "Its name" }),
    (document) => (properties(document).ThingName = { type: "string", description: "Its name" }),
  ],
  "property-not-reserved": ["type", "Date", "number", "order"].map(
    (name) => (document) => (properties(document)[name] = { type: "string", description: "A word that Apex reserves" }),
  ),
  "property-has-a-type": [(document) => delete properties(document).thingName.type],
  "named-objects": [
    (document) => (properties(document).owner = { type: "object", description: "Its owner" }),
    (document) => (ok(document).content["application/json"].schema = { type: "object" }),
    (document) => (properties(document).parts.items = { type: "object", properties: {} }),
  ],
  "no-lists-of-lists": [(document) => (properties(document).parts.items = { type: "array", items: { type: "string" } })],
  "no-maps": [(document) => (document.components.schemas.Thing.additionalProperties = { type: "string" })],
  "one-shape": ["oneOf", "anyOf", "allOf", "not"].map(
    (word) => (document) =>
      (document.components.schemas.Other = { description: "Either", [word]: word === "not" ? { type: "string" } : [{ type: "string" }] }),
  ),
  "no-nulls": [(document) => (properties(document).thingName.nullable = true)],
  "open-value-sets": [(document) => (properties(document).thingName.enum = ["one", "other"])],
  "whole-numbers-have-a-size": [
    (document) => delete properties(document).size.format,
    (document) => (parameter(document).schema = { type: "integer" }),
  ],
  "every-status-is-declared": [(document) => delete get(document).responses.default],
  "no-empty-status": [(document) => (get(document).responses[204] = answer("Nothing"))],
  "no-empty-answer": [(document) => delete ok(document).content],
  "no-response-headers": [(document) => (ok(document).headers = { "X-Thing": { schema: { type: "string" } } })],
};

/** The rules that a document breaks, by its file. */
async function broken(files) {
  const spectral = join(ROOT, "node_modules/.bin/spectral");
  const args = ["lint", "--ruleset", RULES, "--format", "json", "--quiet", ...files];
  // It ends with 1 where it finds something, as it should here.
  const found = (error) => (error.code === 1 && error.stdout !== "" ? error : Promise.reject(error));
  const { stdout } = await promisify(execFile)(spectral, args, { maxBuffer: 64 * 1024 * 1024 }).catch(found);
  const rules = new Map(files.map((file) => [file, new Set()]));
  JSON.parse(stdout).forEach(({ source, code }) => rules.get(source).add(code));
  return rules;
}

const directory = mkdtempSync(join(tmpdir(), "rules-"));
try {
  const samples = Object.entries(BREAKS).flatMap(([rule, breaks]) => breaks.map((change, number) => ({ rule, change, number })));
  samples.push({ rule: undefined, change: () => {}, number: 0 });
  for (const sample of samples) {
    const document = sound();
    sample.change(document);
    sample.file = join(directory, `${sample.rule ?? "sound"}-${sample.number}.yaml`);
    writeFileSync(sample.file, stringify(document, { aliasDuplicateObjects: false }));
  }
  const found = await broken(samples.map(({ file }) => file));
  const faults = samples
    .filter(({ rule, file }) => (rule === undefined ? found.get(file).size > 0 : !found.get(file).has(rule)))
    .map(({ rule, number, file }) =>
      rule === undefined ? `The sound document breaks ${[...found.get(file)].join(", ")}` : `${rule} does not find sample ${number}`,
    );
  const rules = Object.entries(parseYaml(readFileSync(RULES, "utf8"), { merge: true }).rules).filter(([, rule]) => rule !== "off");
  faults.push(...rules.filter(([name]) => !(name in BREAKS)).map(([name]) => `${name} has no sample that breaks it`));
  report(faults, `Each of the ${rules.length} rules for External Services finds what breaks it, in ${samples.length - 1} samples`);
} finally {
  rmSync(directory, { recursive: true });
}
