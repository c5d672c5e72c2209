/** The plant's operations as the Gantt draws them. */

import type { Operation } from '../lib/contract';
import type { GanttOperation } from './model';

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
    due,
  };
}
