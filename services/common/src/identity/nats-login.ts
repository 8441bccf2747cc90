// How a program signs in to NATS: `nats.key` in its identity's directory, USER:PASSWORD. Between machines `ca.crt` says whom to trust.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { usernamePasswordAuthenticator, type ConnectionOptions } from 'nats';
import { secretFile } from './secret-file.js';

/** Nothing where there is no such file: the server then lets in whom it likes. */
export function natsLogin(directory: string): ConnectionOptions {
  const path = join(directory, 'nats.key');
  if (!existsSync(path)) return {};
  const login = secretFile(path, (content) => content.toString().trim().split(':'));
  const [user = ''] = login();
  const authority = join(directory, 'ca.crt');
  return {
    // Asked at each connect: a password may have changed.
    authenticator: usernamePasswordAuthenticator(user, () => login()[1] ?? ''),
    // An account hears the answers to its own requests only.
    inboxPrefix: `_INBOX.${user}`,
    ...(existsSync(authority) && { tls: { caFile: authority } }),
  };
}
