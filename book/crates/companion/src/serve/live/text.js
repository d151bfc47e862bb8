// CodeMirror, as the book has it: in a shadow tree, where its style sheets are adopted, as the page's
// policy allows; coloured by the page's variables, and so by mdBook's themes.
import {
  Compartment, EditorState, EditorView, HighlightStyle, bracketMatching, defaultKeymap,
  highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, history, historyField,
  historyKeymap, indentOnInput, indentUnit, indentWithTab, keymap, lineNumbers, lintGutter,
  lintKeymap, rust, search, searchKeymap, setDiagnostics, syntaxHighlighting, tags,
} from "./editor.js";
import { make } from "./main.js";

const faint = (share) => `color-mix(in srgb, var(--code-fg) ${share}%, transparent)`;
const wavy = (color) => ({ backgroundImage: "none", textDecoration: `underline wavy ${color}` });

const theme = EditorView.theme({
  "&": { color: "var(--code-fg)", backgroundColor: "var(--code-bg)", fontSize: "1.4rem" },
  "&.cm-focused": { outline: "2px solid var(--links)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "var(--mono-font)", lineHeight: "1.5", overflow: "auto" },
  ".cm-content": { caretColor: "var(--code-fg)" },
  "&, .cm-scroller": { minHeight: "16rem", maxHeight: "70vh" },
  ".cm-gutters": {
    color: "var(--code-comment)", backgroundColor: "var(--code-bg)", border: "none",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: faint(6) },
  ".cm-activeLineGutter": { color: "var(--code-fg)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: faint(20) },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent" },
  ".cm-specialChar": { color: "var(--code-name)" },
  // Outlined: on another background the colours of the code would be too faint.
  ".cm-searchMatch": { backgroundColor: "transparent", outline: "1px solid var(--links)" },
  ".cm-searchMatch-selected": { backgroundColor: "transparent", outlineWidth: "2px" },
  ".cm-panels": {
    color: "var(--fg)", backgroundColor: "var(--bg)", borderColor: "var(--icons) !important",
  },
  ".cm-panels :is(input, button, label)": { fontSize: "1.4rem", fontFamily: "inherit" },
  ".cm-panels :is(input, button)": {
    color: "var(--fg)", background: "var(--bg)", border: "1px solid var(--icons)",
  },
  ".cm-panels :is(input, button):focus-visible": { outline: "2px solid var(--links)" },
  ".cm-tooltip": {
    maxWidth: "min(80ch, 90vw)", color: "var(--fg)", backgroundColor: "var(--bg)",
    border: "1px solid var(--icons)",
  },
  ".cm-diagnostic": {
    padding: "6px 8px", fontFamily: "var(--mono-font)", whiteSpace: "pre-wrap",
  },
  ".cm-lintRange-error": wavy("var(--code-name)"),
  ".cm-lintRange-warning": wavy("var(--code-value)"),
});

// As the listings of the pages have them.
const colors = HighlightStyle.define([
  { tag: tags.comment, color: "var(--code-comment)" },
  { tag: [tags.keyword, tags.self], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.character], color: "var(--code-string)" },
  {
    tag: [tags.number, tags.bool, tags.typeName, tags.meta, tags.macroName],
    color: "var(--code-value)",
  },
  {
    tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.typeName)],
    color: "var(--code-title)",
  },
]);

// The place of a problem in the text: the compiler counts lines and characters from 1.
const offset = (doc, line, column) => {
  const { from, text } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return from + [...text].slice(0, column - 1).join("").length;
};

// How the lines of a text end. One that mixes them gets the usual ends.
const ends = (text) => {
  const crlf = text.includes("\r\n") && !/(^|[^\r])\n/.test(text);
  return crlf ? EditorState.lineSeparator.of("\r\n") : [];
};

export class Text {
  // `actions` has what the keys do, and `changed` hears of each change.
  constructor(label, { changed, leave, save, check }) {
    this.host = make("div", { class: "solve-text" });
    // mdBook has keys of its own, which are letters and arrows here.
    this.host.addEventListener("keydown", (event) => event.stopPropagation());
    this.root = this.host.attachShadow({ mode: "open" });
    this.lines = new Compartment();
    const run = (action) => () => {
      action();
      return true;
    };
    this.extensions = [
      lineNumbers(), lintGutter(), highlightSpecialChars(), history(), indentOnInput(),
      bracketMatching(), highlightActiveLine(), highlightActiveLineGutter(),
      search({ top: true }), rust(), indentUnit.of("    "), syntaxHighlighting(colors), theme,
      EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", tabindex: "0" }),
      keymap.of([
        { key: "Mod-s", run: run(save) },
        { key: "Mod-Enter", run: run(check) },
        ...searchKeymap,
        { key: "Escape", run: run(leave) },
        ...lintKeymap, ...historyKeymap, ...defaultKeymap, indentWithTab,
      ]),
      EditorView.updateListener.of((update) => update.docChanged && changed()),
    ];
  }

  // Shows a text, with what can be undone where that is known.
  show(text, past = null) {
    const extensions = [this.extensions, this.lines.of(ends(text))];
    let state;
    try {
      const known = { doc: text, ...JSON.parse(past) };
      state = EditorState.fromJSON(known, { extensions }, { history: historyField });
    } catch {
      state = EditorState.create({ doc: text, extensions });
    }
    if (this.view) this.view.setState(state);
    else this.view = new EditorView({ state, parent: this.root, root: this.root });
  }

  get text() {
    return this.view.state.sliceDoc();
  }

  // What can be undone, and where the cursor is.
  get past() {
    const { history, selection } = this.view.state.toJSON({ history: historyField });
    return JSON.stringify({ history, selection });
  }

  // Another text in place of this one; to undo it brings this one back.
  replace(text) {
    this.view.dispatch({ effects: this.lines.reconfigure(ends(text)) });
    const changes = { from: 0, to: this.view.state.doc.length, insert: text };
    // An event of its own, so that it is undone by itself.
    this.view.dispatch({ changes, userEvent: "replace" });
  }

  // Marks what the compiler says at its lines.
  mark(problems) {
    const { state } = this.view;
    const { doc } = state;
    const found = problems.flatMap(({ level, message, rendered, place }) => {
      if (!place) return [];
      const from = offset(doc, place.line, place.column);
      const to = Math.max(from, offset(doc, place.end_line, place.end_column));
      const severity = level === "error" ? "error" : "warning";
      return { from, to, severity, message: rendered.trimEnd() || message };
    });
    found.sort((one, other) => one.from - other.from);
    this.view.dispatch(setDiagnostics(state, found));
  }

  go({ line, column }) {
    const at = offset(this.view.state.doc, line, column);
    this.view.dispatch({ selection: { anchor: at }, scrollIntoView: true });
    this.focus();
  }

  focus() {
    this.view.focus();
  }
}
