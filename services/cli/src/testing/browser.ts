// A real browser for tests of pages.
import { chromium, type Browser } from 'playwright-core';

/** Debian's Chromium, or the one that SORTIE_CHROMIUM names; on a busy machine it takes its time to come up. */
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['SORTIE_CHROMIUM'] ?? '/usr/bin/chromium',
    timeout: 180_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
