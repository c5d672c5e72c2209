/** A plan that would be: asked for, followed until it is there, cancelled, kept while pages change. */

import { ask, Problem } from './api';
import type { Supposition, WhatIf } from './contract';

const LOOK_EVERY_MS = 250;

/** One thing that is supposed to be otherwise. */
export type Change =
  | { kind: 'priority'; order: string; priority: number }
  | { kind: 'due'; order: string; due: number }
  | { kind: 'without'; order: string }
  | { kind: 'more'; order: string; product: string; quantity: number; due: number; priority: number }
  | { kind: 'down'; cell: string; seconds: number };

/** What stands for the same thing replaces it. */
export function subject(change: Change): string {
  return change.kind === 'down' ? `cell ${change.cell}` : `${change.kind} ${change.order}`;
}

export function supposition(changes: readonly Change[]): Supposition {
  const found: Supposition = {
    priorities: {},
    dues_ms: {},
    without_orders: [],
    more_orders: [],
    without_cells: [],
    cells_down_s: {},
  };
  for (const change of changes) {
    switch (change.kind) {
      case 'priority':
        found.priorities[change.order] = change.priority;
        break;
      case 'due':
        found.dues_ms[change.order] = change.due;
        break;
      case 'without':
        found.without_orders.push(change.order);
        break;
      case 'more': {
        const { order, product, quantity, due, priority } = change;
        found.more_orders.push({ order_id: order, product, quantity, due_ms: due, priority });
        break;
      }
      case 'down':
        found.cells_down_s[change.cell] = change.seconds;
        break;
    }
  }
  return found;
}

class WhatIfState {
  changes = $state.raw<Change[]>([]);
  job = $state.raw<WhatIf | null>(null);
  problem = $state.raw<Problem | null>(null);
  #turn = 0;

  get busy(): boolean {
    return this.job?.state === 'waiting' || this.job?.state === 'planning';
  }

  suppose(change: Change): void {
    const same = subject(change);
    this.changes = [...this.changes.filter((one) => subject(one) !== same), change];
    this.forget();
  }

  drop(change: Change): void {
    this.changes = this.changes.filter((one) => one !== change);
    this.forget();
  }

  /** The result does not belong to what is supposed any more. */
  forget(): void {
    if (this.busy) void this.stop();
    this.#turn += 1;
    this.job = null;
    this.problem = null;
  }

  async compare(): Promise<void> {
    this.forget();
    const turn = this.#turn;
    try {
      let job = await ask<WhatIf>('/what-ifs', { method: 'POST', json: supposition(this.changes) });
      while (turn === this.#turn) {
        this.job = job;
        if (job.state !== 'waiting' && job.state !== 'planning') return;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        job = await ask<WhatIf>(`/what-ifs/${job.id}`);
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (turn !== this.#turn) return;
      this.job = null;
      this.problem = error;
    }
  }

  async stop(): Promise<void> {
    const job = this.job;
    if (job === null) return;
    await ask(`/what-ifs/${job.id}`, { method: 'DELETE' }).catch(() => undefined);
  }
}

export const whatIf = new WhatIfState();
