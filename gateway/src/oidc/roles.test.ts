// Which claims give which role, and which settings are refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRoleWords, roleOf } from './roles.js';
import { oidcSettings } from './settings.js';

test('the highest role that a claim gives counts; other words give none', () => {
  const words = parseRoleWords('admins=administrator, staff=publisher,a=b=viewer');
  const cases: [claims: Record<string, unknown>, path: string, role: string | null][] = [
    [{ roles: ['staff', 'admins', 'other'] }, 'roles', 'administrator'],
    [{ roles: 'staff' }, 'roles', 'publisher'],
    [{ roles: ['a=b'] }, 'roles', 'viewer'],
    [{ roles: ['administrator', 7, null] }, 'roles', null],
    [{}, 'roles', null],
    [{ realm_access: { roles: ['staff'] } }, 'realm_access.roles', 'publisher'],
    [{ 'https://x/roles.all': ['staff'] }, 'https://x/roles.all', 'publisher'],
    [{ roles: {} }, 'roles.constructor.name', null],
  ];
  for (const [claims, path, role] of cases) assert.is(roleOf(claims, path, words), role, JSON.stringify(claims));
  for (const wrong of ['', 'admins', '=viewer', 'admins=root', 'a=viewer,'])
    assert.throws(() => parseRoleWords(wrong), /SORTIE_OIDC_ROLES holds '/, wrong);
});

test('a provider is named completely, and over https', () => {
  const good = {
    SORTIE_OIDC_ISSUER: 'https://login.example.com',
    SORTIE_OIDC_CLIENT_ID: 'sortie',
    SORTIE_OIDC_ROLES: 'admins=administrator',
  };
  assert.is(oidcSettings({}), null);
  const found = oidcSettings(good);
  assert.equal(
    [found?.nameClaim, found?.roleClaim, found?.audience, found?.clientSecretFile],
    ['sub', 'roles', null, null],
  );
  assert.ok(oidcSettings({ ...good, SORTIE_OIDC_ISSUER: 'http://127.0.0.1:9000' }));
  assert.throws(
    () => oidcSettings({ ...good, SORTIE_OIDC_ISSUER: 'http://login.example.com' }),
    /SORTIE_OIDC_ISSUER is/,
  );
  assert.throws(() => oidcSettings({ ...good, SORTIE_OIDC_CLIENT_ID: '' }), /SORTIE_OIDC_CLIENT_ID is not set/);
  assert.throws(() => oidcSettings({ ...good, SORTIE_OIDC_ROLES: undefined }), /SORTIE_OIDC_ROLES is not set/);
  assert.throws(() => oidcSettings({ ...good, SORTIE_OIDC_AUDIENCE: 'sortie' }), /SORTIE_OIDC_AUDIENCE is the client/);
});

test.run();
