/** What does not change while a plant runs: its name, its time zone, its cells. */

import { ask } from './api';
import type { PlantDescription } from './contract';
import { clock, day, weekday, zoneOffset } from './format';
import { words } from './i18n.svelte';

class Plant {
  described = $state.raw<PlantDescription | null>(null);

  get zone(): string {
    return this.described?.time_zone ?? 'UTC';
  }

  get cells(): string[] {
    return this.described?.cells ?? [];
  }

  async load(): Promise<void> {
    this.described = await ask<PlantDescription>('/plant');
  }

  clock(ms: number | null, seconds = true): string {
    return ms === null ? '–' : clock(ms, this.zone, seconds);
  }

  /** Day and time; only the time where the day is today's on the plant's clock. */
  moment(ms: number | null, now: number): string {
    if (ms === null) return '–';
    const locale = this.#locale;
    const date = day(ms, this.zone, locale);
    const time = clock(ms, this.zone);
    return date === day(now, this.zone, locale) ? time : `${date} ${time}`;
  }

  weekday(ms: number): string {
    return `${weekday(ms, this.zone, this.#locale)} ${clock(ms, this.zone, false)}`;
  }

  date(ms: number): string {
    return day(ms, this.zone, this.#locale);
  }

  offset(ms: number): number {
    return zoneOffset(ms, this.zone);
  }

  get #locale(): string {
    return words.language === 'zh' ? 'zh-CN' : 'en-GB';
  }
}

export const plant = new Plant();
