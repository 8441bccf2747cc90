// Certificates by cert-manager: against what the programs expect of each other, and against those that Sortie makes by itself.
import { X509Certificate } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { callerOfCertificate } from '@sortie/common/identity/caller';
import { newIdentities } from '@sortie/common/identity/cluster';
import { find, type Manifest, type PodSpec, type Workload } from './manifests.js';
import { overlays, overlaysWithCertManager } from './overlays.js';
import { invalid, unknownFields } from './schema.js';

const own = await newIdentities();
/** Extended key usages (RFC 5280, 4.2.1.12) in cert-manager's words. */
const purposes: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.1': 'server auth',
  '1.3.6.1.5.5.7.3.2': 'client auth',
};
const programs = Object.keys(own['sortie-tls'])
  .filter((file) => file.endsWith('.crt') && file !== 'ca.crt')
  .map((file) => file.replace('.crt', ''));

const hours = (duration = ''): number => Number(/^(\d+)h$/.exec(duration)?.[1]);
const certificates = (manifests: readonly Manifest[]): Manifest[] => manifests.filter(({ kind }) => kind === 'Certificate'); // prettier-ignore
const spec = (manifests: readonly Manifest[], kind: string, name: string): NonNullable<Manifest['spec']> =>
  find(manifests, kind, name)?.spec ?? {};

type Item = readonly [secret: string, key: string, path: string];
const mounted = ({ volumes = [] }: PodSpec): Item[] =>
  volumes.flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ secret }) =>
      (secret?.items ?? []).map(({ key, path }): Item => [secret?.name ?? '', key, path]),
    ),
  );
/** Which of the programs a workload is. */
const programOf = ({ name }: Workload): string => name.replace('worker-decode', 'worker');

const plain = new Map(overlays().map(({ name, workloads }) => [name, workloads]));

for (const { name: overlay, manifests, workloads } of overlaysWithCertManager()) {
  test(`${overlay}: every field is in the schemas, with a value that they allow`, async () => {
    assert.equal(await invalid(manifests), []);
    assert.equal(unknownFields(manifests), []);
    for (const { metadata } of certificates(manifests)) assert.is(metadata.namespace, 'sortie', metadata.name);
  });

  test(`${overlay}: each pod has the files that it had, and its own certificate among them`, () => {
    const made = new Set(certificates(manifests).map(({ spec }) => spec?.secretName));
    const before = plain.get(overlay) ?? [];
    assert.equal(workloads.map(({ name }) => name), before.map(({ name }) => name)); // prettier-ignore
    for (const [index, workload] of workloads.entries()) {
      const { name, pod } = workload;
      const items = mounted(pod);
      const was = mounted(before[index]?.pod ?? pod);
      assert.equal(items.map(([, , path]) => path), was.map(([, , path]) => path), name); // prettier-ignore
      const kept = ([secret]: Item): boolean => !secret.startsWith('sortie-tls');
      assert.equal(items.filter(kept), was.filter(kept), name);
      const changed = items.filter((item) => !kept(item));
      assert.is(changed.length > 0, was.some(([secret]) => secret === 'sortie-tls'), name); // prettier-ignore
      for (const [secret, key, path] of changed) {
        assert.is(secret, `sortie-tls-${programOf(workload)}`, name);
        assert.ok(made.has(secret), `${secret} is made`);
        assert.is(key, path);
      }
    }
  });

  test(`${overlay}: names and usages are those of the certificates that Sortie makes by itself`, () => {
    const leaves = certificates(manifests).filter(({ spec }) => spec?.isCA !== true);
    assert.equal(leaves.map(({ metadata }) => metadata.name).sort(), [...programs].sort());
    for (const { metadata, spec } of leaves) {
      const { name } = metadata;
      const model = new X509Certificate(own['sortie-tls'][`${name}.crt`] ?? '');
      const names = [
        ...(spec?.uris ?? []).map((uri) => `URI:${uri}`),
        ...(spec?.dnsNames ?? []).map((host) => `DNS:${host}`),
      ].join(', ');
      assert.is(names, model.subjectAltName, name);
      assert.equal(callerOfCertificate(names), name === 'nats' ? null : { kind: name });
      const asked = spec?.usages ?? [];
      assert.equal(asked, ['digital signature', ...(model.keyUsage ?? []).map((usage) => purposes[usage])], name);
    }
    // What others call by name has that name.
    const services = manifests.filter(({ kind, metadata }) => kind === 'Service' && programs.includes(metadata.name));
    assert.ok(services.length >= 4);
    for (const { metadata } of services)
      assert.ok(spec(manifests, 'Certificate', metadata.name).dnsNames?.includes(metadata.name), metadata.name);
  });

  test(`${overlay}: one authority signs them all, and outlives each of them`, () => {
    for (const { metadata, spec: leaf } of certificates(manifests)) {
      if (leaf?.isCA === true) continue;
      const { name } = metadata;
      const issuer = spec(manifests, 'Issuer', leaf?.issuerRef?.name ?? '');
      const authority = certificates(manifests).find(({ spec }) => spec?.secretName === issuer.ca?.secretName)?.spec;
      assert.is(authority?.isCA, true, name);
      assert.ok(authority?.usages?.includes('cert sign'));
      assert.ok(spec(manifests, 'Issuer', authority?.issuerRef?.name ?? '').selfSigned, name);
      // Its renewed certificate is with all programs before the old one ends, and goes with what the old one signed.
      assert.ok(hours(authority?.renewBefore) > hours(leaf?.duration), name);
      assert.is(authority?.privateKey?.rotationPolicy, 'Never');
      assert.equal([hours(leaf?.duration), hours(leaf?.renewBefore)], [90 * 24, 30 * 24], name);
      assert.is(leaf?.privateKey?.rotationPolicy, 'Always', name);
    }
  });

  test(`${overlay}: what tells nats-server is as restricted as that itself`, () => {
    const [server, reload, ...more] = workloads.find(({ name }) => name === 'nats')?.pod.containers ?? [];
    assert.is(more.length, 0);
    assert.equal([reload?.image, reload?.securityContext], [server?.image, server?.securityContext]);
    assert.ok(reload?.resources.limits?.['memory']);
  });
}

test.run();
