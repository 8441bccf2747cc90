// Who calls: a program of Sortie, an operator, or another service, which acts for the user that it is named after.

const programs = ['gateway', 'ingest-api', 'job', 'worker', 'operator'] as const;
export type Program = (typeof programs)[number];
export type Caller = { kind: Program } | { kind: 'client'; user: string };

const userForm = /^client\/([\w.@-]{1,128})$/;

/** Null for a name that is none: `worker`, `client/mapserver`. */
export function readCaller(name: string): Caller | null {
  const kind = programs.find((program) => program === name);
  if (kind) return { kind };
  const user = userForm.exec(name)?.[1];
  return user === undefined ? null : { kind: 'client', user };
}

export const callerName = (caller: Caller): string =>
  caller.kind === 'client' ? `client/${caller.user}` : caller.kind;

/** In a certificate the name is a URI among the subject's alternative names, as SPIFFE writes it (SPIFFE-ID, section 2). */
export const callerUri = (name: string): string => `spiffe://sortie/${name}`;

/** Of a certificate's `subjectaltname` as Node tells it. Null unless it holds one name of ours, and only one. */
export function callerOfCertificate(alternativeNames: string): Caller | null {
  const prefix = `URI:${callerUri('')}`;
  const [name, ...more] = alternativeNames.split(', ').filter((part) => part.startsWith(prefix));
  return name === undefined || more.length > 0 ? null : readCaller(name.slice(prefix.length));
}
