// Holds who may do what in the org: that each action asks whether the running user may see, or edit, the record before its callout; that a callout goes
// out with the credential of its action; and what each permission set opens. Then it breaks each of these rules, and expects to find it.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { REPOSITORY, all, files, parseText, read, report, text } from "./metadata.mjs";

/** Each action: the access that it asks for, and its credential. */
const ACTIONS = {
  SyncToM3terService: { level: "READ_ACCESS", credential: "SYNC" },
  EndDateBillingEntitiesService: { level: "EDIT_ACCESS", credential: "END_DATING" },
};
const CREDENTIALS = { SYNC: "M3ter_Sync", END_DATING: "M3ter_Sync_End_Dating" };

/** What the question consists of. */
const ASKED = {
  "a query in user mode": /Database\.queryWithBinds\(query, binds, AccessLevel\.USER_MODE\)/,
  "edit access to the record":
    /FROM UserRecordAccess\s+WHERE UserId = :UserInfo\.getUserId\(\) AND RecordId IN :ids AND HasEditAccess = TRUE/,
  "the custom permission": /FeatureManagement\.checkPermission\(ANY_RECORD\)/,
  "the sharing of the user": /public with sharing class/,
};

/** What each permission set opens: classes, principals of external credentials, custom permissions. Nothing else does. */
const OPENS = {
  M3ter_Sync_Caller: ["SyncToM3terFuture", "SyncToM3terQueueable", "SyncToM3terService", "M3ter_Sync-Service"],
  M3ter_Sync_End_Dating: ["EndDateBillingEntitiesService", "M3ter_Sync_End_Dating-Service"],
  M3ter_Sync_Automation: ["M3ter_Sync_Any_Record"],
};
const GRANTS = {
  classAccesses: "apexClass",
  externalCredentialPrincipalAccesses: "externalCredentialPrincipal",
  customPermissions: "name",
};

/** The operations of each External Service, whose callers pass through no Apex: ending billing takes the other credential. */
const SERVICES = {
  M3terSync: { credential: CREDENTIALS.SYNC, operations: ["syncRecordToM3ter", "getSyncRun"] },
  M3terSyncEndDating: { credential: CREDENTIALS.END_DATING, operations: ["endDateBillingEntities", "getSyncRun"] },
};

const same = (left, right) => [...left].sort().join() === [...right].sort().join();

/** What is wrong with these sources, which map paths to texts. */
function problemsOf(sources) {
  const problems = [];
  const ending = (suffix) => [...sources].filter(([path]) => path.endsWith(suffix));
  const name = (path) => basename(path).split(".")[0];

  const actions = ending(".cls").filter(([, source]) => /@InvocableMethod/i.test(source));
  if (
    !same(
      actions.map(([path]) => name(path)),
      Object.keys(ACTIONS),
    )
  ) {
    problems.push(`the actions are ${actions.map(([path]) => name(path)).join(", ")}, not ${Object.keys(ACTIONS).join(", ")}`);
  }
  for (const [path, source] of actions) {
    const { level, credential } = ACTIONS[name(path)] ?? {};
    const asks = source.indexOf(`new M3terSyncAccess(recordIds, M3terSyncAccess.Level.${level})`);
    const refuses = source.indexOf("result = access.refusal(");
    const sends = [
      ...source.matchAll(
        /if \(result == null\) \{[^}]*?(?:\{[^}]*\};\s*)?result = new M3terSyncCallout\(M3terSyncCallout\.(\w+)\)\.send\(/g,
      ),
    ];
    if (asks === -1 || refuses < asks || sends.length !== 1 || sends[0].index < refuses) {
      problems.push(`${path}: it does not ask for ${level} before its callout, or calls without heeding the answer`);
    }
    if ([...source.matchAll(/\.send\(/g)].length !== 1) {
      problems.push(`${path}: it has a second callout`);
    }
    if (sends.some(([, constant]) => constant !== credential)) {
      problems.push(`${path}: its callout does not use ${CREDENTIALS[credential]}`);
    }
    if (!/'salesforceUserId' => UserInfo\.getUserId\(\)/.test(source)) {
      problems.push(`${path}: it does not say who asks`);
    }
    if (!/'parentRecordId' => \(Id\) /.test(source)) {
      problems.push(`${path}: it does not send the id that was asked for`);
    }
  }
  for (const [path, source] of ending(".cls")) {
    const isOfTests = /^@IsTest/im.test(source);
    if (
      !isOfTests &&
      /new M3terSyncCallout\(|new HttpRequest\(/.test(source) &&
      !(name(path) in ACTIONS) &&
      name(path) !== "M3terSyncCallout"
    ) {
      problems.push(`${path}: a callout without an action that asks`);
    }
  }
  const callout = ending("/M3terSyncCallout.cls")[0]?.[1] ?? "";
  for (const [constant, credential] of Object.entries(CREDENTIALS)) {
    if (!callout.includes(`${constant} = '${credential}';`)) {
      problems.push(`M3terSyncCallout: ${constant} is not ${credential}`);
    }
  }
  const access = ending("/M3terSyncAccess.cls")[0]?.[1] ?? "";
  for (const [what, pattern] of Object.entries(ASKED)) {
    if (!pattern.test(access)) {
      problems.push(`M3terSyncAccess does not ask for ${what}`);
    }
  }

  for (const [path, source] of ending(".permissionset-meta.xml")) {
    const root = parseText(source);
    const opened = Object.entries(GRANTS).flatMap(([kind, key]) =>
      all(root, kind)
        .filter((grant) => text(grant, "enabled") === "true")
        .map((grant) => text(grant, key)),
    );
    if (!same(opened, OPENS[name(path)] ?? [])) {
      problems.push(`${path}: it opens ${opened.join(", ") || "nothing"}, not ${OPENS[name(path)]?.join(", ") ?? "nothing"}`);
    }
  }
  for (const [set] of Object.entries(OPENS)) {
    if (ending(`/${set}.permissionset-meta.xml`).length !== 1) {
      problems.push(`there is no permission set ${set}`);
    }
  }
  for (const [path, source] of ending(".externalServiceRegistration-meta.xml")) {
    const root = parseText(source);
    const service = SERVICES[name(path)];
    const operations = all(root, "operations").map((operation) => text(operation, "name"));
    if (!service || text(root, "namedCredentialReference") !== service.credential || !same(operations, service.operations)) {
      problems.push(`${path}: ${operations.join(", ")} with ${text(root, "namedCredentialReference")} is not as it should be`);
    }
  }
  return problems;
}

const CLASSES = "base/main/default/classes";
const SETS = "base/main/default/permissionsets";
/** What breaks the rules, each as a replacement in one file. */
const BREAKS = [
  [`${CLASSES}/SyncToM3terService.cls`, "result = access.refusal(recordId);", "result = null;"],
  [`${CLASSES}/SyncToM3terService.cls`, "if (result == null) {", "if (true) {"],
  [`${CLASSES}/SyncToM3terService.cls`, "'parentRecordId' => (Id) recordId", "'parentRecordId' => recordId"],
  [`${CLASSES}/EndDateBillingEntitiesService.cls`, "'salesforceUserId' => UserInfo.getUserId()", "'x' => null"],
  [`${CLASSES}/SyncToM3terService.cls`, "M3terSyncCallout.SYNC", "M3terSyncCallout.END_DATING"],
  [`${CLASSES}/EndDateBillingEntitiesService.cls`, "Level.EDIT_ACCESS", "Level.READ_ACCESS"],
  [`${CLASSES}/EndDateBillingEntitiesService.cls`, "result = access.refusal(request?.parentRecordId);", "result = refusal(request);"],
  [`${CLASSES}/M3terSyncAccess.cls`, "AccessLevel.USER_MODE", "AccessLevel.SYSTEM_MODE"],
  [`${CLASSES}/M3terSyncAccess.cls`, "AND HasEditAccess = TRUE", ""],
  [`${CLASSES}/M3terSyncAccess.cls`, "FeatureManagement.checkPermission(ANY_RECORD)", "true"],
  [`${CLASSES}/M3terSyncAccess.cls`, "public with sharing class", "public without sharing class"],
  [`${CLASSES}/M3terSyncCallout.cls`, "END_DATING = 'M3ter_Sync_End_Dating'", "END_DATING = 'M3ter_Sync'"],
  [
    `${CLASSES}/SyncToM3terFuture.cls`,
    "M3terSyncStatus.save(",
    "new M3terSyncCallout('M3ter_Sync').send('/', null, true);M3terSyncStatus.save(",
  ],
  [`${SETS}/M3ter_Sync_Caller.permissionset-meta.xml`, "SyncToM3terFuture", "EndDateBillingEntitiesService"],
  [`${SETS}/M3ter_Sync_Caller.permissionset-meta.xml`, "M3ter_Sync-Service", "M3ter_Sync_End_Dating-Service"],
  [
    `${SETS}/M3ter_Sync_Admin.permissionset-meta.xml`,
    "<description>",
    "<customPermissions><enabled>true</enabled><name>M3ter_Sync_Any_Record</name></customPermissions><description>",
  ],
  [
    "external-service/main/default/externalServiceRegistrations/M3terSync.externalServiceRegistration-meta.xml",
    "<name>getSyncRun</name>",
    "<name>endDateBillingEntities</name>",
  ],
];

/** Where an admin reads who gets what. */
const GUIDE = "docs/salesforce-setup.md";

const sources = new Map(files().map((path) => [path, read(path)]));
const problems = problemsOf(sources);
for (const [path, from, to] of BREAKS) {
  const source = sources.get(path) ?? "";
  if (!source.includes(from)) {
    problems.push(`${path} has no \`${from}\`, which this check breaks to see that it finds it`);
  } else if (problemsOf(new Map(sources).set(path, source.replace(from, to))).length === 0) {
    problems.push(`${path}: \`${to}\` in place of \`${from}\` is not found`);
  }
}
const guide = readFileSync(join(REPOSITORY, GUIDE), "utf8");
for (const [path, source] of sources) {
  if (path.startsWith("base/") && /\.(permissionset|customPermission|namedCredential)-meta\.xml$/.test(path)) {
    const label = text(parseText(source), "label");
    if (!guide.includes(label)) {
      problems.push(`${GUIDE} does not tell of ${label} (${path})`);
    }
  }
}
report(problems, `Each action asks first, each permission set opens what it should, and ${BREAKS.length} breaches of that are found`);
