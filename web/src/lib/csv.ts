/** Just enough CSV to show a faulty row as it stands in the file; what counts is read by the plant. */

/** The cells of one line (RFC 4180 quotes). */
export function splitLine(line: string, delimiter: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (quoted) {
      if (c === '"' && line[i + 1] === '"') {
        cell += '"';
        i++;
      } else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === delimiter) {
      cells.push(cell);
      cell = '';
    } else cell += c;
  }
  cells.push(cell);
  return cells;
}

export interface FileRows {
  header: string[];
  /** The row that starts on a line, counted from 1. */
  row: (line: number) => string[];
}

export function readRows(text: string): FileRows {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const at = lines.findIndex((line) => line.trim() !== '' && !line.startsWith('sep='));
  const head = lines[at] ?? '';
  const delimiter = [',', ';', '\t'].reduce((best, candidate) =>
    head.split(candidate).length > head.split(best).length ? candidate : best,
  );
  return {
    header: splitLine(head, delimiter).map((name) => name.trim()),
    row: (line) => splitLine(lines[line - 1] ?? '', delimiter),
  };
}
