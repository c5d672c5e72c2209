/** The live connection: what the plant says ten times a second, and since when it says nothing. */

import { ask, BASE } from './api';
import type { CellLive, Operation, OperationsAnswer, Tick } from './contract';
import { OperationsCopy } from './operations';
import { reconnectDelay } from './reconnect';
import { session } from './session.svelte';

/** Silence that means a broken connection, although the socket has not noticed, ms. */
const SILENCE_MS = 2000;
const NOT_ALLOWED = new Set([4401, 4403]);

class Live {
  /** Whether messages come. */
  fresh = $state(false);
  /** This computer's clock at the last message, ms; null before the first. */
  heardAt = $state<number | null>(null);
  /** Whether the gateway in turn hears from the plant. */
  connected = $state(true);
  boot = $state('');
  /** Plant time, ms. */
  now = $state(0);
  cells = $state.raw<Record<string, CellLive>>({});
  ordersVersion = $state(-1);
  alarmsVersion = $state(-1);
  eventsLast = $state(0);
  operationsVersion = $state(-1);

  /** Not reactive: read when drawing. */
  joints: Record<string, number[]> = {};
  bodies: Record<string, Record<string, number[]>> = {};
  readonly #operations = new OperationsCopy();
  readonly #drawers = new Set<() => void>();

  #socket: WebSocket | null = null;
  #attempt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  #cellsText = '';

  get operations(): ReadonlyMap<string, Operation> {
    return this.#operations.byId;
  }

  /** Call `draw` after each message, until the returned function is called. */
  onTick(draw: () => void): () => void {
    this.#drawers.add(draw);
    return () => this.#drawers.delete(draw);
  }

  open(): void {
    this.close();
    this.#connect();
  }

  close(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.fresh = false;
  }

  #connect(): void {
    const token = session.token;
    if (token === null) return;
    const server = location.origin.replace(/^http/, 'ws');
    const socket = new WebSocket(`${server}${BASE}/live`, ['robot-cell.v1', `bearer.${token}`]);
    this.#socket = socket;
    this.#expectMessage(socket);
    socket.onmessage = (message) => {
      if (this.#socket !== socket) return;
      this.#expectMessage(socket);
      this.#take(JSON.parse(message.data as string) as Tick);
    };
    socket.onclose = (closed) => {
      if (this.#socket === socket) this.#lost(closed.code, token);
    };
  }

  #expectMessage(socket: WebSocket): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      if (this.#socket !== socket) return;
      socket.close();
      this.#lost(0, session.token);
    }, SILENCE_MS);
  }

  #lost(code: number, token: string | null): void {
    clearTimeout(this.#watch);
    this.#socket = null;
    this.fresh = false;
    if (NOT_ALLOWED.has(code)) {
      session.refused(token);
      return;
    }
    this.#retry = setTimeout(() => this.#connect(), reconnectDelay(this.#attempt, Math.random()));
    this.#attempt += 1;
  }

  #take(tick: Tick): void {
    this.#attempt = 0;
    this.heardAt = Date.now();
    this.fresh = true;
    this.connected = tick.connected;
    this.boot = tick.boot;
    this.now = tick.t;
    this.joints = tick.joints;
    this.bodies = tick.bodies ?? {};
    // Most messages change nothing that a page shows: compare once here, render not at all.
    const cellsText = JSON.stringify(tick.cells);
    if (cellsText !== this.#cellsText) {
      this.#cellsText = cellsText;
      this.cells = tick.cells;
    }
    this.ordersVersion = tick.orders_version;
    this.alarmsVersion = tick.alarms_version;
    this.eventsLast = tick.events_last;
    if (this.#operations.take(tick)) void this.#catchUp();
    this.operationsVersion = this.#operations.version;
    for (const draw of this.#drawers) draw();
  }

  async #catchUp(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const { version, boot } = this.#operations;
      const query = boot === '' ? '' : `?since=${version}&boot=${encodeURIComponent(boot)}`;
      this.#operations.replace(await ask<OperationsAnswer>(`/operations${query}`));
      this.operationsVersion = this.#operations.version;
    } catch {
      // The next message finds the same gap and asks again.
    } finally {
      this.#asking = false;
    }
  }
}

export const live = new Live();
