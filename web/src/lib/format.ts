/** Texts with values in them, and times as the plant's own clock shows them. */

/** Put values into `{name}`; what is not given stays visible. */
export function format(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** `1:04:09`, `4:09`, with a minus sign in front where negative. */
export function duration(seconds: number): string {
  const whole = Math.round(Math.abs(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, '0');
  const sign = seconds < 0 && whole > 0 ? '−' : '';
  return hours > 0
    ? `${sign}${hours}:${String(minutes).padStart(2, '0')}:${rest}`
    : `${sign}${minutes}:${rest}`;
}

export function percent(ratio: number | null, digits = 0): string {
  return ratio === null ? '–' : `${(ratio * 100).toFixed(digits)}\u00a0%`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function dateFormat(locale: string, zone: string, options: Intl.DateTimeFormatOptions) {
  const key = `${locale} ${zone} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, found);
  }
  return found;
}

export function clock(ms: number, zone: string, seconds = true): string {
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  if (seconds) options.second = '2-digit';
  return dateFormat('en-GB', zone, options).format(ms);
}

export function day(ms: number, zone: string, locale: string): string {
  return dateFormat(locale, zone, { weekday: 'short', month: 'short', day: 'numeric' }).format(ms);
}

export function weekday(ms: number, zone: string, locale: string): string {
  return dateFormat(locale, zone, { weekday: 'long' }).format(ms);
}

/** What the zone adds to UTC at an instant, ms. */
export function zoneOffset(ms: number, zone: string): number {
  const parts = dateFormat('en-US', zone, {
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(ms);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const local = Date.UTC(
    of('year'),
    of('month') - 1,
    of('day'),
    of('hour'),
    of('minute'),
    of('second'),
  );
  return local - Math.floor(ms / 1000) * 1000;
}
