// Structured logs on stderr, one JSON object a line; stdout belongs to the programs' answers.
import { pino, type Logger } from 'pino';

export type { Logger };

/** Whatever lets someone in never reaches a log. */
const secrets = ['token', 'password', 'authorization', 'cookie'];

export const newLogger = (service: string, level = 'info'): Logger =>
  pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: [...secrets, ...secrets.map((name) => `*.${name}`)], censor: '[redacted]' },
    },
    pino.destination({ dest: 2, sync: true }),
  );
