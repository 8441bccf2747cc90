// What the telemetry reader imports beside the code of this package: it runs confined, and sees what is named only.
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

const { resolve } = createRequire(import.meta.url);

/** The folder node_modules in which a library was found. */
function modulesDirectory(name: string): string {
  const path = resolve(name);
  const modules = `${sep}node_modules${sep}`;
  return path.slice(0, path.lastIndexOf(modules) + modules.length - 1);
}

const commonDist = dirname(resolve('@sortie/common/errors'));

export const libraries: readonly string[] = [
  ...new Set(['csv-parse', 'sax', '@grpc/grpc-js'].map(modulesDirectory)),
  commonDist,
  join(dirname(commonDist), 'package.json'),
];
