/** Which of a simulated cell's bodies are parts, and how large they are. */

type Size = [number, number, number];

const TCP = 'tcp';
const ASSUMED: Size = [0.05, 0.05, 0.05];

/** The size of a body (`housing_s_2` is the second of housing_s), m; null for what is no part. */
export function partOf(
  body: string,
  parts: Record<string, { size_m: Size }>,
  product: string,
): Size | null {
  if (body === TCP || body.endsWith(`/${TCP}`)) return null;
  const own = parts[body] ?? parts[body.replace(/_\d+$/, '')] ?? parts[product];
  return own?.size_m ?? ASSUMED;
}
