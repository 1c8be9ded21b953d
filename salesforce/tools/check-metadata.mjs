// Holds every metadata file against the official types of the Metadata API: element names, enumerations, what is required, numbers, booleans and
// dates. It also holds what the types do not say: the folder and the ending that belong to a type, that elements of a name stand together, that names
// in a file and of a file agree, and that what a file refers to is deployed with it or before it.
import { createRequire } from "node:module";
import { basename, dirname } from "node:path";
import { existsSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { PACKAGES, ROOT, all, customFields, files, parse, report, text } from "./metadata.mjs";

/** Type, folder, and the ending of its files. */
const LAYOUT = {
  ApexClass: ["classes", ".cls-meta.xml"],
  CustomField: ["fields", ".field-meta.xml"],
  CustomMetadata: ["customMetadata", ".md-meta.xml"],
  CustomObject: ["objects", ".object-meta.xml"],
  CustomPermission: ["customPermissions", ".customPermission-meta.xml"],
  ExternalCredential: ["externalCredentials", ".externalCredential-meta.xml"],
  ExternalServiceRegistration: ["externalServiceRegistrations", ".externalServiceRegistration-meta.xml"],
  Flow: ["flows", ".flow-meta.xml"],
  NamedCredential: ["namedCredentials", ".namedCredential-meta.xml"],
  PermissionSet: ["permissionsets", ".permissionset-meta.xml"],
  QuickAction: ["quickActions", ".quickAction-meta.xml"],
};

const problems = [];
const declarations = createRequire(import.meta.url)
  .resolve("@salesforce/types/metadata")
  .replace(/\.js$/, ".d.ts");
const program = ts.createProgram([declarations], { strict: true });
const checker = program.getTypeChecker();
const exported = new Map(
  checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(declarations))).map((symbol) => [symbol.name, symbol]),
);

/** Compares one element with its type. Lists are not required: the types cannot tell an empty list from an absent one. */
function check(element, type, place) {
  const properties = new Map(type.getProperties().map((property) => [property.name, property]));
  let previous;
  const closed = new Set();
  for (const child of element.children) {
    const inner = `${place}/${child.name}`;
    if (child.name !== previous && closed.has(child.name)) {
      problems.push(`${inner} does not stand beside the others of its name`);
    }
    closed.add(child.name);
    const property = properties.get(child.name);
    if (!property) {
      problems.push(`${inner} is not an element of ${type.aliasSymbol?.name ?? "this type"}`);
      continue;
    }
    const declared = checker.getNonNullableType(checker.getTypeOfSymbol(property));
    const isList = checker.isArrayType(declared);
    if (!isList && previous === child.name) {
      problems.push(`${inner} stands here more than once`);
    }
    checkValue(child, isList ? checker.getTypeArguments(declared)[0] : declared, inner);
    previous = child.name;
  }
  for (const [name, property] of properties) {
    const isList = checker.isArrayType(checker.getTypeOfSymbol(property));
    const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
    if (!isOptional && !isList && !closed.has(name) && !GIVEN_BY_THE_FILE.has(name)) {
      problems.push(`${place} lacks ${name}`);
    }
  }
}

/** `fullName` is the file's name in this format. */
const GIVEN_BY_THE_FILE = new Set(["fullName"]);

function checkValue(element, type, place) {
  const value = element.text;
  if (type.flags & ts.TypeFlags.Any) {
    return;
  }
  if (type.flags & ts.TypeFlags.Number) {
    return value !== "" && Number.isFinite(Number(value)) ? undefined : problems.push(`${place} is not a number: ${value}`);
  }
  if (type.flags & ts.TypeFlags.BooleanLike || (type.isUnion?.() && type.types.every((each) => each.flags & ts.TypeFlags.BooleanLike))) {
    return ["true", "false"].includes(value) ? undefined : problems.push(`${place} is neither true nor false: ${value}`);
  }
  if (type.isUnion() && type.types.every((each) => each.isStringLiteral())) {
    const values = type.types.map((each) => each.value);
    return values.includes(value)
      ? undefined
      : problems.push(`${place} is \`${value}\`, which is none of ${values.slice(0, 12).join(", ")} …`);
  }
  if (type.flags & ts.TypeFlags.StringLike) {
    return element.children.length === 0 ? undefined : problems.push(`${place} holds elements in place of a text`);
  }
  if (checker.typeToString(type) === "Date") {
    return Number.isNaN(Date.parse(value)) ? problems.push(`${place} is not a date: ${value}`) : undefined;
  }
  return check(element, type, place);
}

const fields = customFields();
const roots = new Map();
for (const path of files().filter((path) => path.endsWith("-meta.xml"))) {
  const root = parse(path);
  const symbol = exported.get(root.name);
  if (!symbol || !LAYOUT[root.name]) {
    problems.push(`${path}: ${root.name} is not a type that this check knows`);
    continue;
  }
  const [folder, ending] = LAYOUT[root.name];
  const holder = root.name === "CustomObject" ? basename(dirname(dirname(path))) : basename(dirname(path));
  if (holder !== folder || !path.endsWith(ending)) {
    problems.push(`${path}: a ${root.name} lies in ${folder}/ and ends in ${ending}`);
  }
  check(root, checker.getDeclaredTypeOfSymbol(symbol), path);
  roots.set(path, root);
}

/** What a package may refer to: itself and `base`, which is deployed first. */
function isDeployed(type, name, from) {
  const [folder, ending] = LAYOUT[type];
  return [from, PACKAGES[0]].some((directory) => existsSync(join(ROOT, directory, "main/default", folder, name + ending)));
}

for (const [path, root] of roots) {
  const home = path.split("/")[0];
  const refer = (type, name) => {
    if (name !== undefined && !isDeployed(type, name, home)) {
      problems.push(`${path}: there is no ${type} ${name}`);
    }
  };
  if (root.name === "ApexClass" && !existsSync(join(ROOT, path.replace("-meta.xml", "")))) {
    problems.push(`${path}: its class is missing`);
  }
  if (root.name === "CustomField" && text(root, "fullName") !== basename(path, ".field-meta.xml")) {
    problems.push(`${path}: fullName is ${text(root, "fullName")}`);
  }
  if (root.name === "NamedCredential") {
    all(root, "namedCredentialParameters").forEach((parameter) => refer("ExternalCredential", text(parameter, "externalCredential")));
  }
  if (root.name === "ExternalServiceRegistration") {
    refer("NamedCredential", text(root, "namedCredentialReference"));
  }
  if (root.name === "QuickAction") {
    refer("Flow", text(root, "flowDefinition"));
  }
  if (root.name === "PermissionSet") {
    all(root, "classAccesses").forEach((access) => refer("ApexClass", text(access, "apexClass")));
    all(root, "customPermissions").forEach((permission) => refer("CustomPermission", text(permission, "name")));
    for (const access of all(root, "externalCredentialPrincipalAccesses")) {
      const [credential, principal] = text(access, "externalCredentialPrincipal").split("-");
      refer("ExternalCredential", credential);
      const file = [...roots].find(([each]) => each.endsWith(`/${credential}.externalCredential-meta.xml`))?.[1];
      const principals = file
        ? all(file, "externalCredentialParameters").filter((each) => text(each, "parameterType") === "NamedPrincipal")
        : [];
      if (!principals.some((each) => text(each, "parameterName") === principal)) {
        problems.push(`${path}: ${credential} has no principal ${principal}`);
      }
    }
    const granted = all(root, "fieldPermissions").map((permission) => text(permission, "field"));
    for (const name of granted.filter((name) => name.endsWith("__c"))) {
      if (![home, PACKAGES[0]].includes(fields.get(name)?.package)) {
        problems.push(`${path}: there is no field ${name}`);
      }
    }
    for (const name of granted.filter((name, index) => granted.indexOf(name) !== index)) {
      problems.push(`${path}: ${name} is granted twice`);
    }
  }
}
for (const path of files().filter((path) => path.endsWith(".cls") && !roots.has(`${path}-meta.xml`))) {
  problems.push(`${path}: it has no ${basename(path)}-meta.xml`);
}
report(problems, `${roots.size} metadata files agree with the types of the Metadata API`);
