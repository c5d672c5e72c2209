/** Why a row of key figures tells no energy per part. */

import type { Kpi } from './contract';

/** `none`: no part was finished. `soon`: a program's energy is not known to the gateway yet. */
export function noEnergy(kpi: Pick<Kpi, 'elements'>): 'none' | 'soon' {
  // A plant makes whole work units, a cell does operations.
  return (kpi.elements['units'] ?? kpi.elements['GQ'] ?? 0) > 0 ? 'soon' : 'none';
}
