// The images' Dockerfile and the documentation against what the programs say of themselves.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentReaders, foreign, imageTargets, read, sources, uid, variablesOf } from './programs.js';

const images = imageTargets();

test('only the programs themselves read the environment', () => {
  const known = new Set(Object.values(sources).flat());
  assert.equal(
    environmentReaders().filter((path) => !known.has(path)),
    [],
  );
});

test('every variable that a program reads is in the table of settings', () => {
  const documented = read('README.md');
  for (const program of ['gateway', 'job', 'ingest-api', 'ingest-worker']) {
    for (const name of variablesOf(program).all) {
      if (name.startsWith('SORTIE_')) assert.ok(documented.includes(`\`${name}\``), `${program} reads ${name}`);
    }
  }
});

test('an image for each program: nobody in it is root, and what it exposes is where the program listens', () => {
  assert.equal([...images.keys()].sort(), ['gateway', 'ingest-api', 'ingest-worker', 'job']);
  for (const [name, { environment, exposed, user }] of images) {
    const listens = [...environment].filter(([key]) => key.endsWith('_LISTEN'));
    assert.equal(listens.map(([, address]) => address).sort(), exposed.map((port) => `0.0.0.0:${port}`).sort(), name);
    for (const key of environment.keys()) {
      assert.ok(variablesOf(name).all.has(key) || foreign.has(key), `${name} does not read ${key}`);
    }
    assert.is(user, `${uid}:${uid}`, name);
    // Debian's, and only where something is probed.
    assert.is(environment.get('SORTIE_FFPROBE'), name === 'ingest-worker' ? '/usr/bin/ffprobe' : undefined, name);
  }
});

test('the build scripts know every workspace and every target', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  const dockerfile = read('deploy/images/Dockerfile');
  const assemble = read('deploy/images/assemble');
  for (const workspace of workspaces) {
    assert.ok(dockerfile.includes(`COPY ${workspace}/package.json ${workspace}/`), workspace);
    for (const list of assemble.matchAll(/for folder in (.*); do/g)) {
      assert.ok(list[1]?.split(' ').includes(workspace), `${workspace} in deploy/images/assemble`);
    }
  }
  for (const name of images.keys()) assert.match(read('deploy/images/build'), new RegExp(`targets=\\(.*\\b${name}\\b`));
});

test.run();
