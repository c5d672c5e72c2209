/** The client's copy of all operations, kept up to date from deltas, and when it must ask again. */

import type { Operation, OperationsAnswer, Tick } from './contract';

export class OperationsCopy {
  boot = '';
  version = -1;
  readonly byId = new Map<string, Operation>();

  /** Take in a message. True: something is missing, ask for what has changed since `version`. */
  take(tick: Pick<Tick, 'boot' | 'ops_version' | 'ops_from' | 'ops_delta'>): boolean {
    if (tick.boot !== this.boot) return true;
    if (tick.ops_version === this.version) return false;
    if (tick.ops_version < this.version) return false; // older than what was fetched meanwhile
    if (tick.ops_from !== this.version || tick.ops_delta === null) return true;
    for (const operation of tick.ops_delta) this.byId.set(operation.id, operation);
    this.version = tick.ops_version;
    return false;
  }

  /** Take in the answer to such a question. */
  replace(answer: OperationsAnswer): void {
    if (answer.boot === this.boot && answer.version < this.version) return;
    if (answer.full || answer.boot !== this.boot) this.byId.clear();
    for (const operation of answer.operations) this.byId.set(operation.id, operation);
    this.boot = answer.boot;
    this.version = answer.version;
  }
}
