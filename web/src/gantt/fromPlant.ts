/** The plant's operations as the Gantt draws them. */

import type { Comparison, Operation } from '../lib/contract';
import type { Former, GanttOperation } from './model';

const endOf = (operation: Operation): number =>
  operation.actual_end_ms ?? operation.planned_end_ms ?? -Infinity;

/** Of each order the operation that ends last: only there an order is late, and says so. */
export function lastOfOrders(operations: readonly Operation[]): Set<string> {
  const last = new Map<string, Operation>();
  for (const operation of operations) {
    const known = last.get(operation.order_id);
    if (known === undefined || endOf(operation) > endOf(known)) {
      last.set(operation.order_id, operation);
    }
  }
  return new Set([...last.values()].map((operation) => operation.id));
}

export function ganttOperation(operation: Operation, due: number | null): GanttOperation | null {
  if (operation.cell === null || operation.status === 'cancelled') return null;
  return {
    id: operation.id,
    orderId: operation.order_id,
    unit: operation.unit,
    name: operation.name,
    lane: operation.cell,
    status: operation.status,
    plannedStart: operation.planned_start_ms,
    plannedEnd: operation.planned_end_ms,
    actualStart: operation.actual_start_ms,
    actualEnd: operation.actual_end_ms,
    setup: operation.setup_s * 1000,
    due,
  };
}

const NOT_BEGUN: ReadonlySet<string> = new Set(['planned', 'leased', 'accepted']);

/** Another plan as it would be drawn, and where the published one has what it moves. */
export function beside(
  operations: readonly GanttOperation[],
  comparison: Comparison,
): { operations: GanttOperation[]; formers: Former[] } {
  const moves = new Map(comparison.moves.map((move) => [move.id, move]));
  const formers: Former[] = [];
  const drawn: GanttOperation[] = [];
  for (const operation of operations) {
    const move = moves.get(operation.id);
    moves.delete(operation.id);
    // What has begun since the comparison was made stays where it is.
    if (move === undefined || !NOT_BEGUN.has(operation.status)) {
      drawn.push(operation);
      continue;
    }
    const { before, after } = move;
    if (before !== null) {
      formers.push({
        lane: before.cell,
        start: before.start_ms,
        end: before.end_ms,
        dropped: after === null,
      });
    }
    if (after !== null) drawn.push(placed(operation, after));
  }
  for (const { id, order_id, unit, name, before, after } of moves.values()) {
    if (before !== null || after === null) continue;
    const fresh = { id, orderId: order_id, unit, name, status: 'planned', due: null };
    drawn.push(placed({ ...fresh, actualStart: null, actualEnd: null }, after));
  }
  return { operations: drawn, formers };
}

function placed(
  operation: Omit<GanttOperation, 'lane' | 'plannedStart' | 'plannedEnd' | 'setup'>,
  at: { cell: string; start_ms: number; end_ms: number; setup_s: number },
): GanttOperation {
  return {
    ...operation,
    lane: at.cell,
    plannedStart: at.start_ms,
    plannedEnd: at.end_ms,
    setup: at.setup_s * 1000,
    moved: true,
  };
}
