import { describe, expect, it } from 'vitest';

import type { Operation } from '../src/lib/contract';
import { readRows, splitLine } from '../src/lib/csv';
import { noEnergy } from '../src/lib/energy';
import { faultyRows } from '../src/lib/faults';
import { clock, duration, format, zoneOffset } from '../src/lib/format';
import { OperationsCopy } from '../src/lib/operations';
import { OWN_WORDS } from '../src/lib/problemWords';
import { reconnectDelay } from '../src/lib/reconnect';
import { supposition, subject, type Change } from '../src/lib/whatIf.svelte';
import { partOf } from '../src/scene/parts';
import en from '../src/locales/en.json';
import zh from '../src/locales/zh.json';

describe('translations', () => {
  it('exist for every word, with the same values in them', () => {
    expect(Object.keys(zh)).toEqual(Object.keys(en));
    const values = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect(values(zh[key]), key).toEqual(values(en[key]));
    }
  });
});

describe('refusals', () => {
  const sentences = ['refused', 'conflict', 'not-found', 'invalid', 'plant-unreachable', 'too-large'];

  it.each(sentences)('say in Chinese what a sentence of the server is about: %s', (kind) => {
    const word = OWN_WORDS[kind];
    if (word === undefined) throw new Error(`no word for ${kind}`);
    const told = format(zh[word], { detail: 'cell_a is Held' });
    expect(told).toContain('cell_a is Held');
    expect(told).toMatch(/\p{Script=Han}/u);
    expect(format(en[word], { detail: 'cell_a is Held' })).toContain('cell_a is Held');
  });
});

describe('texts and times', () => {
  it('puts values in and shows what is missing', () => {
    expect(format('{late} of {total}', { late: 2 })).toBe('2 of {total}');
  });

  it('writes durations', () => {
    expect([0, 59.6, 61, 3661, -61, -0.2].map(duration)).toEqual([
      '0:00', '1:00', '1:01', '1:01:01', '−1:01', '0:00',
    ]);
  });

  it('shows the plant’s clock, summer and winter', () => {
    const summer = Date.UTC(2026, 6, 1, 12, 0, 0);
    const winter = Date.UTC(2026, 11, 1, 12, 0, 0);
    expect(clock(summer, 'Europe/Berlin')).toBe('14:00:00');
    expect(clock(winter, 'Europe/Berlin', false)).toBe('13:00');
    expect(zoneOffset(summer, 'Europe/Berlin')).toBe(7_200_000);
    expect(zoneOffset(winter + 123, 'Asia/Shanghai')).toBe(28_800_000);
  });
});

describe('reconnecting', () => {
  it('never waits longer than a second, and never at once', () => {
    for (let attempt = 0; attempt < 40; attempt++) {
      for (const random of [0, 0.5, 0.999]) {
        const wait = reconnectDelay(attempt, random);
        expect(wait).toBeGreaterThanOrEqual(50);
        expect(wait).toBeLessThanOrEqual(1000);
      }
    }
  });
});

describe('rows of a file', () => {
  it('reads quotes as RFC 4180 has them', () => {
    expect(splitLine('a,"b ""c"", d",,e', ',')).toEqual(['a', 'b "c", d', '', 'e']);
  });

  it('finds the delimiter in the header, after a byte-order mark and empty lines', () => {
    const file = readRows('\uFEFF\r\norder_id;product\r\nW-1;a,b\r\n');
    expect(file.header).toEqual(['order_id', 'product']);
    expect(file.row(3)).toEqual(['W-1', 'a,b']);
  });

  it('puts each fault at its cell', () => {
    const file = readRows('order_id,quantity\nW-1,none\n');
    const fault = { row: 2, column: 'quantity', value: 'none', expected: '1..', message: 'no' };
    const whole = { row: 2, column: '', value: '', expected: '', message: 'odd' };
    const [line] = faultyRows([fault, whole], file);
    expect(line?.cells).toEqual([
      { column: 'order_id', value: 'W-1', faults: [] },
      { column: 'quantity', value: 'none', faults: [fault] },
    ]);
    expect(line?.whole).toEqual([whole]);
  });

  it('shows what was found where the file itself cannot be shown', () => {
    const fault = { row: 7, column: 'due', value: 'soon', expected: 'a time', message: 'no' };
    expect(faultyRows([fault], null)[0]?.cells).toEqual([
      { column: 'due', value: 'soon', faults: [fault] },
    ]);
  });
});

describe('the copy of all operations', () => {
  const operation = (id: string, status: string): Operation => ({
    id, order_id: 'W', unit: 1, position: 0, name: 'n', cell: 'c', program: 'p', status,
    planned_start_ms: 0, planned_end_ms: 1, actual_start_ms: null, actual_end_ms: null,
    setup_s: 0, attempt: 1, message: '',
  });
  const tick = (from: number, to: number, delta: Operation[] | null, boot = 'b') => ({
    boot, ops_from: from, ops_version: to, ops_delta: delta, ops_gone: [] as string[],
  });

  function started(): OperationsCopy {
    const copy = new OperationsCopy();
    expect(copy.take(tick(5, 5, []))).toBe(true);
    copy.replace({ boot: 'b', version: 5, full: true, operations: [operation('1', 'planned')], gone: [] });
    return copy;
  }

  it('follows deltas without asking', () => {
    const copy = started();
    expect(copy.take(tick(5, 6, [operation('1', 'running'), operation('2', 'planned')]))).toBe(false);
    expect(copy.byId.get('1')?.status).toBe('running');
    expect(copy.byId.size).toBe(2);
  });

  it('forgets what was let go, whoever tells it', () => {
    const copy = started();
    expect(copy.take({ ...tick(5, 6, [operation('2', 'running')]), ops_gone: ['1'] })).toBe(false);
    expect([...copy.byId.keys()]).toEqual(['2']);
    copy.replace({ boot: 'b', version: 9, full: false, operations: [], gone: ['2'] });
    expect(copy.byId.size).toBe(0);
  });

  it('asks after a gap, and after too much for a message', () => {
    const copy = started();
    expect(copy.take(tick(7, 8, [operation('1', 'failed')]))).toBe(true);
    expect(copy.byId.get('1')?.status).toBe('planned');
    expect(copy.take(tick(5, 9, null))).toBe(true);
    copy.replace({ boot: 'b', version: 9, full: false, operations: [operation('1', 'failed')], gone: [] });
    expect(copy.take(tick(9, 9, []))).toBe(false);
    expect(copy.byId.get('1')?.status).toBe('failed');
  });

  it('is not taken back by a message that is older than an answer', () => {
    const copy = started();
    copy.replace({ boot: 'b', version: 9, full: false, operations: [operation('1', 'complete')], gone: [] });
    expect(copy.take(tick(5, 6, [operation('1', 'running')]))).toBe(false);
    expect(copy.byId.get('1')?.status).toBe('complete');
  });

  it('begins anew when the server has', () => {
    const copy = started();
    expect(copy.take(tick(5, 5, [], 'c'))).toBe(true);
    copy.replace({ boot: 'c', version: 1, full: true, operations: [], gone: [] });
    expect(copy.byId.size).toBe(0);
    expect(copy.take(tick(1, 1, [], 'c'))).toBe(false);
  });
});

describe('what if', () => {
  it('says what is supposed as the gateway wants it, the last word on each subject', () => {
    const changes: Change[] = [
      { kind: 'priority', order: 'A', priority: 9 },
      { kind: 'without', order: 'B' },
      { kind: 'due', order: 'A', due: 5000 },
      { kind: 'more', order: 'N', product: 'p', quantity: 2, due: 7000, priority: 4 },
      { kind: 'down', cell: 'c', seconds: 60 },
    ];
    expect(new Set(changes.map(subject)).size).toBe(5);
    expect(supposition(changes)).toEqual({
      priorities: { A: 9 },
      dues_ms: { A: 5000 },
      without_orders: ['B'],
      more_orders: [{ order_id: 'N', product: 'p', quantity: 2, due_ms: 7000, priority: 4 }],
      without_cells: [],
      cells_down_s: { c: 60 },
    });
  });
});

describe('bodies of a simulated cell', () => {
  it('are parts of their products, but for the tool centre point', () => {
    const parts = { housing_s: { size_m: [1, 2, 3] as [number, number, number] } };
    expect(partOf('housing_s_12', parts, '')).toEqual([1, 2, 3]);
    expect(partOf('other_1', parts, 'housing_s')).toEqual([1, 2, 3]);
    expect(partOf('tcp', parts, 'housing_s')).toBeNull();
    expect(partOf('left/tcp', parts, 'housing_s')).toBeNull();
  });
});

describe('no energy per part', () => {
  it('is because nothing was finished, or because a program is not known yet', () => {
    expect(noEnergy({ elements: { GQ: 0, PQ: 2 } })).toBe('none');
    expect(noEnergy({ elements: { GQ: 1, PQ: 2 } })).toBe('soon');
    // Operations are done, but no whole work unit.
    expect(noEnergy({ elements: { GQ: 3, units: 0 } })).toBe('none');
    expect(noEnergy({ elements: { GQ: 3, units: 1 } })).toBe('soon');
  });
});
