// Shown in place of a page whose reader has not said who they are.
import { html, type Html } from './html.js';

export const signInPage = (root: string, next: string, why: string): Html =>
  html` <h1>Sign in</h1>
    <p>${why}</p>
    <form method="post" action="${root}/rest/signIn" class="sign-in">
      <label>User name <input name="username" autocomplete="username" required /></label>
      <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
      <input type="hidden" name="next" value="${next}" />
      <button>Sign in</button>
    </form>`;
