// What live/solve.js takes from CodeMirror; `npm run build` makes editor.js of it.
export { EditorState, Compartment } from "@codemirror/state";
export {
  EditorView, keymap, lineNumbers, highlightActiveLine, highlightActiveLineGutter,
  highlightSpecialChars, drawSelection,
} from "@codemirror/view";
export {
  defaultKeymap, history, historyField, historyKeymap, indentWithTab, redo, undo,
} from "@codemirror/commands";
export {
  HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting,
} from "@codemirror/language";
export { tags } from "@lezer/highlight";
export { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
export { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
export { rust } from "@codemirror/lang-rust";
