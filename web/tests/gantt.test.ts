import { describe, expect, it } from 'vitest';

import { beside, lastOfOrders } from '../src/gantt/fromPlant';
import { buildModel, firstVisible, hit, neighbour, type GanttOperation } from '../src/gantt/model';
import { paint, type Palette } from '../src/gantt/paint';
import { endThatFits, fit, pan, reveal, tickStep, ticks, zoom } from '../src/gantt/view';

function operation(id: string, lane: string, start: number, end: number): GanttOperation {
  return {
    id,
    orderId: id,
    unit: 1,
    name: 'deburr',
    lane,
    status: 'planned',
    plannedStart: start,
    plannedEnd: end,
    actualStart: null,
    actualEnd: null,
    setup: 0,
    due: null,
  };
}

/** Random numbers that are the same each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function many(seed: number, count: number): GanttOperation[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, i) => {
    const start = next() * 10_000;
    return operation(`o${i}`, `cell_${Math.floor(next() * 4)}`, start, start + next() * 800);
  });
}

const LANES = ['cell_0', 'cell_1', 'cell_2', 'cell_3'];

describe('the model', () => {
  it('finds what is seen first as a search through all does', () => {
    const model = buildModel(LANES, many(1, 400), 0);
    for (let lane = 0; lane < 4; lane++) {
      for (let time = -100; time < 11_000; time += 37) {
        const all = model.operations.map((_, i) => i);
        const inLane = all.filter((i) => model.operations[i]?.lane === LANES[lane]);
        const wanted = inLane.find((i) => (model.end[i] ?? 0) >= time);
        const found = firstVisible(model, lane, time);
        expect(found).toBe(wanted ?? model.firstOf[lane + 1]);
      }
    }
  });

  it('hits an operation that is there at that instant, and none where there is none', () => {
    const model = buildModel(LANES, many(2, 200), 0);
    for (let time = -100; time < 11_000; time += 53) {
      const found = hit(model, 2, time, 0);
      const there = model.operations.filter(
        (it, i) => it.lane === 'cell_2' && (model.start[i] ?? 0) <= time && time <= (model.end[i] ?? 0),
      );
      if (there.length === 0) expect(found).toBe(-1);
      else expect(there).toContain(model.operations[found]);
    }
  });

  it('takes the nearest within the tolerance', () => {
    const model = buildModel(['a'], [operation('1', 'a', 0, 10), operation('2', 'a', 30, 40)], 0);
    expect(model.operations[hit(model, 0, 26, 6)]?.id).toBe('2');
    expect(hit(model, 0, 20, 6)).toBe(-1);
    expect(hit(model, 1, 5, 6)).toBe(-1);
  });

  it('draws what runs up to now at least, and what is done as it went', () => {
    const runs = { ...operation('r', 'a', 0, 10), status: 'running', actualStart: 5 };
    expect(buildModel(['a'], [runs], 100).end[0]).toBe(100);
    expect(buildModel(['a'], [runs], 6).end[0]).toBe(15);
    const done = { ...runs, status: 'complete', actualEnd: 12 };
    expect(buildModel(['a'], [done], 100).end[0]).toBe(12);
  });

  it('leaves out what has no place: no cell, no time', () => {
    const nowhere = operation('n', 'elsewhere', 0, 10);
    const never = { ...operation('m', 'a', 0, 10), plannedStart: null };
    expect(buildModel(['a'], [nowhere, never], 0).operations).toEqual([]);
  });

  it('leads with keys to every operation of a lane, and to its neighbours above and below', () => {
    const model = buildModel(LANES, many(3, 100), 0);
    let at = neighbour(model, -1, 'ArrowRight');
    const seen = new Set<number>();
    while (!seen.has(at)) {
      seen.add(at);
      at = neighbour(model, at, 'ArrowRight');
    }
    expect(seen.size).toBe(model.operations.filter((it) => it.lane === 'cell_0').length);
    expect(model.operations[neighbour(model, 0, 'ArrowDown')]?.lane).toBe('cell_1');
    expect(neighbour(model, 0, 'ArrowUp')).toBe(0);
    expect(neighbour(model, at, 'Home')).toBe(0);
  });
});

describe('setups', () => {
  const set = (id: string, start: number, setup: number): GanttOperation => ({
    ...operation(id, 'a', start, start + 10),
    setup,
  });

  /** What is filled where, on a canvas that only remembers. */
  function filled(from: number, to: number, all: GanttOperation[]): [string, number, number][] {
    const found: [string, number, number][] = [];
    const context = new Proxy({} as Record<string, unknown>, {
      get: (target, name: string) => {
        if (name === 'measureText') return () => ({ width: 0 });
        if (name === 'fillRect') {
          return (x: number, _: number, wide: number) =>
            found.push([String(target['fillStyle']), x, wide]);
        }
        return target[name] ?? (() => undefined);
      },
      set: (target, name: string, value) => {
        target[name] = value;
        return true;
      },
    });
    const names = [
      'ground', 'lane', 'line', 'text', 'quiet', 'planned', 'plannedText', 'done', 'doneText',
      'running', 'runningText', 'alarm', 'warning', 'now', 'selected', 'ghost', 'font', 'closed',
      'setup', 'setupGround',
    ];
    paint(context as unknown as CanvasRenderingContext2D, {
      model: buildModel(['a'], all, 0),
      view: { from, msPerPixel: (to - from) / 100 },
      width: 100, height: 150, laneHeight: 100, scroll: 0, now: -1000, frozenUntil: 0,
      frozenLabel: '', offset: 0, selected: -1, hovered: -1,
      palette: Object.fromEntries(names.map((it) => [it, it])) as unknown as Palette,
      tickLabel: () => '',
    });
    return found.filter(([name]) => name === 'setupGround');
  }

  it('are part of what is shown, however early', () => {
    expect(buildModel(['a'], [set('first', 50, 20)], 0).from).toBe(30);
  });

  it('are drawn from their begin to the begin of the operation', () => {
    expect(filled(0, 100, [set('one', 50, 20), set('two', 70, 0)])).toEqual([
      ['setupGround', 30, 20],
    ]);
  });

  it('are drawn where the operation itself begins right of the picture', () => {
    expect(filled(0, 100, [set('one', 120, 40), set('two', 300, 40)])).toEqual([
      ['setupGround', 80, 22],
    ]);
  });
});

it('an order is late where it ends, and only there', () => {
  const one = (id: string, order_id: string, planned: number, actual: number | null) => ({
    id, order_id, unit: 1, position: 0, name: '', cell: 'a', program: '', status: 'planned',
    planned_start_ms: 0, planned_end_ms: planned, actual_start_ms: null, actual_end_ms: actual,
    setup_s: 0, attempt: 1, message: '',
  });
  const all = [one('1', 'A', 10, 40), one('2', 'A', 30, null), one('3', 'B', 5, null)];
  expect([...lastOfOrders(all)].sort()).toEqual(['1', '3']);
});

describe('the view', () => {
  it('keeps the instant under the pointer when it zooms', () => {
    const next = random(4);
    for (let i = 0; i < 200; i++) {
      const view = { from: next() * 1e9, msPerPixel: 10 + next() * 1000 };
      const pixel = next() * 1000;
      const closer = zoom(view, 0.5 + next(), pixel);
      const before = view.from + pixel * view.msPerPixel;
      expect(closer.from + pixel * closer.msPerPixel).toBeCloseTo(before, 3);
    }
  });

  it('shows all of what it fits, and moves by pixels', () => {
    const view = fit(1000, 61_000, 600);
    expect(view.from).toBeLessThan(1000);
    expect(view.from + 600 * view.msPerPixel).toBeGreaterThan(61_000);
    expect(pan(view, 10).from).toBeCloseTo(view.from + 10 * view.msPerPixel);
  });

  it('moves only when what it reveals is out of sight', () => {
    const view = { from: 0, msPerPixel: 10 };
    expect(reveal(view, 100, 200, 100)).toBe(view);
    expect(reveal(view, 5000, 5100, 100).from).toBeGreaterThan(4000);
    expect(reveal(view, -50, -10, 100).from).toBeLessThan(-50);
  });

  it('ticks on whole steps of the plant’s own clock', () => {
    const zone = 5.5 * 3_600_000;
    const view = { from: 1_700_000_000_123, msPerPixel: 100_000 };
    const step = tickStep(view.msPerPixel, 96);
    for (const tick of ticks(view, 1000, step, zone)) {
      expect((tick + zone) % step).toBe(0);
      expect(tick).toBeGreaterThanOrEqual(view.from);
    }
  });
});

describe('endThatFits', () => {
  const widthOf = (text: string): number => 8 * text.length;

  it('keeps what fits, else the end of it', () => {
    expect(endThatFits('WO-4804.1', 72, widthOf)).toBe('WO-4804.1');
    expect(endThatFits('WO-4804.1', 71, widthOf)).toBe('…-4804.1');
    expect(endThatFits('WO-4804.1', 40, widthOf)).toBe('…04.1');
    expect(endThatFits('WO-4804.1', 9, widthOf)).toBe('');
  });
});

describe('a plan beside the published one', () => {
  const place = (cell: string, start: number) => ({
    cell, start_ms: start, end_ms: start + 10, setup_s: 0.004,
  });
  const move = { order_id: 'o', unit: 1, name: 'deburr' };
  const comparison = {
    moves: [
      { ...move, id: 'moved', before: place('a', 0), after: place('b', 20) },
      { ...move, id: 'dropped', before: place('a', 40), after: null },
      { ...move, id: 'new', before: null, after: place('b', 60) },
      { ...move, id: 'begun', before: place('a', 80), after: place('b', 80) },
    ],
    other_cell: 1, waiting: ['dropped'], orders: [], late_before: 0, late_after: 0,
    ends_before_ms: null, ends_after_ms: null,
  };
  const begun = { ...operation('begun', 'a', 80, 90), status: 'running', actualStart: 81 };
  const published = [
    operation('moved', 'a', 0, 10), operation('dropped', 'a', 40, 50), operation('still', 'a', 90, 99),
    begun,
  ];

  it('shows the other plan, and below it where the published one has what moves', () => {
    const found = beside(published, comparison);
    const shown = new Map(found.operations.map((it) => [it.id, it]));
    expect([...shown.keys()].sort()).toEqual(['begun', 'moved', 'new', 'still']);
    expect(shown.get('moved')).toMatchObject({
      lane: 'b', plannedStart: 20, moved: true, setup: 4,
    });
    expect(shown.get('begun')).toBe(begun);
    expect(found.formers).toEqual([
      { lane: 'a', start: 0, end: 10, dropped: false },
      { lane: 'a', start: 40, end: 50, dropped: true },
    ]);
  });

  it('keeps formers and closed times by lane, and shows all of them', () => {
    const { operations, formers } = beside(published, comparison);
    const closed = { b: [{ start: 5, end: 7, reason: 'oil' }] };
    const model = buildModel(['a', 'b'], operations, 0, formers, closed);
    expect(model.formers.map((lane) => lane.length)).toEqual([2, 0]);
    expect(model.closings.map((lane) => lane.length)).toEqual([0, 1]);
    expect(model.from).toBe(0);
  });
});
