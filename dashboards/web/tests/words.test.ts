// Every phrase is said in both languages, and both say the same values.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Phrase, chooseLanguage, resources, spoken } from "../src/base/language";

const SOURCES = new URL("../src", import.meta.url).pathname;
const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
const withPhrases = files.filter((file) => /^(export )?const \w+ = phrases\(/m.test(readFileSync(join(SOURCES, file), "utf8")));

/** Tables are read from the text, so that no page needs a browser to be checked. */
function tables(file: string): [string, Record<string, Phrase>][] {
  const text = readFileSync(join(SOURCES, file), "utf8");
  return [...text.matchAll(/phrases\("([^"]+)", (\{[\s\S]*?\n?\}|\{[^\n]*\})\);/g)].map(([, space, table]) => [
    space ?? "",
    new Function(`return (${table});`)() as Record<string, Phrase>,
  ]);
}

const values = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name ?? "").sort();

describe("words", () => {
  test("files with phrases are found", () => expect(withPhrases.length).toBeGreaterThan(10));

  test("no space of words has two owners", () => {
    const spaces = withPhrases.flatMap((file) => tables(file).map(([space]) => space));
    expect(spaces.length).toBeGreaterThanOrEqual(withPhrases.length);
    expect(spaces.filter((space, at) => spaces.indexOf(space) !== at)).toEqual([]);
  });

  test.each(withPhrases)("%s says everything in English and Chinese with the same values", (file) => {
    for (const [space, table] of tables(file)) {
      for (const [key, phrase] of Object.entries(table)) {
        const where = `${space}.${key}`;
        const english = phrase.slice(0, -1);
        const chinese = phrase.at(-1) ?? "";
        expect(phrase.length === 2 || phrase.length === 3, where).toBe(true);
        for (const text of phrase) expect(text.trim(), where).not.toBe("");
        for (const text of english) expect(/[\u4e00-\u9fff]/.test(text) && where !== "shell.language", `${where}: Chinese in the English text`).toBe(false);
        // A count that is one may be left out of the singular.
        expect(values(chinese), where).toEqual(values(english.at(-1) ?? ""));
      }
    }
  });

  test("plurals of English become keys of their own", () => {
    const { en, zh } = resources({ hops: ["{{count}} hop", "{{count}} hops", "{{count}} 跳"], all: ["all", "全部"] });
    expect(en).toEqual({ hops_one: "{{count}} hop", hops_other: "{{count}} hops", all: "all" });
    expect(zh).toEqual({ hops_other: "{{count}} 跳", all: "全部" });
  });

  test("the browser's first language that we speak is chosen, unless one was chosen before", () => {
    expect(chooseLanguage(null, ["de-DE", "zh-TW", "en"])).toBe("zh");
    expect(chooseLanguage(null, ["en-US", "zh-CN"])).toBe("en");
    expect(chooseLanguage(null, ["fr"])).toBe("en");
    expect(chooseLanguage("zh", ["en"])).toBe("zh");
    expect(chooseLanguage("xx", ["zh"])).toBe("zh");
    expect(spoken).toBeInstanceOf(Map);
  });
});
