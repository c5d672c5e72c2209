/** When to try again: at once, then longer, never more than a second apart. */

const FIRST_MS = 100;
const LONGEST_MS = 1000;

/** The wait before attempt `n` (from 0), ms; `random` in 0..1 keeps clients apart. */
export function reconnectDelay(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
  return longest * (0.5 + 0.5 * random);
}
