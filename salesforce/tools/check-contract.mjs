// Holds what the Apex sends and reads against openapi.yaml: paths, query parameters, the properties of a request, and those of a result.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseYaml } from "yaml";
import { REPOSITORY, read, report } from "./metadata.mjs";

const CLASSES = "base/main/default/classes";
/** What only Apex and Flow know of a result. */
const MADE_HERE = new Set(["objectRows", "summary", "responseCode"]);
/** What only a reader of the run asks for. */
const NOT_READ = { SyncResult: ["nextTryAt"], ObjectResult: ["changes"], ActionCounts: [] };

const problems = [];
const { paths, components } = parseYaml(readFileSync(join(REPOSITORY, "openapi.yaml"), "utf8"));
const named = (value) => (value.$ref ? components[value.$ref.split("/").at(-2)][value.$ref.split("/").at(-1)] : value);

let operations = 0;
for (const name of ["SyncToM3terService", "EndDateBillingEntitiesService"]) {
  const source = read(`${CLASSES}/${name}.cls`);
  for (const [, path] of source.matchAll(/new M3terSyncCallout\([\w.]+\)\.send\(\s*'([^']+)'/g)) {
    const operation = paths[path]?.post;
    if (!operation) {
      problems.push(`${name} posts to ${path}, which openapi.yaml does not have`);
      continue;
    }
    operations += 1;
    const { items } = operation.requestBody.content["application/json"].schema;
    const { properties } = named(items);
    const sent = [...source.matchAll(/'(\w+)' =>/g)].map(([, property]) => property);
    sent
      .filter((property) => !(property in properties))
      .forEach((property) => problems.push(`${name} sends ${property}, which ${items.$ref} does not have`));
    const parameters = operation.parameters.map((parameter) => named(parameter).name);
    for (const [, parameter] of read(`${CLASSES}/M3terSyncCallout.cls`).matchAll(/'[?&](\w+)='/g)) {
      if (!parameters.includes(parameter)) {
        problems.push(`M3terSyncCallout sends the parameter ${parameter}, which ${path} does not take`);
      }
    }
    const answer = operation.responses["200"].content["application/json"].schema.items.$ref;
    if (answer !== "#/components/schemas/SyncResult") {
      problems.push(`${path} answers a list of ${answer}`);
    }
  }
}
if (operations !== 2) {
  problems.push(`${operations} operations were found in the Apex, not 2`);
}
for (const [file, apex, schema] of [
  ["SyncToM3terService", "M3terSyncResult", "SyncResult"],
  ["SyncToM3terService", "M3terSyncObjectResult", "ObjectResult"],
  ["M3terSyncCounts", "M3terSyncCounts", "ActionCounts"],
]) {
  const [, body] = read(`${CLASSES}/${file}.cls`).match(new RegExp(`class ${apex} \\{([^]*?)\n *\\}`));
  const reads = [...body.matchAll(/public [\w<>]+ (\w+);/g)].map(([, property]) => property);
  const has = Object.keys(components.schemas[schema].properties);
  reads
    .filter((property) => !has.includes(property) && !MADE_HERE.has(property))
    .forEach((property) => problems.push(`${apex} reads ${property}, which ${schema} does not have`));
  has
    .filter((property) => !reads.includes(property) && !NOT_READ[schema].includes(property))
    .forEach((property) => problems.push(`${apex} does not read ${property} of ${schema}`));
}
report(problems, `The Apex calls ${operations} operations as openapi.yaml has them`);
