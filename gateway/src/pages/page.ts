// The frame of every page, like ArcGIS's services directory: a path of links, the resource, its forms.
import { html, type Html } from './html.js';

export interface Crumb {
  text: string;
  path: string;
}

export interface Page {
  title: string;
  /** Below the root, "/arcgis" and so on. */
  root: string;
  crumbs: readonly Crumb[];
  /** Address of the same resource as JSON; null when there is none. */
  json: string | null;
  /** Appended to links so that a token given in the address is kept: "?token=…" or "". */
  query: string;
  /** Who is signed in with this browser; null for nobody. */
  user: string | null;
  /** Where nobody is, somebody can sign in. */
  signIn: string;
  body: Html;
  /** Names of files in static/. */
  scripts: readonly string[];
}

export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  // hls.js makes text tracks out of data:,WEBVTT.
  "media-src 'self' blob: data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const page = ({ title, root, crumbs, json, query, user, signIn, body, scripts }: Page): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · Sortie</title>
        <link rel="stylesheet" href="${root}/static/style.css" />
        <link rel="icon" href="${root}/static/icon.svg" type="image/svg+xml" />
        ${scripts.map((name) => html`<script type="module" src="${root}/static/${name}"></script>`)}
      </head>
      <body>
        <header>
          <a class="brand" href="${root}/rest${query}">Sortie</a>
          <nav aria-label="Path">
            ${crumbs.map(({ text, path }) => html`<a href="${root}${path}${query}">${text}</a>`)}
          </nav>
          ${
            user === null
              ? html`<a class="sign-in-link" href="${signIn}">Sign in</a>`
              : html`<form method="post" action="${root}/rest/signOut" class="sign-out">
                  <button title="Ends all tokens of ${user}, here and elsewhere">Sign out ${user}</button>
                </form>`
          }
          ${json === null ? '' : html`<a class="json" href="${json}">JSON</a>`}
        </header>
        <main>${body}</main>
      </body>
    </html>`.text.replace(/^ {4}/gm, '');
