/** What a refusal means to a person, and what to do. */

import type { Problem } from './api';
import { t, type Word } from './i18n.svelte';

const OWN_WORDS: Record<string, Word> = {
  unreachable: 'problem.unreachable',
  unauthorised: 'problem.unauthorised',
  forbidden: 'problem.forbidden',
  'too-large': 'problem.too_large',
  'unsupported-type': 'problem.unsupported_type',
  'too-many': 'problem.too_many',
  'plant-unreachable': 'problem.plant_unreachable',
  'journal-unavailable': 'problem.journal_unavailable',
};

export function explain(problem: Problem): string {
  const word = OWN_WORDS[problem.kind];
  if (word === undefined) return problem.message;
  return t(word, { detail: problem.message, needs: String(problem.body['needs'] ?? '') });
}
