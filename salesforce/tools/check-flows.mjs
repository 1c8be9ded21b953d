// Holds the Flows against the Apex and the fields, which no other tool does: actions, their inputs and outputs, elements, variables and fields by
// name. For a record-triggered Flow it also holds the settings without which the action cannot work: the asynchronous path and no other, only when the
// record is updated to meet the conditions, no database work before the callout, a decision on the result and a fault path.
import { basename } from "node:path";
import { all, customFields, files, parse, read, report, text } from "./metadata.mjs";

/** Standard fields that the Flows name. */
const STANDARD_FIELDS = new Set(["Opportunity.Id", "Opportunity.IsWon"]);
const GLOBALS = new Set(["$Flow.CurrentDateTime", "$Flow.FaultMessage"]);
const ELEMENTS = ["actionCalls", "decisions", "recordUpdates", "screens"];
const DATABASE = new Set(["recordUpdates"]);

const problems = [];
const fields = customFields();
const classes = files().filter((path) => path.endsWith(".cls"));

/** What a Flow sees of an Apex action: its inputs with whether they are required, and its outputs. */
function apexAction(name) {
  const path = classes.find((path) => basename(path) === `${name}.cls`);
  if (!path) {
    return undefined;
  }
  const source = read(path);
  const method = source.match(/@InvocableMethod\s*\([^)]*\)\s*public static List<([\w.]+)> \w+\(List<([\w.]+)> /);
  if (!method) {
    return undefined;
  }
  return { outputs: variables(method[1], source), inputs: variables(method[2], source) };
}

/** The invocable variables of a class that is nested in this source, or in another as `Outer.Inner`. */
function variables(name, source) {
  const [inner, outer] = name.split(".").reverse();
  const holder = outer === undefined ? source : read(classes.find((path) => basename(path) === `${outer}.cls`));
  const body = holder.split(`public class ${inner} {`)[1].split("\n    }")[0];
  const found = new Map();
  for (const [, parameters, type, variable] of body.matchAll(
    /@InvocableVariable\s*\(((?:[^'()]|'(?:[^'\\]|\\.)*')*)\)\s*public ([\w<>.]+) (\w+);/g,
  )) {
    found.set(variable, { type, isRequired: /required\s*=\s*true/.test(parameters) });
  }
  return found;
}

/** All elements below this one. */
function* descendants(element) {
  for (const child of element.children) {
    yield child;
    yield* descendants(child);
  }
}

function checkFlow(path) {
  const flow = parse(path);
  const object = all(flow, "start").map((start) => text(start, "object"))[0];
  const say = (what) => problems.push(`${path}: ${what}`);
  const elements = new Map();
  for (const kind of ELEMENTS) {
    for (const element of all(flow, kind)) {
      elements.set(text(element, "name"), { kind, element });
    }
  }
  const known = new Set(all(flow, "variables").map((variable) => text(variable, "name")));
  all(flow, "screens")
    .flatMap((screen) => all(screen, "fields"))
    .forEach((field) => known.add(text(field, "name")));

  const outputs = new Map();
  for (const action of all(flow, "actionCalls")) {
    const [name, actionName] = [text(action, "name"), text(action, "actionName")];
    const apex = text(action, "actionType") === "apex" ? apexAction(actionName) : undefined;
    if (!apex) {
      say(`${name} calls ${actionName}, which is not a class with an invocable method`);
      continue;
    }
    if (text(action, "nameSegment") !== actionName) {
      say(`${name}: nameSegment is not ${actionName}`);
    }
    const given = all(action, "inputParameters").map((input) => text(input, "name"));
    given.filter((input) => !apex.inputs.has(input)).forEach((input) => say(`${name} sets ${input}, which ${actionName} does not take`));
    for (const [input, { isRequired }] of apex.inputs) {
      if (isRequired && !given.includes(input)) {
        say(`${name} does not set ${input}, which ${actionName} requires`);
      }
    }
    if (text(action, "storeOutputAutomatically") === "true") {
      outputs.set(name, apex.outputs);
    }
    if (all(action, "faultConnector").length === 0) {
      say(`${name} has no fault path`);
    }
  }

  const checkReference = (reference) => {
    const [first, ...rest] = reference.split(".");
    const isKnown =
      GLOBALS.has(reference) ||
      (first === "$Record" && rest.length === 1 && hasField(`${object}.${rest[0]}`)) ||
      (outputs.has(first) && rest.length === 1 && outputs.get(first).has(rest[0])) ||
      (known.has(first) && rest.length === 0);
    if (!isKnown) {
      say(`${reference} is nothing that is known here`);
    }
  };
  for (const each of descendants(flow)) {
    if (["elementReference", "leftValueReference"].includes(each.name)) {
      checkReference(each.text);
    }
    for (const [, reference] of each.text.matchAll(/\{!([^}]+)\}/g)) {
      checkReference(reference);
    }
    if (each.name === "targetReference" && !elements.has(each.text)) {
      say(`a connector leads to ${each.text}, which does not exist`);
    }
  }
  for (const update of all(flow, "recordUpdates")) {
    for (const each of [...all(update, "filters"), ...all(update, "inputAssignments")]) {
      const field = `${text(update, "object")}.${text(each, "field")}`;
      if (!hasField(field)) {
        say(`${text(update, "name")} names ${field}, which does not exist`);
      }
    }
  }
  for (const filter of all(flow, "start").flatMap((start) => all(start, "filters"))) {
    if (!hasField(`${object}.${text(filter, "field")}`)) {
      say(`it starts on ${object}.${text(filter, "field")}, which does not exist`);
    }
  }

  const [start] = all(flow, "start");
  const reached = new Set();
  walk(start, new Set());
  [...elements.keys()].filter((name) => !reached.has(name)).forEach((name) => say(`nothing leads to ${name}`));
  if (text(start, "triggerType") !== undefined) {
    checkTriggered(flow, start, elements, say);
  }

  /** Follows every path from an element; no action may come after database work. */
  function walk(element, before) {
    for (const target of [...descendants(element)].filter((each) => each.name === "targetReference").map((each) => each.text)) {
      const next = elements.get(target);
      if (next?.kind === "actionCalls" && [...before].some((name) => DATABASE.has(elements.get(name).kind))) {
        say(`${target} comes after an update, so that its callout is refused`);
      }
      reached.add(target);
      if (next && !before.has(target)) {
        walk(next.element, new Set([...before, target]));
      }
    }
  }
}

/** The settings of the action's page. */
function checkTriggered(flow, start, elements, say) {
  const paths = all(start, "scheduledPaths");
  if (all(start, "connector").length > 0 || paths.length !== 1 || text(paths[0], "pathType") !== "AsyncAfterCommit") {
    say("it has another path than the asynchronous one");
  }
  const allowed = ["connector", "pathType"];
  paths
    .flatMap((path) => path.children)
    .filter((each) => !allowed.includes(each.name))
    .forEach((each) => say(`an asynchronous path has no ${each.name}`));
  if (text(start, "doesRequireRecordChangedToMeetCriteria") !== "true") {
    say("it does not run only when a record is updated to meet the conditions");
  }
  if (text(start, "triggerType") !== "RecordAfterSave") {
    say("it does not run after the record is saved");
  }
  if (text(flow, "status") !== "Draft") {
    say("it would be active once deployed; an admin activates it");
  }
  for (const action of all(flow, "actionCalls")) {
    const asked = decisionsAfter(action, elements).flatMap((decision) =>
      [...descendants(decision)].filter((each) => each.name === "leftValueReference"),
    );
    for (const output of ["statusWritten", "responseCode", "success"]) {
      if (!asked.some((each) => each.text === `${text(action, "name")}.${output}`)) {
        say(`no decision on ${output} follows ${text(action, "name")}`);
      }
    }
  }
}

/** The decisions that follow an action one after the other, each on the default path of the one before. */
function decisionsAfter(action, elements) {
  const found = [];
  let [connector] = all(action, "connector");
  while (connector) {
    const next = elements.get(text(connector, "targetReference"));
    if (next?.kind !== "decisions") {
      break;
    }
    found.push(next.element);
    [connector] = all(next.element, "defaultConnector");
  }
  return found;
}

function hasField(name) {
  return fields.has(name) || STANDARD_FIELDS.has(name);
}

const flows = files().filter((path) => path.endsWith(".flow-meta.xml"));
flows.forEach(checkFlow);
if (flows.length === 0) {
  problems.push("There is no Flow");
}
report(problems, `${flows.length} Flows agree with the Apex and the fields`);
