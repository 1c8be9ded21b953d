// Reads the metadata files of this project, and reports what is wrong with them.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { XMLParser } from "fast-xml-parser";

/** The folder `salesforce/`. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
/** The repository. */
export const REPOSITORY = join(ROOT, "..");
/** The package folders that `sfdx-project.json` names. */
export const PACKAGES = JSON.parse(readFileSync(join(ROOT, "sfdx-project.json"), "utf8")).packageDirectories.map(({ path }) => path);

// Texts stay texts, and every element is kept in its place: `[{ name: [children] }]`.
const parser = new XMLParser({
  preserveOrder: true,
  parseTagValue: false,
  trimValues: true,
  ignoreDeclaration: true,
  ignoreAttributes: true,
});

/** All files of the packages, as paths from `salesforce/`. */
export function files() {
  return PACKAGES.flatMap((directory) =>
    readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  ).sort();
}

export function read(path) {
  return readFileSync(join(ROOT, path), "utf8");
}

/** A metadata file as its root element: `{ name, children: [elements], text }`. */
export function parse(path) {
  return parseText(read(path));
}

/** The same of a text. */
export function parseText(source) {
  const [root] = parser.parse(source).map(element);
  return root;
}

function element(node) {
  const [name] = Object.keys(node);
  const content = node[name];
  const children = content.filter((child) => !("#text" in child)).map(element);
  const text = content.map((child) => child["#text"] ?? "").join("");
  return { name, children, text };
}

/** The children of an element with this name. */
export function all(element, name) {
  return element.children.filter((child) => child.name === name);
}

/** The text of the first child with this name. */
export function text(element, name) {
  return all(element, name)[0]?.text;
}

/** Prints what is wrong and ends the process accordingly; `what` says what was looked at if nothing is. */
export function report(problems, what) {
  for (const problem of problems) {
    console.error(problem);
  }
  if (problems.length > 0) {
    console.error(`${problems.length} ${problems.length === 1 ? "problem" : "problems"}`);
    process.exit(1);
  }
  console.log(what);
}

/** The custom fields that the packages deploy: `Object.Field` to its root element and package. */
export function customFields() {
  const fields = new Map();
  for (const path of files()) {
    const match = path.match(/^([^/]+)\/.*objects\/([^/]+)\/fields\/([^/]+)\.field-meta\.xml$/);
    if (match) {
      fields.set(`${match[2]}.${match[3]}`, { field: parse(path), package: match[1], path });
    }
  }
  return fields;
}
