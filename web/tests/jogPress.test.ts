import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { JogAnswer } from '../src/lib/contract';
import { JogPress, RENEW_MS } from '../src/lib/jogPress';

const said = (phase: JogAnswer['phase'], message = ''): JogAnswer => ({ press: 'p', phase, message });

/** A server that is asked, and answers when it is told to. */
class Server {
  asked: string[] = [];
  told: string[] = [];
  over: unknown[] = [];
  readonly waiting: Record<string, (answer: JogAnswer | Error) => void> = {};

  press(): JogPress {
    const ask = (what: string) => (): Promise<JogAnswer> => {
      this.asked.push(what);
      return new Promise((good, bad) => {
        this.waiting[what] = (answer) => {
          if (answer instanceof Error) bad(answer);
          else good(answer);
        };
      });
    };
    return new JogPress(
      { start: ask('start'), renew: ask('renew'), end: ask('end'), look: ask('look') },
      {
        told: (answer) => this.told.push(answer.phase),
        over: (problem) => this.over.push(problem),
      },
    );
  }

  async answer(what: string, answer: JogAnswer | Error): Promise<void> {
    this.waiting[what]?.(answer);
    await vi.advanceTimersByTimeAsync(0);
  }

  count(what: string): number {
    return this.asked.filter((one) => one === what).length;
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('a press is renewed three times in the time after which the arm would stop', async () => {
  const server = new Server();
  server.press();
  await server.answer('start', said('moving'));
  for (let i = 0; i < 3; i += 1) {
    await vi.advanceTimersByTimeAsync(RENEW_MS);
    await server.answer('renew', said('moving'));
  }
  expect(server.count('renew')).toBe(3);
  expect(3 * RENEW_MS).toBeLessThanOrEqual(300);
});

test('nothing is renewed while an answer is out, nor after it was let go', async () => {
  const server = new Server();
  const press = server.press();
  await server.answer('start', said('moving'));
  await vi.advanceTimersByTimeAsync(10 * RENEW_MS);
  expect(server.count('renew')).toBe(1);
  press.release();
  await server.answer('renew', said('moving'));
  await vi.advanceTimersByTimeAsync(10 * RENEW_MS);
  expect(server.count('renew')).toBe(1);
  expect(server.count('end')).toBe(1);
});

test('let go before the server knew of it, it is ended once more when it does', async () => {
  const server = new Server();
  server.press().release();
  await server.answer('end', new Error('that press was never begun'));
  expect(server.over).toEqual([]);
  await server.answer('start', said('moving'));
  expect(server.count('end')).toBe(2);
  await server.answer('end', said('moving'));
  await vi.advanceTimersByTimeAsync(1000);
  await server.answer('look', said('ended', 'the button was let go'));
  expect(server.over).toEqual([undefined]);
  expect(server.told.at(-1)).toBe('ended');
});

test('the arm that has ended by itself ends the press', async () => {
  const server = new Server();
  const press = server.press();
  await server.answer('start', said('moving'));
  await vi.advanceTimersByTimeAsync(RENEW_MS);
  await server.answer('renew', said('ended', 'at its limit'));
  expect(server.over).toEqual([undefined]);
  press.release();
  await vi.advanceTimersByTimeAsync(10 * RENEW_MS);
  expect(server.asked).toEqual(['start', 'renew']);
});

test('a refusal is told, and one of a renewal that overtook its start is not', async () => {
  const server = new Server();
  server.press();
  await vi.advanceTimersByTimeAsync(RENEW_MS);
  await server.answer('renew', new Error('never begun'));
  expect(server.over).toEqual([]);
  const refused = new Error('the table is in the way');
  await server.answer('start', refused);
  expect(server.over).toEqual([refused]);
});
