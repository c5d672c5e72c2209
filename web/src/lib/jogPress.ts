/** One press of a jog button: renewed while it is held, and over once it is let go. */

import type { JogAnswer } from './contract';

/** The cell stops its arm 300 ms after the last renewal. */
export const RENEW_MS = 100;

const LOOK_MS = 100;

/** What a press asks of the server. */
export interface JogDoor {
  start: () => Promise<JogAnswer>;
  renew: () => Promise<JogAnswer>;
  end: () => Promise<JogAnswer>;
  look: () => Promise<JogAnswer>;
}

export interface JogHearer {
  /** What the server said last. */
  told: (answer: JogAnswer) => void;
  /** Nothing more comes of this press; with what went wrong, if something did. */
  over: (problem: unknown) => void;
}

export class JogPress {
  readonly #door: JogDoor;
  readonly #hearer: JogHearer;
  #timer: ReturnType<typeof setInterval> | undefined;
  #begun = false;
  #held = true;
  #renewing = false;
  #watching = false;
  #over = false;

  constructor(door: JogDoor, hearer: JogHearer) {
    this.#door = door;
    this.#hearer = hearer;
    // Renewed from the first moment: the server counts from when it hears of the press.
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS);
    void this.#start();
  }

  /** The button is no longer held, or nobody can tell whether it is. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    clearInterval(this.#timer);
    // Requests overtake each other: if the press is not known yet, it is ended once it is.
    this.#door.end().then(
      (answer) => this.#take(answer),
      (problem: unknown) => {
        if (this.#begun) this.#finish(problem);
      },
    );
  }

  async #start(): Promise<void> {
    try {
      const answer = await this.#door.start();
      this.#begun = true;
      this.#take(answer);
      if (!this.#held && !this.#over) this.#take(await this.#door.end());
    } catch (problem) {
      this.#finish(problem);
    }
  }

  async #renew(): Promise<void> {
    // One at a time: on a link that stalls there is nothing to renew with.
    if (this.#renewing || !this.#held) return;
    this.#renewing = true;
    try {
      const answer = await this.#door.renew();
      if (this.#begun) this.#take(answer);
    } catch (problem) {
      if (this.#begun) this.#finish(problem);
    } finally {
      this.#renewing = false;
    }
  }

  /** Let go, the arm still takes a moment to stand. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    setTimeout(() => {
      this.#watching = false;
      if (this.#over) return;
      this.#door.look().then(
        (answer) => this.#take(answer),
        (problem: unknown) => this.#finish(problem),
      );
    }, LOOK_MS);
  }

  #take(answer: JogAnswer): void {
    if (this.#over) return;
    this.#hearer.told(answer);
    if (answer.phase === 'ended') this.#finish(undefined);
    else if (!this.#held && this.#begun) this.#watch();
  }

  #finish(problem: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#held = false;
    clearInterval(this.#timer);
    this.#hearer.over(problem);
  }
}
