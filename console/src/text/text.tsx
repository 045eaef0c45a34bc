import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { en, type Text } from './en.ts';

/** The language of the texts: as chosen here before, else as the browser asks for. */

const KEY = 'olms-language';
const LOADED: Readonly<Record<string, () => Promise<Text>>> = { de: async () => (await import('./de.ts')).de };
export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];

const Context = createContext<{ text: Text; language: Language; choose: (language: Language) => void }>({
  text: en,
  language: 'en',
  choose: () => {},
});

function wanted(): Language {
  const stored = localStorage.getItem(KEY);
  const asked = stored ?? navigator.language.slice(0, 2);
  return asked === 'de' ? 'de' : 'en';
}

export function TextProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [language, setLanguage] = useState<Language>(wanted);
  const [text, setText] = useState<Text | undefined>(language === 'en' ? en : undefined);
  useEffect(() => {
    document.documentElement.lang = language;
    let current = true;
    void (LOADED[language]?.() ?? Promise.resolve(en)).then((found) => current && setText(found));
    return () => void (current = false);
  }, [language]);
  const choose = (next: Language): void => {
    localStorage.setItem(KEY, next);
    setLanguage(next);
  };
  // Nothing in the wrong language for a moment.
  return text && <Context value={{ text, language, choose }}>{children}</Context>;
}

export function useText(): Text {
  return useContext(Context).text;
}

export function useLanguage(): { language: Language; choose: (language: Language) => void } {
  return useContext(Context);
}
