// Program: makes the secrets of a new installation in the Kubernetes cluster that it runs in.
import { readFile } from 'node:fs/promises';
import { newLogger } from '@sortie/common/log';
import { required } from '@sortie/common/process';
import { createSecret, newSecrets } from './secrets.js';

const { env } = process;
const log = newLogger('make-secrets', env['SORTIE_LOG_LEVEL']);
const cluster = {
  url: `https://${required(env, 'KUBERNETES_SERVICE_HOST')}:${required(env, 'KUBERNETES_SERVICE_PORT')}`,
  namespace: required(env, 'SORTIE_SECRETS_NAMESPACE'),
  token: await readFile('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8'),
};
for (const [name, secret] of Object.entries(await newSecrets(required(env, 'SORTIE_DATABASE_HOST')))) {
  const made = await createSecret(cluster, name, secret);
  log.info({ secret: name }, made ? 'made' : 'there already; it stays as it is');
}
