// Shown in place of a page whose reader has not said who they are.
import { html, type Html } from './html.js';

export const signInPage = (root: string, next: string, why: string, provider: string | null): Html =>
  html` <h1>Sign in</h1>
    <p>${why}</p>
    <form method="post" action="${root}/rest/signIn" class="sign-in">
      <label>User name <input name="username" autocomplete="username" required /></label>
      <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
      <input type="hidden" name="next" value="${next}" />
      <button>Sign in</button>
    </form>
    ${
      provider === null
        ? ''
        : html`<p>
            <a class="button" href="${root}/rest/oidc/start?next=${encodeURIComponent(next)}"
              >Sign in with ${provider}</a
            >
          </p>`
    }`;

/** Shown to whoever comes from another site with a token in the address: that site may want them signed in as somebody else. */
export const goOnPage = (root: string, next: string, { username, token }: { username: string; token: string }): Html =>
  html` <h1>Sign in</h1>
    <p>The address that led here signs you in as <strong>${username}</strong>.</p>
    <form method="post" action="${root}/rest/signIn" class="sign-in">
      <input type="hidden" name="token" value="${token}" />
      <input type="hidden" name="next" value="${next}" />
      <button>Go on as ${username}</button>
    </form>`;

/** Leads on by itself: from here on it is a page of ours that asks. */
export const signedInPage = (next: string): Html =>
  html` <meta http-equiv="refresh" content="0; url=${next}" />
    <h1>Signed in</h1>
    <p><a href="${next}">Go on</a></p>`;
