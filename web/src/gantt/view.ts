/** Which part of time the Gantt shows, and how wheel, fingers and keys move it. */

export interface View {
  /** Instant at the left edge, ms. */
  from: number;
  /** Milliseconds that a pixel stands for. */
  msPerPixel: number;
}

const CLOSEST_MS_PER_PIXEL = 5;
const WIDEST_MS_PER_PIXEL = 3_600_000;

/** The view that shows all of an interval in a width of pixels, with a little room around it. */
export function fit(from: number, to: number, width: number): View {
  const room = Math.max(1000, (to - from) * 0.02);
  const msPerPixel = clampScale((to - from + 2 * room) / Math.max(1, width));
  return { from: from - room, msPerPixel };
}

/** Zoom by a factor (above 1: closer) around the pixel that stays where it is. */
export function zoom(view: View, factor: number, pixel: number): View {
  const msPerPixel = clampScale(view.msPerPixel / factor);
  return { from: view.from + pixel * (view.msPerPixel - msPerPixel), msPerPixel };
}

export function pan(view: View, pixels: number): View {
  return { ...view, from: view.from + pixels * view.msPerPixel };
}

/** Move no more than needed for an interval to be seen. */
export function reveal(view: View, start: number, end: number, width: number): View {
  const margin = width * 0.1 * view.msPerPixel;
  const shown = width * view.msPerPixel;
  if (start < view.from) return { ...view, from: start - margin };
  if (end > view.from + shown) {
    return { ...view, from: Math.min(start - margin, end + margin - shown) };
  }
  return view;
}

function clampScale(msPerPixel: number): number {
  return Math.min(WIDEST_MS_PER_PIXEL, Math.max(CLOSEST_MS_PER_PIXEL, msPerPixel));
}

const STEPS_MS = [
  100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000,
  172_800_000, 604_800_000,
];

/** The step between ticks of an axis whose labels need `room` pixels, ms. */
export function tickStep(msPerPixel: number, room: number): number {
  const wanted = msPerPixel * room;
  return STEPS_MS.find((step) => step >= wanted) ?? 604_800_000;
}

/**
 * Ticks of a view. Steps of hours and more fall on the plant's own hours and midnights:
 * `offset` is what its time zone adds to UTC, ms.
 */
export function ticks(view: View, width: number, step: number, offset: number): number[] {
  const first = Math.ceil((view.from + offset) / step) * step - offset;
  const last = view.from + width * view.msPerPixel;
  const found: number[] = [];
  for (let tick = first; tick <= last; tick += step) found.push(tick);
  return found;
}

/** A text, or as much of its end as there is room for: numbers of orders differ at their end. */
export function endThatFits(
  text: string,
  room: number,
  widthOf: (text: string) => number,
): string {
  if (widthOf(text) <= room) return text;
  for (let from = 1; from < text.length; from++) {
    const short = `…${text.slice(from)}`;
    if (widthOf(short) <= room) return short;
  }
  return '';
}
