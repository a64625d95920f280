// The editor of statements. It lives in a shadow root: there its styles are sheets of script, which the policy of
// the page allows, where style elements it does not.
import { acceptCompletion, autocompletion, type CompletionContext, type CompletionResult, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import type { Schema } from "../../api/tables";
import { type Offer, offers } from "./completion";

const TYPES: Record<Offer["kind"], string> = { table: "class", column: "property", key: "text", function: "function", keyword: "keyword" };

/** Colours by the look's variables, so that light and dark need no other theme. */
const look = EditorView.theme({
  "&": { fontSize: "13px", color: "var(--ink)", backgroundColor: "var(--panel)", minHeight: "150px", maxHeight: "46vh" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "8px 0" },
  ".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--ink-3)", border: "0", paddingRight: "4px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 60%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--chosen) !important" },
  ".cm-matchingBracket": { backgroundColor: "var(--chosen)", outline: "none" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line-strong)", borderRadius: "6px", boxShadow: "var(--shadow-2)", overflow: "hidden" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "260px", fontSize: "12.5px" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--chosen)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--ink-3)", fontStyle: "normal", marginLeft: "10px" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: tags.string, color: "var(--healthy)" },
  { tag: tags.number, color: "var(--degraded)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
  { tag: [tags.typeName, tags.standard(tags.name)], color: "var(--series-3)" },
]);

function put(editor: EditorView, text: string, from: number, to: number): void {
  editor.dispatch({ changes: { from, to: Math.min(to, editor.state.doc.length), insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
}

interface EditorProps {
  value: string;
  schema: Schema | undefined;
  label: string;
  onChange: (text: string) => void;
  onRun: () => void;
}

export default function Editor({ value, schema, label, onChange, onRun }: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const now = useRef({ schema, onChange, onRun });
  now.current = { schema, onChange, onRun };
  useEffect(() => {
    if (!place.current) return undefined;
    const root = place.current.shadowRoot ?? place.current.attachShadow({ mode: "open" });
    const complete = (context: CompletionContext): CompletionResult | null => {
      const known = now.current.schema;
      const found = known ? offers(context.state.doc.toString(), context.pos, known) : null;
      if (!found) return null;
      const options = found.options.map(({ label: name, insert, kind, detail }) => ({
        label: name,
        type: TYPES[kind],
        detail,
        apply: (editor: EditorView, _: unknown, from: number, to: number) => put(editor, insert ?? name, from, to + found.behind),
      }));
      return { from: found.from, options, validFor: /^[\w.]*$/ };
    };
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: value,
        extensions: [
          Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (now.current.onRun(), true) }])),
          lineNumbers(),
          history(),
          drawSelection(),
          highlightActiveLine(),
          bracketMatching(),
          closeBrackets(),
          sql({ dialect: PostgreSQL, upperCaseKeywords: true }),
          autocompletion({ override: [complete], icons: false, maxRenderedOptions: 60 }),
          keymap.of([{ key: "Tab", run: acceptCompletion }, ...completionKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab]),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label }),
          EditorView.updateListener.of((update) => update.docChanged && now.current.onChange(update.state.doc.toString())),
          look,
          syntaxHighlighting(colours),
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
    // The editor keeps its own text; a change from outside is put in below.
  }, [label]);
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  return <div ref={place} />;
}
