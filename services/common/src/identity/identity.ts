// Who a program of Sortie is, how it shows that, and how it knows others. One directory holds it:
//
//   tls.crt, tls.key, ca.crt   a certificate with the caller's name, and who signs the others': between machines (mutual TLS)
//   caller.key                 NAME:KEY, on one machine, where nobody else reads what passes over loopback
//   callers.key                of a server on one machine: what the keys of all callers are derived from, one base64 line each
//   statement.key              of the gateway: the key with which it signs who its user is (Ed25519, PEM)
//   statement.pub              of those who hear that: one PEM block each while it is replaced
//
// All of them may be replaced while the program runs.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerCertificate } from 'node:tls';
import {
  credentials,
  experimental,
  InterceptingCall,
  Metadata,
  ServerCredentials,
  type ChannelCredentials,
  type Interceptor,
} from '@grpc/grpc-js';
// lru-cache: bounded, and lets go of what is old, which Map is not.
import { LRUCache } from 'lru-cache';
import { SortieError } from '../errors.js';
import { callerOfCertificate, readCaller, type Caller } from './caller.js';
import { speakerOf, viewerOf, type Speaker, type Viewer } from './speaker.js';
import { readPublicKeys, readStatement, writeStatement, type Statement } from './statement.js';
import { secretFile } from './secret-file.js';

/** Of a call, what tells where it comes from. */
export interface Incoming {
  metadata: Metadata;
  getAuthContext(): { sslPeerCertificate?: PeerCertificate } | null;
}

export interface Identity {
  /** Mutual TLS: it may leave the machine. */
  readonly encrypted: boolean;
  readonly channelCredentials: ChannelCredentials;
  /** Puts into each call who calls. */
  readonly present: readonly Interceptor[];
  /** Throws when the directory holds nothing that a server needs. */
  serverCredentials(): ServerCredentials;
  /** Null when it does not show who it is, or wrongly. */
  callerOf(call: Incoming): Caller | null;
  /** For whom the caller acts, by what came with the call or, where it may come later, by `statement`. Throws PERMISSION_DENIED. */
  speakerOf(call: Incoming, statement?: string): Speaker;
  /** For whom the caller reads. Throws PERMISSION_DENIED for callers that read for nobody, and a statement that does not hold. */
  viewerOf(call: Incoming): Viewer;
  /** For the gateway: its signed word for who its user is. */
  statementFor(user: Statement): string;
  /** The same as a call carries it. */
  speakFor(user: Statement): Metadata;
}

const callerKey = 'authorization';
const scheme = 'Sortie ';
const statementKey = 'sortie-user';
/** A certificate is renewed days before its end. */
const lookMs = 10_000;
/** A quarter of what a statement lives. */
const wordMs = 30_000;

/** The key of one caller, by the key of all. */
export const deriveKey = (master: Buffer, name: string): Buffer =>
  createHmac('sha256', master).update(`sortie caller ${name}`).digest();

const readMasters = (content: Buffer): Buffer[] =>
  content
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'base64'));

const one = (metadata: Metadata, key: string): string => {
  const [value, ...more] = metadata.get(key);
  return typeof value === 'string' && more.length === 0 ? value : '';
};

/** Throws when the directory does not hold who we are. `refreshMs`: how often certificates are looked at. */
export function openIdentity(directory: string, refreshMs = lookMs): Identity {
  const at = (name: string): string => join(directory, name);
  const optional = <T>(name: string, read: (content: Buffer) => T): (() => T) | null =>
    existsSync(at(name)) ? secretFile(at(name), read) : null;
  const statement = optional('statement.key', (content) => content);
  const publicKeys = optional('statement.pub', (content) => readPublicKeys(content.toString()));

  const callerOf = existsSync(at('tls.crt')) ? ofCertificate : ofKey;
  const masters = optional('callers.key', readMasters);
  const own = optional('caller.key', (content) => content.toString().trim());
  const encrypted = callerOf === ofCertificate;
  if (!encrypted && !own && !masters)
    throw new Error(`${directory} holds neither certificates (tls.crt, tls.key, ca.crt) nor keys (caller.key, callers.key).`); // prettier-ignore

  function ofCertificate(call: Incoming): Caller | null {
    return callerOfCertificate(call.getAuthContext()?.sslPeerCertificate?.subjectaltname ?? '');
  }

  function ofKey({ metadata }: Incoming): Caller | null {
    const text = one(metadata, callerKey);
    const [name = '', key = ''] = text.startsWith(scheme) ? text.slice(scheme.length).split(':') : [];
    const given = Buffer.from(key, 'base64url');
    const holds = (masters?.() ?? []).some((master) => {
      const expected = deriveKey(master, name);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
    return holds ? readCaller(name) : null;
  }

  function known(call: Incoming): Caller {
    const caller = callerOf(call);
    if (!caller) throw new SortieError('UNAUTHENTICATED', 'The caller does not show who it is.');
    return caller;
  }

  const stated = (text: string): Statement | null => readStatement(text, publicKeys?.() ?? [], Date.now());

  /** A player reads a segment each second or so: the word for its user is signed once in a while. */
  const words = new LRUCache<string, { key: Buffer; text: string }>({ max: 1_000, ttl: wordMs });

  function statementFor(user: Statement): string {
    if (!statement) throw new Error(`${directory} holds no statement.key: nobody would believe who the user is.`);
    const key = statement();
    const who = JSON.stringify([user.username, user.administrator]);
    const known = words.get(who);
    if (known?.key === key) return known.text;
    const text = writeStatement(user, key, Date.now());
    words.set(who, { key, text });
    return text;
  }

  const provider = (): experimental.FileWatcherCertificateProvider =>
    new experimental.FileWatcherCertificateProvider({
      certificateFile: at('tls.crt'),
      privateKeyFile: at('tls.key'),
      caCertificateFile: at('ca.crt'),
      refreshIntervalMs: refreshMs,
    });

  const withKey: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        if (own) metadata.set(callerKey, scheme + own());
        next(metadata, listener);
      },
    });

  const mutual = (): ChannelCredentials => {
    const certificates = provider();
    return experimental.createCertificateProviderChannelCredentials(certificates, certificates);
  };

  return {
    encrypted,
    channelCredentials: encrypted ? mutual() : credentials.createInsecure(),
    present: encrypted ? [] : [withKey],
    serverCredentials: () => {
      if (encrypted) {
        const certificates = provider();
        return experimental.createCertificateProviderServerCredentials(certificates, certificates, true);
      }
      if (!masters) throw new Error(`${directory} holds no callers.key: a server could know nobody.`);
      return ServerCredentials.createInsecure();
    },
    callerOf,
    speakerOf: (call, later) => speakerOf(known(call), stated(later ?? one(call.metadata, statementKey))),
    viewerOf: (call) => {
      const statement = stated(one(call.metadata, statementKey));
      // Whoever signed in would otherwise be shown less without a word.
      if (!statement && call.metadata.get(statementKey).length > 0)
        throw new SortieError('PERMISSION_DENIED', "The gateway's word for its user does not hold, or has run out.");
      return viewerOf(known(call), statement);
    },
    statementFor,
    speakFor: (user) => {
      const metadata = new Metadata();
      metadata.set(statementKey, statementFor(user));
      return metadata;
    },
  };
}
