// The direct dependencies of all packages of the repository, and why each is used.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** By name: the version that is asked for, and the packages that do. Those of the repository itself are left out. */
export function directDependencies() {
  const found = new Map();
  for (const folder of ['.', ...read('package.json').workspaces]) {
    const { name: user, dependencies = {}, devDependencies = {} } = read(join(folder, 'package.json'));
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      if (name.startsWith('@sortie/')) continue;
      const known = found.get(name) ?? { versions: new Set(), users: [] };
      known.versions.add(version);
      known.users.push(user);
      found.set(name, known);
    }
  }
  return new Map([...found].sort(([one], [other]) => one.localeCompare(other)));
}

export const reasons = () => read('deploy/local/dependencies/reasons.json');

/** What is wrong with the list of reasons, the versions, or both: one line each. */
export function faults(dependencies, why) {
  const exact = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
  return [
    ...[...dependencies].filter(([name]) => !why[name]).map(([name, { users }]) => `${name} (${users.join(', ')}) has no reason in deploy/local/dependencies/reasons.json`),
    ...Object.keys(why).filter((name) => !dependencies.has(name)).map((name) => `${name} has a reason in deploy/local/dependencies/reasons.json, and nobody depends on it`),
    ...[...dependencies].filter(([, { versions }]) => versions.size > 1).map(([name, { versions }]) => `${name} is asked for in several versions: ${[...versions].join(', ')}`),
    ...[...dependencies].flatMap(([name, { versions }]) => [...versions].filter((version) => !exact.test(version)).map((version) => `${name} is asked for as "${version}", which is no exact version`)),
  ];
} // prettier-ignore
