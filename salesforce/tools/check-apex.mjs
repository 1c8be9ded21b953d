// Compiles the Apex as far as that goes without an org (types, methods, fields, queries), then looks at it with PMD. Needs Java 11 or newer.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { PACKAGES, ROOT, files, report } from "./metadata.mjs";

const library = join(dirname(createRequire(import.meta.url).resolve("@salesforce/code-analyzer-pmd-engine")), "java-lib");
const scratch = mkdtempSync(join(tmpdir(), "check-apex-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

function java(main, ...parameters) {
  const { status, stdout, stderr, error } = spawnSync("java", ["-cp", join(library, "*"), main, ...parameters], { encoding: "utf8" });
  if (error) {
    report([`Java could not be started: ${error.message}. Debian has it as default-jre-headless`]);
  }
  return { status, output: `${stdout}${stderr}`.trim() };
}

// The objects of CPQ come with its package and are unknown here. The classes lie in `base` and may not need them.
for (const directory of PACKAGES.filter((directory) => directory !== "cpq")) {
  cpSync(join(ROOT, directory), join(scratch, directory), { recursive: true });
}
const project = JSON.parse(readFileSync(join(ROOT, "sfdx-project.json"), "utf8"));
project.packageDirectories = project.packageDirectories.filter(({ path }) => path !== "cpq");
writeFileSync(join(scratch, "sfdx-project.json"), JSON.stringify(project));
const compiled = java("io.github.apexdevtools.apexls.CheckForIssues", "-n", "-d", "warnings", "-w", scratch);
if (compiled.status !== 0 || compiled.output !== "") {
  report([compiled.output.replaceAll(`${scratch}/`, "") || `The semantic check ended with ${compiled.status}`]);
}

const classes = files().filter((path) => path.endsWith(".cls"));
const [input, output] = [join(scratch, "input.json"), join(scratch, "output.json")];
const filesToScan = classes.map((path) => join(ROOT, path));
writeFileSync(input, JSON.stringify({ ruleSetInputFile: join(ROOT, "tools/pmd.xml"), runDataPerLanguage: { apex: { filesToScan } } }));
const scanned = java("com.salesforce.sfca.pmdwrapper.PmdWrapper", "run", input, output);
if (scanned.status !== 0) {
  report([scanned.output]);
}
const { violations, processingErrors } = JSON.parse(readFileSync(output, "utf8"));
const problems = violations.map(
  ({ rule, message, codeLocation: { file, startLine } }) => `${relative(ROOT, file)}:${startLine}: ${message} (${rule})`,
);
report([...problems, ...processingErrors.map((error) => JSON.stringify(error))], `${classes.length} classes compile and satisfy PMD`);
