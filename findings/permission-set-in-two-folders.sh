#!/usr/bin/env bash
# source-deploy-retrieve merges an object that stands in two folders, and of two permission sets of one name it drops one, without a word.
#
# Versions: @salesforce/source-deploy-retrieve 13.7.0 (npm; the library behind `sf project deploy`), with undici 6.21.3 so that it runs on Node 20 too
# Seen:     2026-11-27
#
# What happens: two package directories each bring a field of Order, and each a permission set `Sync` that gives access to its own field. The
#   ComponentSet of both folders has all four files, the permission set twice. The package made of it has one Order with both fields, and one
#   `Sync.permissionset`: that of the folder that was named last. The other folder's access is gone, and nothing is raised or returned that tells so.
# One would expect: the same for both: merged, as objects are, or refused as a duplicate.
# Why it matters: a base folder and an add-on (for CPQ, say) invite one common permission set to which each adds its lines. Then the package has the
#   field and lacks the access to it, and the integration user cannot see the field. Which half is missing depends on the order of the folders, so
#   that it differs between two people's commands. The way round: each folder has a permission set with a name of its own.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true, "dependencies": { "@salesforce/source-deploy-retrieve": "13.7.0" }, "overrides": { "undici": "6.21.3" } }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund

cat > show.mjs <<'JAVASCRIPT'
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { ComponentSet, MetadataConverter } from '@salesforce/source-deploy-retrieve';
import JSZip from 'jszip';

const namespace = 'xmlns="http://soap.sforce.com/2006/04/metadata"';

function folder(name, field) {
  mkdirSync(`${name}/objects/Order/fields`, { recursive: true });
  mkdirSync(`${name}/permissionsets`, { recursive: true });
  writeFileSync(
    `${name}/objects/Order/fields/${field}.field-meta.xml`,
    `<?xml version="1.0" encoding="UTF-8"?>
<CustomField ${namespace}>
    <fullName>${field}</fullName>
    <label>${name}</label>
    <length>255</length>
    <type>Text</type>
</CustomField>
`,
  );
  writeFileSync(
    `${name}/permissionsets/Sync.permissionset-meta.xml`,
    `<?xml version="1.0" encoding="UTF-8"?>
<PermissionSet ${namespace}>
    <fieldPermissions>
        <editable>true</editable>
        <field>Order.${field}</field>
        <readable>true</readable>
    </fieldPermissions>
    <label>Sync</label>
</PermissionSet>
`,
  );
}

folder('base', 'Base_Field__c');
folder('addon', 'Addon_Field__c');

async function converted(folders) {
  const components = ComponentSet.fromSource(folders);
  const files = [...components.getSourceComponents()].map((component) => `${component.type.name} ${component.fullName}`);
  const { zipBuffer } = await new MetadataConverter().convert(components, 'metadata', { type: 'zip' });
  const zip = await JSZip.loadAsync(zipBuffer);
  const names = Object.keys(zip.files);
  const read = async (end, pattern) => {
    const text = await zip.file(names.find((name) => name.endsWith(end))).async('string');
    return [...text.matchAll(pattern)].map((match) => match[1]);
  };
  return {
    files: files.sort(),
    fields: (await read('Order.object', /<fullName>(\w+)</g)).sort(),
    access: await read('Sync.permissionset', /<field>Order\.(\w+)</g),
    packed: names.filter((name) => name.endsWith('.permissionset')).length,
  };
}

for (const [folders, last] of [
  [['base', 'addon'], 'Addon_Field__c'],
  [['addon', 'base'], 'Base_Field__c'],
]) {
  const result = await converted(folders);
  console.log(`${folders.join(' and ')}: read ${result.files.join(', ')}`);
  console.log(`  in the package: fields ${result.fields.join(', ')}; access by Sync to ${result.access.join(', ')}`);
  assert.equal(result.files.filter((file) => file === 'PermissionSet Sync').length, 2);
  assert.deepEqual(result.fields, ['Addon_Field__c', 'Base_Field__c']);
  assert.equal(result.packed, 1);
  assert.deepEqual(result.access, [last], 'permission sets of two folders are merged now, or chosen by another rule');
}
JAVASCRIPT
SF_DISABLE_TELEMETRY=true SF_DISABLE_LOG_FILE=true node show.mjs
