// The identities of all programs of a cluster, as the secrets that its pods take their files from.
import { randomBytes } from 'node:crypto';
import { newAuthority, newCertificate } from './certificates.js';
import { natsAuthorization, natsUsers } from './nats-accounts.js';
import { newStatementKeys } from './statement.js';

/** By their names. */
type Files = Record<string, string>;

const days = 10 * 365;

/** Who calls, and by what name it is called. */
const programs = [
  { name: 'gateway', caller: 'gateway', hosts: ['gateway'] },
  { name: 'ingest-api', caller: 'ingest-api', hosts: ['ingest-api'] },
  { name: 'job', caller: 'job', hosts: ['job'] },
  { name: 'worker', caller: 'worker', hosts: [] },
  { name: 'operator', caller: 'operator', hosts: [] },
  // Its servers find each other by the names of their pods. (OpenSSL takes no wildcard below a name of one word.)
  { name: 'nats', caller: null, hosts: ['nats', 'nats-0.nats', 'nats-1.nats', 'nats-2.nats'] },
] as const;

/** One secret for all: certificates of two authorities would not believe each other. */
async function newCertificates(): Promise<Files> {
  const authority = await newAuthority(days);
  const secret: Files = { 'ca.crt': authority.certificate.toString('pem') };
  for (const { name, caller, hosts } of programs) {
    const made = await newCertificate(authority, { caller, hosts, days });
    secret[`${name}.crt`] = made['tls.crt'];
    secret[`${name}.key`] = made['tls.key'];
  }
  return secret;
}

function newNatsAccounts(): Files {
  const passwords = Object.fromEntries(natsUsers.map((user) => [user, randomBytes(24).toString('base64url')]));
  return {
    'authorization.conf': natsAuthorization((user) => JSON.stringify(passwords[user])),
    ...Object.fromEntries(natsUsers.map((user) => [`${user}.key`, `${user}:${String(passwords[user])}`])),
  };
}

/** By the names of the secrets. */
export const newIdentities = async (): Promise<Record<'sortie-tls' | 'sortie-statement' | 'sortie-nats', Files>> => ({
  'sortie-tls': await newCertificates(),
  'sortie-statement': newStatementKeys(),
  'sortie-nats': newNatsAccounts(),
});
