// Roles of users whom a provider knows: which words of which claim make somebody what.
import { roles, type Role } from '@sortie/common/users';

export type RoleWords = ReadonlyMap<string, Role>;

/** "sortie-admins=administrator,staff=publisher" */
export function parseRoleWords(text: string): RoleWords {
  const words = new Map<string, Role>();
  for (const entry of text.split(',')) {
    const at = entry.lastIndexOf('=');
    const word = entry.slice(0, Math.max(0, at)).trim();
    const role = roles.find((one) => one === entry.slice(at + 1).trim());
    if (word === '' || role === undefined) {
      throw new Error(
        `SORTIE_OIDC_ROLES holds '${entry}'. Write what stands in the claim, and the role that it gives: ` +
          `sortie-admins=administrator,staff=publisher; roles are ${roles.join(', ')}.`,
      );
    }
    words.set(word, role);
  }
  return words;
}

/** A claim by its name, or inside others, as `realm_access.roles`. */
function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** The highest role that the claim gives; null when it gives none. */
export function roleOf(claims: Readonly<Record<string, unknown>>, path: string, words: RoleWords): Role | null {
  const given: unknown[] = [claimAt(claims, path)].flat();
  const found = given.flatMap((word) => (typeof word === 'string' ? (words.get(word) ?? []) : []));
  return [...roles].reverse().find((role) => found.includes(role)) ?? null;
}
