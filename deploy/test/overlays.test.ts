// What the overlays decide: images, volumes, GPUs, and in production how many of each and what may be missing at a time.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentOf, find, isOurs, selects, type Manifest, type Workload } from './manifests.js';
import { overlays, type Overlay } from './overlays.js';
import { read, targetOf } from './programs.js';

const isWorker = ({ labels }: Workload): boolean => labels['sortie/role'] === 'worker';

function checkGpus({ manifests, workloads }: Overlay): void {
  const classes = workloads.filter(isWorker);
  assert.equal(classes.map(({ name }) => name).sort(), ['worker', 'worker-decode']);
  for (const { name, manifest, pod, container } of classes) {
    assert.is(pod.runtimeClassName, 'nvidia', name);
    assert.is(container.resources.limits?.['nvidia.com/gpu'], '1', name);
    assert.equal(pod.tolerations, [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }], name);
    // Another pod beside it would wait for its card.
    assert.equal(manifest.spec?.strategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }, name); // prettier-ignore
    const environment = environmentOf(manifests, container);
    assert.is(environment.get('NVIDIA_DRIVER_CAPABILITIES'), 'compute,video,utility', name);
    assert.is(environment.get('SORTIE_ENGINE'), 'gpu', name);
    assert.ok((container.startupProbe?.failureThreshold ?? 0) * 2 >= 300, 'CUDA may take its time');
  }
  const chips = classes.map(({ pod }) =>
    /"key":"(.*?)","operator":"(\w+)","values":(\[.*?\])/.exec(JSON.stringify(pod.affinity))?.slice(1),
  );
  assert.equal(
    chips.map((found) => found?.[0]),
    ['nvidia.com/gpu.product', 'nvidia.com/gpu.product'],
  );
  assert.equal(chips.map((found) => found?.[1]).sort(), ['In', 'NotIn']);
  assert.is(chips[0]?.[2], chips[1]?.[2], 'each chip has its class');
}

/** How many there are at least: as the workload says, or what scales it. */
function least(manifests: readonly Manifest[], { name, manifest }: Workload): number {
  const scaler = manifests.find(({ spec }) => spec?.scaleTargetRef?.name === name)?.spec;
  return scaler?.minReplicas ?? scaler?.minReplicaCount ?? manifest.spec?.replicas ?? 1;
}

function checkRedundancy({ manifests, workloads }: Overlay): void {
  const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
  for (const workload of workloads) {
    const { name, pod, labels } = workload;
    const [budget, ...more] = budgets.filter(({ spec }) => selects(spec?.selector, labels));
    const keys = pod.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey);
    for (const { labelSelector } of pod.topologySpreadConstraints ?? [])
      assert.ok(selects(labelSelector, labels), name);
    assert.is(pod.priorityClassName, isWorker(workload) ? 'sortie-workers' : 'sortie-services', name);
    if (name !== 'nats') assert.equal(keys, ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'], name);
    if (isWorker(workload)) continue;
    const there = least(manifests, workload);
    assert.ok(there >= 2, `${name}: one may go`);
    // A node can be emptied, and somebody answers meanwhile.
    assert.is(more.length, 0, name);
    const staying = budget?.spec?.minAvailable ?? there - (budget?.spec?.maxUnavailable ?? Number.NaN);
    assert.ok(staying >= 1 && staying < there, `${name}: ${staying} of ${there} stay`);
  }
}

for (const overlay of overlays()) {
  const { name, manifests, workloads } = overlay;
  const inProduction = name.startsWith('prod');

  test(`${name}: images are those that deploy/images/build makes, or of a registry with a version`, () => {
    for (const { container } of workloads.filter(isOurs)) {
      const image = targetOf(container.image);
      const wanted = inProduction
        ? /^registry\.example\.com\/sortie-[a-z-]+:\d+\.\d+\.\d+$/
        : /^localhost\/sortie-[a-z-]+:dev$/;
      assert.match(container.image, wanted, image);
    }
    assert.match(read('deploy/images/build'), 'registry=${REGISTRY:-localhost} tag=${TAG:-dev}');
  });

  test(`${name}: the storage is shared by the pods of one node, or of all`, () => {
    const modes = find(manifests, 'PersistentVolumeClaim', 'storage')?.spec?.accessModes;
    assert.equal(modes, [inProduction ? 'ReadWriteMany' : 'ReadWriteOnce']);
  });

  if (name.endsWith('gpu')) test(`${name}: all that a container needs to use a GPU`, () => checkGpus(overlay));

  if (!inProduction) continue;
  test(`${name}: two or more of all that answers, spread, with priority, and never all gone`, () => {
    checkRedundancy(overlay);
  });

  test(`${name}: workers are scaled on a measurement that the Job service has`, () => {
    assert.match(
      read('services/job/src/metrics.ts'),
      /name: 'sortie_workers_wanted',\n *help: .*\n *registers,/,
      'without labels',
    );
    assert.equal(find(manifests, 'ScaledObject', 'worker')?.spec?.triggers, [
      {
        type: 'metrics-api',
        metricType: 'AverageValue',
        metadata: {
          url: 'http://job.sortie.svc.cluster.local:9100/metrics',
          format: 'prometheus',
          valueLocation: 'sortie_workers_wanted',
          targetValue: '1',
          activationTargetValue: '0',
        },
      },
    ]);
  });
}

test.run();
