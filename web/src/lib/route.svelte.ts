/** Every page has a URL: `/orders/WO-1` is read here, and links are followed without a reload. */

class Route {
  #path = $state(location.pathname);
  #query = $state(location.search);

  constructor() {
    addEventListener('popstate', () => this.#read());
    addEventListener('click', (event) => this.#follow(event));
  }

  /** The parts of the path, decoded: `['orders', 'WO-1']`. */
  get parts(): string[] {
    return this.#path
      .split('/')
      .filter((part) => part !== '')
      .map((part) => {
        try {
          return decodeURIComponent(part);
        } catch {
          return part;
        }
      });
  }

  get page(): string {
    return this.parts[0] ?? 'plant';
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#query);
  }

  go(path: string, replace = false): void {
    if (replace) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
    this.#read();
    if (!replace) document.querySelector('main')?.focus();
  }

  /** Change one word of the query in place; null removes it. */
  set(name: string, value: string | null): void {
    const query = this.query;
    if (value === null || value === '') query.delete(name);
    else query.set(name, value);
    const text = query.toString();
    this.go(this.#path + (text === '' ? '' : `?${text}`), true);
  }

  #read(): void {
    this.#path = location.pathname;
    this.#query = location.search;
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || url.pathname.startsWith('/api/') || url.hash !== '') return;
    event.preventDefault();
    this.go(url.pathname + url.search);
  }
}

export const route = new Route();

/** A path from parts that may hold any character. */
export function path(...parts: (string | number)[]): string {
  return `/${parts.map((part) => encodeURIComponent(part)).join('/')}`;
}
