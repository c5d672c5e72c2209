/** The client's copy of the operations at hand, kept up to date from deltas, and when it must ask again. */

import type { Operation, OperationsAnswer, Tick } from './contract';

export class OperationsCopy {
  boot = '';
  version = -1;
  readonly byId = new Map<string, Operation>();

  /** Take in a message. True: something is missing, ask for what has changed since `version`. */
  take(tick: Pick<Tick, 'boot' | 'ops_version' | 'ops_from' | 'ops_delta' | 'ops_gone'>): boolean {
    if (tick.boot !== this.boot) return true;
    if (tick.ops_version === this.version) return false;
    if (tick.ops_version < this.version) return false; // older than what was fetched meanwhile
    if (tick.ops_from !== this.version || tick.ops_delta === null) return true;
    this.#change(tick.ops_delta, tick.ops_gone);
    this.version = tick.ops_version;
    return false;
  }

  /** Take in the answer to such a question. */
  replace(answer: OperationsAnswer): void {
    if (answer.boot === this.boot && answer.version < this.version) return;
    if (answer.full || answer.boot !== this.boot) this.byId.clear();
    this.#change(answer.operations, answer.gone);
    this.boot = answer.boot;
    this.version = answer.version;
  }

  /** What was let go is over, and too long ago: a page that is open for weeks does not grow. */
  #change(operations: Operation[], gone: string[]): void {
    for (const operation of operations) this.byId.set(operation.id, operation);
    for (const id of gone) this.byId.delete(id);
  }
}
