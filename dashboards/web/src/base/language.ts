// The two languages of the product and the words of each page, registered where they are used.
// A phrase holds both languages side by side, so that neither can be forgotten.
import i18next from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";

export type Language = "en" | "zh";

/** English and Chinese; with three texts: English singular, English plural, Chinese. */
export type Phrase = readonly [en: string, zh: string] | readonly [one: string, other: string, zh: string];
export type Phrases = Record<string, Phrase>;
export type Values = Record<string, string | number>;
export type Words<K extends string> = (key: K, values?: Values) => string;

const STORED = "stormglass-language";

function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** What was chosen before, or what the browser asks for first that we speak. */
export function chooseLanguage(kept: string | null, wanted: readonly string[]): Language {
  if (kept === "en" || kept === "zh") return kept;
  for (const tag of wanted) {
    if (/^zh\b/i.test(tag)) return "zh";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}

function first(): Language {
  if (typeof window === "undefined") return "en";
  const asked = new URLSearchParams(window.location.search).get("lang");
  return chooseLanguage(asked ?? stored(), navigator.languages);
}

void i18next.use(initReactI18next).init({
  lng: first(),
  fallbackLng: "en",
  initAsync: false,
  resources: {},
  interpolation: { escapeValue: false },
  react: { useSuspense: false },
  showSupportNotice: false,
} as Parameters<typeof i18next.init>[0]);

export const language = (): Language => (i18next.language === "zh" ? "zh" : "en");

/** The tag that Intl and the page's `lang` attribute take. */
export const locale = (): string => (language() === "zh" ? "zh-CN" : "en-GB");

export function speak(chosen: Language): void {
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // A browser that keeps nothing still speaks the language until the page is closed.
  }
  void i18next.changeLanguage(chosen);
}

export function resources(table: Phrases): Record<Language, Record<string, string>> {
  const en: Record<string, string> = {};
  const zh: Record<string, string> = {};
  for (const [key, phrase] of Object.entries(table)) {
    if (phrase.length === 3) {
      en[`${key}_one`] = phrase[0];
      en[`${key}_other`] = phrase[1];
      zh[`${key}_other`] = phrase[2];
    } else {
      en[key] = phrase[0];
      zh[key] = phrase[1];
    }
  }
  return { en, zh };
}

/** Tables by the page that brought them, for the test that reads them all. */
export const spoken = new Map<string, Phrases>();

/**
 * Registers the words of a page or part and gives the hook that speaks them:
 * `const useWords = phrases("map", { title: ["Map", "服务地图"] })`.
 */
export function phrases<T extends Phrases>(space: string, table: T): () => Words<keyof T & string> {
  spoken.set(space, table);
  const { en, zh } = resources(table);
  i18next.addResourceBundle("en", space, en);
  i18next.addResourceBundle("zh", space, zh);
  return () => {
    const { t } = useTranslation(space);
    return t as unknown as Words<keyof T & string>;
  };
}

/** A sentence of the server in both languages. */
export interface Bilingual {
  en: string;
  zh: string;
}

/** Says it in the language of the page; draw it in a part that also uses words, so that it follows a switch. */
export const say = (text: Bilingual | null | undefined): string => (text ? text[language()] || text.en : "");

/** For parts that speak only the server's sentences: draws them again when the language changes. */
export function useLanguage(): Language {
  useTranslation();
  return language();
}
