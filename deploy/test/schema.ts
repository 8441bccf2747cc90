// Manifests against the schemas of Kubernetes, KEDA and cert-manager, as the packages kubernetes-models and @kubernetes-models/… carry
// them: their validators check values, and their types, given to the TypeScript compiler, find fields that do not exist.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { Manifest } from './manifests.js';

const ofOthers: Readonly<Record<string, string>> = {
  'keda.sh': '@kubernetes-models/keda',
  'cert-manager.io': '@kubernetes-models/cert-manager',
};
const moduleOf = (apiVersion: string): string =>
  `${ofOthers[apiVersion.split('/')[0] ?? ''] ?? 'kubernetes-models'}/${apiVersion}`;

type Model = new (manifest: Manifest) => { validate(): void };

/** What the validators object to: wrong types, missing fields. */
export async function invalid(manifests: readonly Manifest[]): Promise<string[]> {
  const found: string[] = [];
  for (const manifest of manifests) {
    const name = `${manifest.kind} ${manifest.metadata.name}`;
    try {
      const models = (await import(moduleOf(manifest.apiVersion))) as Record<string, Model | undefined>;
      const Kind = models[manifest.kind];
      if (Kind) new Kind(manifest).validate();
      else found.push(`${name}: there is no such kind in ${manifest.apiVersion}`);
    } catch (error) {
      found.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return found;
}

/** What the compiler objects to: fields that do not exist, words that are not among the allowed. */
export function unknownFields(manifests: readonly Manifest[]): string[] {
  const source = manifests
    .map(
      ({ apiVersion, kind }, index) =>
        `import type { I${kind} as T${index} } from '${moduleOf(apiVersion)}';\n` +
        `export const m${index}: T${index} = ${JSON.stringify(manifests[index])};\n`,
    )
    .join('');
  const here = dirname(fileURLToPath(import.meta.url));
  const path = join(here, 'rendered.ts');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const onDisk = { ...host };
  host.getSourceFile = (name, ...rest) =>
    name === path ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022) : onDisk.getSourceFile(name, ...rest);
  host.fileExists = (name) => name === path || onDisk.fileExists(name);
  host.readFile = (name) => (name === path ? source : onDisk.readFile(name));
  const program = ts.createProgram([path], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}
