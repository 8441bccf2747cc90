// Certificates of a private authority, for clusters that have none of their own (X.509, RFC 5280). Made by @peculiar/x509, since Node
// reads certificates and does not write them.
// Of tsyringe, which @peculiar/x509 is made with; it must come first.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { callerUri } from './caller.js';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

export interface Authority {
  certificate: X509Certificate;
  keys: webcrypto.CryptoKeyPair;
}

/** PEM. */
export interface Certificate {
  'tls.crt': string;
  'tls.key': string;
  'ca.crt': string;
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']); // prettier-ignore

/** Clocks differ: it holds from an hour ago. */
const hourMs = 3_600_000;

export async function newAuthority(days: number, now = Date.now()): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Sortie',
    notBefore: new Date(now - hourMs),
    notAfter: new Date(now + days * dayMs),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

export interface CertificateOptions {
  /** As its holder calls others: `worker`, `client/mapserver`. Null: none of the callers, as a NATS server. */
  caller: string | null;
  /** What others call it by. */
  hosts: readonly string[];
  addresses?: readonly string[];
  days: number;
  now?: number;
}

export async function newCertificate(
  { certificate: authority, keys: authorityKeys }: Authority,
  { caller, hosts, addresses = [], days, now = Date.now() }: CertificateOptions,
): Promise<Certificate> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${caller ?? hosts[0] ?? ''}`,
    issuer: authority.subject,
    notBefore: new Date(now - hourMs),
    notAfter: new Date(now + days * dayMs),
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([
        ...(caller === null ? [] : [{ type: 'url' as const, value: callerUri(caller) }]),
        ...hosts.map((value) => ({ type: 'dns' as const, value })),
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    'tls.crt': certificate.toString('pem'),
    'tls.key': PemConverter.encode(key, 'PRIVATE KEY'),
    'ca.crt': authority.toString('pem'),
  };
}
