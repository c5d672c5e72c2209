/** What a problem of the server is called in the page's language, by its kind. */

import type en from '../locales/en.json';

/** Where the server's own sentence is all that can be said, other languages say what it is about. */
export const OWN_WORDS: Record<string, keyof typeof en> = {
  unreachable: 'problem.unreachable',
  unauthorised: 'problem.unauthorised',
  forbidden: 'problem.forbidden',
  'too-large': 'problem.too_large',
  'unsupported-type': 'problem.unsupported_type',
  'too-many': 'problem.too_many',
  'plant-unreachable': 'problem.plant_unreachable',
  'journal-unavailable': 'problem.journal_unavailable',
  'not-found': 'problem.not_found',
  conflict: 'problem.conflict',
  refused: 'problem.refused',
  invalid: 'problem.invalid',
};
