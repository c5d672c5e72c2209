/** Asks the gateway; every refusal is a Problem with the server's own sentence (RFC 9457). */

import type { Page } from './contract';
import { session } from './session.svelte';

export const BASE = '/api/v1';

export interface ProblemBody {
  type?: string;
  title?: string;
  detail?: string;
  status?: number;
  [more: string]: unknown;
}

export class Problem extends Error {
  /** The last word of the problem's type: `refused`, `batch-invalid`, `unreachable`. */
  readonly kind: string;
  readonly status: number;
  readonly body: ProblemBody;

  constructor(status: number, body: ProblemBody) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.status = status;
    this.body = body;
    this.kind = body.type?.split(':').pop() ?? 'unknown';
  }
}

interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  json?: unknown;
  body?: Blob;
  /** Given for what must not happen twice when an answer is lost. */
  once?: string;
  signal?: AbortSignal;
}

export async function ask<Answer>(path: string, options: Ask = {}): Promise<Answer> {
  const headers: Record<string, string> = {};
  const token = session.token;
  if (token !== null) headers['Authorization'] = `Bearer ${token}`;
  if (options.once !== undefined) headers['Idempotency-Key'] = options.once;
  let body: BodyInit | null = null;
  if (options.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.json);
  } else if (options.body !== undefined) {
    headers['Content-Type'] = options.body.type || 'application/octet-stream';
    body = options.body;
  }
  let response: Response;
  try {
    response = await fetch(path.startsWith('/api/') ? path : BASE + path, {
      method: options.method ?? 'GET',
      headers,
      body,
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new Problem(0, { type: 'urn:robot-cell:problem:unreachable' });
  }
  if (!response.ok) {
    const problem = new Problem(response.status, await problemBody(response));
    if (response.status === 401) session.refused(token);
    throw problem;
  }
  if (response.status === 204) return undefined as Answer;
  const kind = response.headers.get('Content-Type') ?? '';
  return (kind.includes('json') ? await response.json() : await response.text()) as Answer;
}

/** Every item of a list, page after page. */
export async function askAll<Item>(path: string): Promise<Item[]> {
  const items: Item[] = [];
  let after = '';
  for (;;) {
    const page = await ask<Page<Item>>(`${path}${path.includes('?') ? '&' : '?'}limit=1000${after}`);
    items.push(...page.items);
    if (page.next === null) return items;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}

export function onceKey(): string {
  // crypto.randomUUID exists only on pages served over TLS or from this machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function problemBody(response: Response): Promise<ProblemBody> {
  try {
    return (await response.json()) as ProblemBody;
  } catch {
    return { title: response.statusText };
  }
}
