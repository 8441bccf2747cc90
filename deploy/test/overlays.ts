// The overlays as they are rendered, for all tests of this folder.
import { read } from './programs.js';
import { hasKubectl, render, workloads, type Manifest, type Workload } from './manifests.js';

export interface Overlay {
  name: string;
  manifests: readonly Manifest[];
  workloads: readonly Workload[];
}

/** As the comment in overlays/prod says: with the lines after it taken in. */
const withGpus = (kustomization: string): string =>
  kustomization.replace(/^# (components:)\n# (.*components\/gpu)$/m, '$1\n$2');

function rendered(name: string, overlay: string, change?: (kustomization: string) => string, around?: string): Overlay {
  const manifests = render(overlay, change, around);
  return { name, manifests, workloads: workloads(manifests) };
}

/** Dev, gpu, prod, prod-gpu; none where there is no kubectl, which is said. */
export function overlays(): Overlay[] {
  if (!hasKubectl()) {
    process.stdout.write('SKIPPED: the manifests are rendered and checked where kubectl 1.27 or newer is installed.\n');
    return [];
  }
  return [
    rendered('dev', 'dev'),
    rendered('gpu', 'gpu'),
    rendered('prod', 'prod'),
    rendered('prod-gpu', 'prod', withGpus),
  ];
}

/** The same with certificates by cert-manager, as the kustomization in deploy/README.md adds them. */
export function overlaysWithCertManager(): Overlay[] {
  if (!hasKubectl()) return [];
  const around = /^cat > .*kustomization\.yaml <<end\n(.*?)^end$/ms.exec(read('deploy/README.md'))?.[1] ?? '';
  const of = (overlay: string): string => around.replace('- ../prod', `- ../${overlay}`);
  return [
    rendered('dev', 'dev', undefined, of('dev')),
    rendered('gpu', 'gpu', undefined, of('gpu')),
    rendered('prod', 'prod', undefined, of('prod')),
    rendered('prod-gpu', 'prod', withGpus, of('prod')),
  ];
}
