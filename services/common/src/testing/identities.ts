// Identities for tests, as one machine has them.
import { readFileSync, rmSync, mkdtempSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelCredentials, Client, ClientOptions, ServiceDefinition } from '@grpc/grpc-js';
import { connect } from '../grpc.js';
import { mayCall } from '../identity/access.js';
import { openIdentity, type Identity } from '../identity/identity.js';
import { callerKey, identityOf, makeKeys, type Holder } from '../identity/make-keys.js';

let root: string | null = null;

/** The same in all of a test's process. */
function keys(): string {
  if (root !== null) return root;
  const directory = mkdtempSync(join(tmpdir(), 'sortie-identities-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  root = join(directory, 'identity');
  makeKeys(root);
  return root;
}

export const identityDirectory = (holder: Holder): string => identityOf(keys(), holder);
export const identity = (holder: Holder): Identity => openIdentity(identityDirectory(holder));

/** Of another service, which acts for the user that it is named after. */
export function clientIdentity(user: string): Identity {
  const master = Buffer.from(readFileSync(join(identityDirectory('job'), 'callers.key'), 'utf8'), 'base64');
  const directory = join(keys(), `client-${user}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'caller.key'), callerKey(master, `client/${user}`));
  return openIdentity(directory);
}

type Served<C> = (new (address: string, credentials: ChannelCredentials, options: ClientOptions) => C) & {
  service: ServiceDefinition;
};

/** A client that calls each method as somebody who may: tests of a service play all its callers. */
export function clientOfAll<C extends Client>(Class: Served<C>, address: string, options: ClientOptions = {}): C {
  const operator = connect(Class, address, identity('operator'), options);
  const worker = connect(Class, address, identity('worker'), options);
  const both = (): void => {
    operator.close();
    worker.close();
  };
  return new Proxy(operator, {
    get: (_, name: keyof C & string) => {
      if (name === 'close') return both;
      const path = Class.service[name]?.path ?? '';
      const client = path === '' || mayCall(path, { kind: 'operator' }) ? operator : worker;
      const value: unknown = client[name];
      return typeof value === 'function' ? (value.bind(client) as unknown) : value;
    },
  });
}
