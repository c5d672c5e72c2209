/** Light or dark: as the computer is set, until the person chooses. */

const KEY = 'robot_cell.theme';
type Shade = 'light' | 'dark';

class Theme {
  shade = $state<Shade>('light');

  constructor() {
    const chosen = localStorage.getItem(KEY);
    const system = matchMedia('(prefers-color-scheme: dark)');
    this.#show(chosen === 'dark' || (chosen === null && system.matches) ? 'dark' : 'light');
    system.addEventListener('change', (event) => {
      if (localStorage.getItem(KEY) === null) this.#show(event.matches ? 'dark' : 'light');
    });
  }

  toggle(): void {
    const next = this.shade === 'dark' ? 'light' : 'dark';
    localStorage.setItem(KEY, next);
    this.#show(next);
  }

  #show(shade: Shade): void {
    this.shade = shade;
    document.documentElement.dataset['theme'] = shade;
  }
}

export const theme = new Theme();

/** A colour of the design as the canvas needs it. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
