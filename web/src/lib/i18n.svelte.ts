/** Words of the page in the language of the person; one file each in `locales/`. */

import en from '../locales/en.json';
import zh from '../locales/zh.json';
import { format } from './format';

export type Word = keyof typeof en;
export type Language = 'en' | 'zh';

const WORDS: Record<Language, Record<Word, string>> = { en, zh };
const KEY = 'robot_cell.language';

function first(): Language {
  const chosen = localStorage.getItem(KEY);
  if (chosen === 'en' || chosen === 'zh') return chosen;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

class Words {
  language = $state<Language>(first());

  constructor() {
    this.#tell();
  }

  choose(language: Language): void {
    this.language = language;
    localStorage.setItem(KEY, language);
    this.#tell();
  }

  #tell(): void {
    document.documentElement.lang = this.language === 'zh' ? 'zh-CN' : 'en';
  }
}

export const words = new Words();

export function t(word: Word, values: Record<string, string | number> = {}): string {
  return format(WORDS[words.language][word], values);
}

/** The translation of a word that the plant sent (a state, a status), or the word itself. */
export function tWord(group: string, word: string): string {
  const found: string | undefined = (WORDS[words.language] as Record<string, string>)[
    `${group}.${word.toLowerCase()}`
  ];
  return found ?? word;
}
