/** An answer of the gateway that is asked for again when something it depends on has changed. */

import { ask, Problem } from './api';
import { live } from './live.svelte';

/** What changes ten times a second is still asked for at most this often, ms. */
const LEAST_APART_MS = 400;

export class Fetched<Answer> {
  value = $state.raw<Answer | null>(null);
  problem = $state.raw<Problem | null>(null);
  #asked = 0;
  #nudge = $state(0);

  /**
   * `path` is read in an effect: whatever it touches makes the question new. Null asks nothing.
   * Questions do not overtake each other: while one is under way the next waits for it.
   */
  constructor(
    path: () => string | null,
    how: (path: string) => Promise<Answer> = ask<Answer>,
  ) {
    let latest: string | null = null;
    let busy = false;
    const run = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      let done = -1;
      let last = '';
      while (latest !== null && done !== this.#asked) {
        if (last === latest) await new Promise((resolve) => setTimeout(resolve, LEAST_APART_MS));
        done = this.#asked;
        const question: string = latest;
        last = question;
        try {
          const answer = await how(question);
          if (question === latest) {
            this.value = answer;
            this.problem = null;
          }
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          if (question === latest) this.problem = error;
        }
      }
      busy = false;
    };
    $effect(() => {
      // A server that has come back is asked again, whatever it said before.
      void live.boot;
      void this.#nudge;
      if (!live.fresh && this.value !== null) return;
      const question = path();
      if (question?.split('?')[0] !== latest?.split('?')[0]) {
        this.value = null;
        this.problem = null;
      }
      latest = question;
      this.#asked += 1;
      void run();
    });
  }

  again(): void {
    this.#nudge += 1;
  }
}
