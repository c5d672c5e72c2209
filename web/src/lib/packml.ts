/** How much attention a PackML state asks for, and in which order commands are offered. */

export type Attention = 'none' | 'warning' | 'alarm';

const ATTENTION: Record<string, Attention> = {
  Holding: 'warning',
  Held: 'warning',
  Suspending: 'warning',
  Suspended: 'warning',
  Stopping: 'warning',
  Stopped: 'warning',
  Aborting: 'alarm',
  Aborted: 'alarm',
};

export function attention(state: string, lost: boolean): Attention {
  return lost ? 'alarm' : (ATTENTION[state] ?? 'none');
}

/** The commands of the state machine that people give; what keeps the cell going comes first. */
export const COMMANDS = [
  'Hold',
  'Unhold',
  'Suspend',
  'Unsuspend',
  'Reset',
  'Clear',
  'Stop',
  'Abort',
] as const;

export type CommandName = (typeof COMMANDS)[number];

/** Offered always, whether allowed or not, so that each is found where it was yesterday. */
export const EVERYDAY: readonly CommandName[] = ['Hold', 'Unhold', 'Reset', 'Stop'];

export const GRAVE: ReadonlySet<string> = new Set(['Stop', 'Abort']);
