/** The plant's operations as the Gantt draws them. */

import type { Operation } from '../lib/contract';
import type { GanttOperation } from './model';

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
