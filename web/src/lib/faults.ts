/** Faults of a batch file, arranged as the rows in which they stand. */

import type { BatchProblem } from './contract';
import type { FileRows } from './csv';

export interface FaultyRow {
  row: number;
  cells: { column: string; value: string; faults: BatchProblem[] }[];
  /** Faults that belong to no column of the file. */
  whole: BatchProblem[];
}

export function faultyRows(problems: readonly BatchProblem[], file: FileRows | null): FaultyRow[] {
  const byRow = new Map<number, BatchProblem[]>();
  for (const problem of problems) {
    const found = byRow.get(problem.row);
    if (found) found.push(problem);
    else byRow.set(problem.row, [problem]);
  }
  return [...byRow]
    .sort(([a], [b]) => a - b)
    .map(([row, faults]) => {
      const columns =
        file === null || row === 0
          ? [...new Set(faults.map((fault) => fault.column).filter((column) => column !== ''))]
          : file.header;
      const values = file === null || row === 0 ? null : file.row(row);
      const cells = columns.map((column, index) => {
        const own = faults.filter((fault) => fault.column === column);
        return { column, value: values?.[index] ?? own[0]?.value ?? '', faults: own };
      });
      return { row, cells, whole: faults.filter((fault) => !columns.includes(fault.column)) };
    });
}
