// Makes the External Services from the service's own OpenAPI document: for each a document with only the operations that a Flow calls, and the
// registration that carries it.
//
//     node tools/trim-openapi.mjs            writes the files
//     node tools/trim-openapi.mjs --check    fails if they are not what it would write
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseYaml, stringify } from "yaml";
import { REPOSITORY, ROOT, all, parse, report, text } from "./metadata.mjs";

/** Each with a Named Credential of its own: a key for syncs ends no billing. */
const SERVICES = [
  {
    name: "M3terSync",
    credential: "M3ter_Sync",
    operations: ["syncRecordToM3ter", "getSyncRun"],
    document: "external-service/openapi.yaml",
    description: "Brings one record, and everything billing needs from it, into m3ter.",
  },
  {
    name: "M3terSyncEndDating",
    credential: "M3ter_Sync_End_Dating",
    operations: ["endDateBillingEntities", "getSyncRun"],
    document: "external-service/end-dating.yaml",
    description: "Ends what m3ter bills.",
  },
];
const METHODS = ["get", "put", "post", "patch", "delete"];
const FAULT = "#/components/responses/Fault";

const source = parseYaml(readFileSync(join(REPOSITORY, "openapi.yaml"), "utf8"));
const files = new Map(
  SERVICES.flatMap((service) => {
    const wanted = written(trimmed(source, service));
    return [
      [service.document, `# Made from openapi.yaml by tools/trim-openapi.mjs; change that, then run it again.\n${wanted}`],
      [
        `external-service/main/default/externalServiceRegistrations/${service.name}.externalServiceRegistration-meta.xml`,
        registration(service, wanted),
      ],
    ];
  }),
);
if (process.argv.includes("--check")) {
  const stale = [...files].filter(([path, content]) => content !== present(path)).map(([path]) => path);
  report(
    stale.map((path) => `salesforce/${path} is not what openapi.yaml gives now; run \`node tools/trim-openapi.mjs\` in salesforce/`),
    `${SERVICES.length} External Services are made from openapi.yaml as it stands`,
  );
} else {
  files.forEach((content, path) => writeFileSync(join(ROOT, path), content));
  console.log([...files.keys()].join("\n"));
}

function present(path) {
  try {
    return readFileSync(join(ROOT, path), "utf8");
  } catch {
    return undefined;
  }
}

/** The wanted operations with all that they refer to, and nothing else. */
function trimmed(document, { operations: names, credential }) {
  const paths = {};
  for (const [path, item] of Object.entries(document.paths)) {
    const operations = METHODS.filter((method) => names.includes(item[method]?.operationId)).map((method) => {
      const { security: _, "x-still-answered": more, ...operation } = item[method];
      return [method, { ...operation, responses: withDefault({ ...operation.responses, ...more }) }];
    });
    if (operations.length > 0) {
      paths[path] = { ...(item.parameters && { parameters: item.parameters }), ...Object.fromEntries(operations) };
    }
  }
  const found = Object.values(paths).flatMap((item) => METHODS.map((method) => item[method]?.operationId));
  const missing = names.filter((name) => !found.includes(name));
  if (missing.length > 0) {
    report(missing.map((name) => `openapi.yaml has no operation \`${name}\`, which the External Service needs`));
  }
  const tags = new Set(Object.values(paths).flatMap((item) => METHODS.flatMap((method) => item[method]?.tags ?? [])));
  return {
    openapi: document.openapi,
    info: document.info,
    servers: [{ url: serviceUrl(credential), description: `The address in the Named Credential ${credential}, which decides` }],
    tags: document.tags.filter(({ name }) => tags.has(name)),
    paths,
    components: components(document, paths),
  };
}

/** One output for all faults: an External Service makes one of each status. */
function withDefault(responses) {
  const own = Object.entries(responses).filter(([, response]) => response.$ref !== FAULT);
  return { ...Object.fromEntries(own), default: { $ref: FAULT } };
}

/** The text of a document, read alike by YAML 1.1, which makes a date of what is not quoted and an octal number of 010. */
function written(document) {
  const text = stringify(document, { version: "1.1", lineWidth: 140, aliasDuplicateObjects: false, directives: false });
  const readings = ["1.1", "1.2"].map((version) => JSON.stringify(parseYaml(text, { version })));
  if (readings.some((reading) => reading !== JSON.stringify(document))) {
    report([`a document for an External Service is not read alike by YAML 1.1 and 1.2`]);
  }
  return text;
}

/** Every component that the paths lead to, in the order of the document. */
function components(document, paths) {
  const reached = new Set();
  const follow = (value) => {
    if (value !== null && typeof value === "object") {
      if (typeof value.$ref === "string" && !reached.has(value.$ref)) {
        const [kind, name] = value.$ref.split("/").slice(-2);
        reached.add(value.$ref);
        follow(document.components[kind][name]);
      }
      Object.values(value).forEach(follow);
    }
  };
  follow(paths);
  const kinds = Object.entries(document.components).map(([kind, entries]) => [
    kind,
    Object.fromEntries(
      Object.entries(entries)
        .filter(([name]) => reached.has(`#/components/${kind}/${name}`))
        .map(([name, entry]) => [name, asStillTaken(entry)]),
    ),
  ]);
  return Object.fromEntries(kinds.filter(([, entries]) => Object.keys(entries).length > 0));
}

/** Flows that do not wait go on to say so with 0. */
function asStillTaken(entry) {
  if (entry.schema?.["x-still-minimum"] === undefined) {
    return entry;
  }
  const { "x-still-minimum": minimum, ...schema } = entry.schema;
  return { ...entry, schema: { ...schema, minimum } };
}

/** The address that the Named Credential is deployed with. */
function serviceUrl(credential) {
  const root = parse(`base/main/default/namedCredentials/${credential}.namedCredential-meta.xml`);
  return all(root, "namedCredentialParameters")
    .filter((parameter) => text(parameter, "parameterType") === "Url")
    .map((parameter) => text(parameter, "parameterValue"))[0];
}

function registration({ name: label, credential, operations: names, description }, schema) {
  const operations = names.map(
    (name) => `    <operations>
        <active>true</active>
        <name>${name}</name>
    </operations>
`,
  );
  return `<?xml version="1.0" encoding="UTF-8" ?>
<ExternalServiceRegistration xmlns="http://soap.sforce.com/2006/04/metadata">
    <description>${description} Made from openapi.yaml by tools/trim-openapi.mjs.</description>
    <label>${label}</label>
    <namedCredentialReference>${credential}</namedCredentialReference>
${operations.join("")}    <registrationProviderType>Custom</registrationProviderType>
    <schema>${escape(schema)}</schema>
    <schemaType>OpenApi3</schemaType>
    <schemaUploadFileExtension>yaml</schemaUploadFileExtension>
    <schemaUploadFileName>openapi</schemaUploadFileName>
    <status>Complete</status>
    <systemVersion>3</systemVersion>
</ExternalServiceRegistration>
`;
}

function escape(value) {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
