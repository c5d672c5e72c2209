/** Who is signed in: the token is kept while the tab is open, never longer. */

import type { Role, Session } from './contract';

const KEY = 'robot_cell.session';
const RANK: Record<Role, number> = { viewer: 0, operator: 1, maintainer: 2, admin: 3 };

function remembered(): Session | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Session | null;
    return found !== null && typeof found.token === 'string' ? found : null;
  } catch {
    return null;
  }
}

class CurrentSession {
  #session = $state.raw<Session | null>(remembered());
  /** Whether the server has ended the session, and not the person. */
  expired = $state(false);

  get token(): string | null {
    return this.#session?.token ?? null;
  }

  get name(): string {
    return this.#session?.name ?? '';
  }

  get role(): Role | null {
    return this.#session?.role ?? null;
  }

  may(least: Role): boolean {
    return this.#session !== null && RANK[this.#session.role] >= RANK[least];
  }

  begin(session: Session): void {
    this.#session = session;
    this.expired = false;
    sessionStorage.setItem(KEY, JSON.stringify(session));
  }

  /** The server no longer knows this token. */
  refused(token: string | null): void {
    if (token === null || token !== this.#session?.token) return;
    this.end();
    this.expired = true;
  }

  end(): void {
    this.#session = null;
    this.expired = false;
    sessionStorage.removeItem(KEY);
  }
}

export const session = new CurrentSession();
