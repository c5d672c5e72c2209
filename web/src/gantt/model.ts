/** What the Gantt draws, in typed arrays: found by lane and time without looking at the rest. */

export interface GanttOperation {
  id: string;
  orderId: string;
  unit: number;
  name: string;
  lane: string;
  status: string;
  /** Milliseconds; null where not known. */
  plannedStart: number | null;
  plannedEnd: number | null;
  actualStart: number | null;
  actualEnd: number | null;
  /** How long its cell is set up right before it, ms. */
  setup: number;
  /** The instant by which its order is due, ms. */
  due: number | null;
  /** Whether the plan that is shown puts it elsewhere than the published one. */
  moved?: boolean;
}

/** Where the published plan has an operation that another plan, the one shown, puts elsewhere. */
export interface Former {
  lane: string;
  start: number;
  end: number;
  /** Whether the plan that is shown has no place for it at all. */
  dropped: boolean;
}

/** A time in which a lane's cell does not work, ms. */
export interface Closing {
  start: number;
  end: number;
  reason: string;
}

/** One operation as it is drawn: where it is or was, and where it was planned. */
export interface GanttModel {
  lanes: string[];
  /** Operations sorted by lane, then by start. */
  operations: GanttOperation[];
  /** First operation of each lane, and one past the last lane's end. */
  firstOf: Uint32Array;
  start: Float64Array;
  end: Float64Array;
  /** For each operation the latest end of all before it in its lane: where a search may begin. */
  endUpTo: Float64Array;
  /** The longest setup of each lane, ms: so much earlier something may be seen. */
  longestSetup: Float64Array;
  /** For each lane, by start. */
  formers: Former[][];
  closings: Closing[][];
  from: number;
  to: number;
}

const ENDED: ReadonlySet<string> = new Set(['complete', 'done', 'failed', 'cancelled']);

/** Where an operation is drawn: as it went where that is known, and as planned where not, ms. */
export function span(operation: GanttOperation, now: number): [number, number] | null {
  const { plannedStart, plannedEnd, actualStart, actualEnd } = operation;
  if (actualStart !== null) {
    if (actualEnd !== null) return [actualStart, actualEnd];
    if (ENDED.has(operation.status)) return [actualStart, actualStart];
    const planned =
      plannedStart !== null && plannedEnd !== null ? plannedEnd - plannedStart : 0;
    return [actualStart, Math.max(now, actualStart + planned)];
  }
  if (plannedStart === null || plannedEnd === null) return null;
  return [plannedStart, plannedEnd];
}

export function buildModel(
  lanes: string[],
  all: readonly GanttOperation[],
  now: number,
  formers: readonly Former[] = [],
  closed: Readonly<Record<string, readonly Closing[]>> = {},
): GanttModel {
  const laneOf = new Map(lanes.map((lane, index) => [lane, index]));
  const drawn: { operation: GanttOperation; lane: number; start: number; end: number }[] = [];
  for (const operation of all) {
    const lane = laneOf.get(operation.lane);
    const extent = span(operation, now);
    if (lane === undefined || extent === null) continue;
    drawn.push({ operation, lane, start: extent[0], end: extent[1] });
  }
  drawn.sort((a, b) => a.lane - b.lane || a.start - b.start);
  const count = drawn.length;
  const model: GanttModel = {
    lanes,
    operations: drawn.map((item) => item.operation),
    firstOf: new Uint32Array(lanes.length + 1),
    start: new Float64Array(count),
    end: new Float64Array(count),
    endUpTo: new Float64Array(count),
    longestSetup: new Float64Array(lanes.length),
    formers: lanes.map(() => []),
    closings: lanes.map((lane) => [...(closed[lane] ?? [])]),
    from: Infinity,
    to: -Infinity,
  };
  let lane = 0;
  let latest = -Infinity;
  drawn.forEach((item, index) => {
    while (lane < item.lane) {
      model.firstOf[++lane] = index;
      latest = -Infinity;
    }
    latest = Math.max(latest, item.end);
    model.start[index] = item.start;
    model.end[index] = item.end;
    model.endUpTo[index] = latest;
    model.from = Math.min(
      model.from,
      item.start - item.operation.setup,
      item.operation.plannedStart ?? Infinity,
    );
    model.longestSetup[item.lane] = Math.max(
      model.longestSetup[item.lane] ?? 0,
      item.operation.setup,
    );
    model.to = Math.max(model.to, item.end, item.operation.plannedEnd ?? -Infinity);
  });
  while (lane < lanes.length) model.firstOf[++lane] = count;
  for (const former of [...formers].sort((a, b) => a.start - b.start)) {
    model.formers[laneOf.get(former.lane) ?? -1]?.push(former);
    model.from = Math.min(model.from, former.start);
    model.to = Math.max(model.to, former.end);
  }
  if (count === 0) {
    model.from = now;
    model.to = now + 60_000;
  }
  return model;
}

/** The first operation of a lane that may still be seen at or after `time`. */
export function firstVisible(model: GanttModel, lane: number, time: number): number {
  let low = model.firstOf[lane] ?? 0;
  let high = model.firstOf[lane + 1] ?? 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((model.endUpTo[middle] ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The operation of a lane at an instant, or the nearest within `tolerance` ms; -1 if none. */
export function hit(model: GanttModel, lane: number, time: number, tolerance: number): number {
  if (lane < 0 || lane >= model.lanes.length) return -1;
  const stop = model.firstOf[lane + 1] ?? 0;
  let best = -1;
  let bestDistance = tolerance;
  for (let i = firstVisible(model, lane, time - tolerance); i < stop; i++) {
    const start = model.start[i] ?? 0;
    if (start > time + tolerance) break;
    const end = model.end[i] ?? 0;
    const distance = time < start ? start - time : time > end ? time - end : 0;
    // Of two that overlap the later one is drawn above.
    if (distance <= bestDistance) {
      best = i;
      bestDistance = distance;
    }
  }
  return best;
}

export function laneOfIndex(model: GanttModel, index: number): number {
  let lane = 0;
  while (lane < model.lanes.length - 1 && (model.firstOf[lane + 1] ?? 0) <= index) lane++;
  return lane;
}

/** The operation that a key leads to from the selected one; -1 where there is none at all. */
export function neighbour(model: GanttModel, index: number, key: string): number {
  const count = model.operations.length;
  if (count === 0) return -1;
  if (index < 0) return 0;
  const lane = laneOfIndex(model, index);
  const first = model.firstOf[lane] ?? 0;
  const last = (model.firstOf[lane + 1] ?? count) - 1;
  switch (key) {
    case 'ArrowLeft':
      return Math.max(first, index - 1);
    case 'ArrowRight':
      return Math.min(last, index + 1);
    case 'Home':
      return first;
    case 'End':
      return last;
    case 'ArrowUp':
    case 'ArrowDown': {
      const step = key === 'ArrowUp' ? -1 : 1;
      const middle = ((model.start[index] ?? 0) + (model.end[index] ?? 0)) / 2;
      for (let other = lane + step; other >= 0 && other < model.lanes.length; other += step) {
        const found = hit(model, other, middle, Infinity);
        if (found >= 0) return found;
      }
      return index;
    }
    default:
      return index;
  }
}
