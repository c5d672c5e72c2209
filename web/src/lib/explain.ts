/** What a refusal means to a person, and what to do. */

import type { Problem } from './api';
import { t } from './i18n.svelte';
import { OWN_WORDS } from './problemWords';

export function explain(problem: Problem): string {
  const word = OWN_WORDS[problem.kind];
  if (word === undefined) return problem.message;
  return t(word, { detail: problem.message, needs: String(problem.body['needs'] ?? '') });
}
