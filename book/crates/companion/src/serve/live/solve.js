// An exercise, solved on its page. Nothing that is typed is lost: the server keeps a draft, and the
// browser a copy until the server has it; a file that somebody else has changed is never overwritten
// unasked, and what is taken in its place can be undone.
import { GONE, make, opened } from "./main.js";
import { Grading } from "./grading.js";
import { announce } from "./stream.js";

// How long a pause in typing is, in milliseconds.
const PAUSE = 500;
// What a body may have of a text's past, in characters.
const PAST = 500_000;
// Names this window's copies: two windows with one exercise must not take away each other's.
const WINDOW = crypto.randomUUID();

const button = (text, action, kind = "solve-button") => {
  const it = make("button", { class: kind }, text);
  it.onclick = action;
  return it;
};

// `last`: it may be the last thing that a page does, and goes on without it.
const post = (path, body, last) => {
  const headers = { "Content-Type": "application/json" };
  body = JSON.stringify(body);
  return fetch(path, { method: "POST", headers, body, keepalive: last && body.length < 30_000 });
};

const versionOf = async (text) => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((it) => it.toString(16).padStart(2, "0")).join("");
};

// A write, and what the server says to it: an answer, or a conflict with what there is.
const ask = async (what, body) => {
  let answer;
  try {
    answer = await post(`/-/solve/${what}`, body, what === "draft");
  } catch {
    throw new Error(GONE);
  }
  if (!answer.ok && answer.status !== 409) throw new Error((await answer.text()).trim());
  return { conflict: answer.status === 409, ...(await answer.json()) };
};

class Solve {
  constructor(section, opener, opened, Text) {
    this.section = section;
    this.exercise = section.id;
    this.opener = opener;
    this.timer = 0;
    this.text = new Text(
      `${opened.file}. Tab indents, Escape leaves the editor, Control and Enter checks.`,
      {
        changed: () => this.changed(),
        leave: () => this.check.focus(),
        save: () => this.save(),
        check: () => this.press(),
      },
    );
    this.check = button("Check", () => this.press(), "run-button");
    this.grading = new Grading(section, this.exercise, this.check, this.text);
    this.kept = make("span", { class: "solve-kept" });
    this.question = make("div", { class: "solve-question" });
    const bar = make(
      "div",
      { class: "solve-bar", role: "group", "aria-label": `Your answer to ${this.exercise}` },
      this.check,
      button("Save", () => this.save()),
      button("Reset", () => this.askReset()),
      this.kept,
    );
    const keys = make(
      "p",
      { class: "solve-keys" },
      "Tab indents, Esc leaves the editor, Ctrl+S saves, Ctrl+Enter checks.",
    );
    this.panel = make(
      "div", { class: "solve-panel" },
      this.text.host, keys, bar, this.question, this.grading.state, this.grading.found,
    );
  }

  // The newest copy of any window that says another text than the server's draft.
  unsent(known) {
    const begins = `book-draft ${this.exercise} `;
    const read = (key) => {
      try {
        return { ...JSON.parse(localStorage.getItem(key)), key };
      } catch {
        return {};
      }
    };
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(begins));
      const copies = keys.map(read).filter(({ text }) => text !== undefined);
      // A page that went did not hear that the server has it.
      for (const { key, text } of copies) if (text === known) localStorage.removeItem(key);
      const others = copies.filter(({ text }) => text !== known);
      return others.sort((one, other) => other.at - one.at)[0];
    } catch {
      return undefined;
    }
  }

  // Decides what the editor begins with.
  async begin({ text, version, kept, difference }) {
    this.seen = kept?.number ?? 0;
    const local = this.unsent(kept?.draft.text);
    const unsent = local !== undefined;
    const draft = local ?? kept?.draft;
    this.from = local?.key;
    this.base = !draft || draft.text === text ? version : draft.base;
    if (!draft) {
      this.text.show(text);
    } else {
      this.text.show(draft.text, draft.history);
      if (draft.text !== text && draft.base !== version) {
        // Where nothing was typed that was not saved, there is nothing to ask.
        if ((await versionOf(draft.text)) === draft.base) {
          this.base = version;
          this.text.replace(text);
        } else if (unsent) this.look();
        else this.askOfFile({ text, version, difference }, undefined, true);
      }
      // The server says so where it has another one, and what the difference is.
      if (unsent) this.seen = local.seen;
    }
    // The text as the editor has it, whatever its line ends were.
    this.saved = draft ? text : this.text.text;
    this.tell();
    if (unsent) this.changed();
    addEventListener("pagehide", () => this.leave());
    addEventListener("focus", () => this.look());
    document.addEventListener("visibilitychange", () => document.hidden && this.leave());
  }

  get clean() {
    return this.text.text === this.saved;
  }

  // How it is with the text. What the reader did and what went wrong is heard, too, and once.
  tell(text = this.clean ? "Saved" : "Not saved; kept as a draft", isHeard = false) {
    if (this.kept.textContent !== text) this.kept.textContent = text;
    if (!isHeard) return;
    if (this.heard !== text) announce(text);
    this.heard = text;
  }

  draft() {
    const past = this.text.past;
    const history = past.length > PAST ? null : past;
    return { base: this.base, text: this.text.text, at: Date.now(), history };
  }

  changed() {
    this.tell(this.clean ? "Saved" : "Not saved");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), PAUSE);
    this.unkept = true;
    this.copy ??= setTimeout(() => this.keepHere(), PAUSE / 5);
  }

  // Keeps the copy of the browser, which is for when the server or the browser ends.
  keepHere() {
    clearTimeout(this.copy);
    this.copy = undefined;
    try {
      const copy = JSON.stringify({ ...this.draft(), seen: this.seen });
      localStorage.setItem(`book-draft ${this.exercise} ${WINDOW}`, copy);
      this.isHere = true;
    } catch {
      // It is full or forbidden; the server's draft has to do.
      this.isHere = false;
    }
  }

  // The server has it: the copies that this text comes from may go.
  forget() {
    clearTimeout(this.copy);
    this.copy = undefined;
    try {
      localStorage.removeItem(`book-draft ${this.exercise} ${WINDOW}`);
      if (this.from) localStorage.removeItem(this.from);
    } catch {
      // There is none then.
    }
    this.from = undefined;
  }

  // The page goes, or may.
  leave() {
    if (!this.unkept) return;
    this.keepHere();
    this.keep();
  }

  // Keeps the draft; one write at a time, so that the server sees them in their order.
  keep() {
    clearTimeout(this.timer);
    this.keeping = (this.keeping ?? Promise.resolve()).then(() => this.keepNow());
    return this.keeping;
  }

  async keepNow() {
    if (!this.unkept || this.asking) return;
    this.unkept = false;
    const draft = this.draft();
    try {
      const it = await ask("draft", { exercise: this.exercise, seen: this.seen, draft });
      if (it.conflict) {
        this.unkept = true;
        return this.askOfDraft(it);
      }
      this.seen = it.number;
      this.heard = null;
      if (!this.unkept) {
        this.forget();
        if (!this.clean) this.tell();
      }
    } catch (error) {
      this.unkept = true;
      this.keepHere();
      const where = this.isHere
        ? "this browser keeps it"
        : "nothing else keeps it, so leave this page open";
      this.tell(`Not saved; ${where}. ${error.message}`, true);
    }
  }

  // Writes the file, one write at a time: each has to know the version that the one before has made.
  // Whether it is written.
  save() {
    this.saving = (this.saving ?? Promise.resolve()).then(() => this.saveNow());
    return this.saving;
  }

  async saveNow() {
    if (this.asking) {
      this.question.firstChild.focus();
      return false;
    }
    this.heard = null;
    const text = this.text.text;
    try {
      const it = await ask("save", { exercise: this.exercise, version: this.base, text });
      if (it.conflict) {
        this.askOfFile(it, () => this.save(), true);
        return false;
      }
      this.base = it.version;
      this.saved = text;
      this.tell();
      announce("Saved");
      this.unkept = true;
      await this.keep();
      return true;
    } catch (error) {
      this.tell(`Not saved. ${error.message}`, true);
      return false;
    }
  }

  async press() {
    if (this.grading.busy) return this.grading.stop();
    this.grading.busy = true;
    const written = await this.save();
    this.grading.busy = false;
    if (written) await this.grading.begin();
  }

  // The window is looked at again: another program may have written the file meanwhile.
  async look() {
    if (this.asking || this.grading.busy) return;
    try {
      await this.saving;
      const { base } = this;
      const now = await ask("open", { exercise: this.exercise, text: this.text.text });
      await this.saving;
      // What this window has written meanwhile is no other program's.
      if (this.asking || this.base !== base || now.version === base) return;
      if (this.clean) this.take(now, "The file was changed by another program; here it is");
      else this.askOfFile(now);
    } catch {
      // It is told when something is to be written.
    }
  }

  // Puts the file's text into the editor.
  take({ text, version }, said) {
    this.base = version;
    this.text.replace(text);
    this.saved = this.text.text;
    this.unkept = true;
    this.keep();
    this.tell(said, true);
  }

  // Asks what only the reader can decide. Until then nothing is written but the browser's copy. Where
  // the reader has asked for something, the question takes the focus, but no button of it does: the next
  // key of who types on would answer.
  put(sentence, difference, choices, asked = false) {
    this.asking = true;
    const done = (action) => () => {
      this.asking = false;
      this.question.replaceChildren();
      this.text.focus();
      action();
    };
    const group = { class: "solve-asks", role: "group", tabindex: -1, "aria-label": sentence };
    const kinds = { "+": "hljs-addition", "-": "hljs-deletion" };
    const lines = difference.split("\n").flatMap((line) => [
      make("span", { class: kinds[line[0]] ?? "hljs-comment" }, line), "\n",
    ]);
    const box = make("div", group, make("p", {}, sentence));
    if (difference) {
      const label = `The difference in ${this.exercise}`;
      const shown = { tabindex: 0, role: "region", "aria-label": label };
      box.append(make("pre", shown, make("code", {}, ...lines)));
    }
    const buttons = choices.map(([text, action]) => button(text, done(action)));
    box.append(make("p", {}, ...buttons.flatMap((it) => [it, " "])));
    // mdBook has keys of its own.
    box.onkeydown = (event) => event.stopPropagation();
    this.question.replaceChildren(box);
    this.question.scrollIntoView({ block: "nearest" });
    if (asked) box.focus();
    else announce(`${sentence} Control and S in the editor goes there.`);
  }

  askOfFile({ text, version, difference }, then = () => this.keep(), asked = false) {
    this.put(
      "The file was changed by another program since you began. From its text to yours:",
      difference,
      [
        ["Keep mine", () => {
          this.base = version;
          this.saved = text;
          this.unkept = true;
          this.tell();
          then();
        }],
        ["Take the file's", () => this.take({ text, version }, "This is the file; undo brings yours back")],
      ],
      asked,
    );
  }

  askOfDraft({ kept: { number, draft }, difference }) {
    this.put(
      "You typed in this exercise in another window, too. From its text to this one:",
      difference,
      [
        ["Keep this one", () => {
          this.seen = number;
          this.unkept = true;
          this.keep();
        }],
        ["Take the other", () => {
          this.seen = number;
          this.text.replace(draft.text);
          this.base = draft.base;
          this.unkept = true;
          this.keep();
        }],
      ],
    );
  }

  askReset() {
    if (this.asking) return;
    const sentence = "Put the stub in place of your answer? A copy of that is kept in .book/answers.";
    this.put(sentence, "", [["No", () => {}], ["Yes, the stub", () => this.reset()]], true);
  }

  // It is a write, too, and comes after the one of what is put away.
  reset() {
    this.saving = this.save().then((isWritten) => isWritten && this.resetNow());
  }

  async resetNow() {
    try {
      const it = await ask("reset", { exercise: this.exercise, version: this.base });
      if (it.conflict) return this.askOfFile(it, undefined, true);
      this.take(it, it.copy ? `This is the stub; your answer is ${it.copy}` : "This is the stub");
    } catch (error) {
      this.tell(error.message, true);
    }
  }
}

// The verdicts that a reader predicts.
const predict = (section, { programs, verdicts }) => {
  const choose = programs.map((name) => {
    const options = ["", ...verdicts].map((it) => new Option(it || "choose", it));
    return [name, make("select", { required: "" }, ...options)];
  });
  const check = make("button", { class: "run-button" }, "Check");
  const grading = new Grading(section, section.id, check);
  const labels = choose.map(([name, select]) => make("label", {}, `${name} `, select));
  const legend = make("legend", {}, "What becomes of each?");
  const form = make("form", {}, make("fieldset", {}, legend, ...labels, check));
  // The form is not asked: a choice that was taken back must not hold a Stop.
  check.onclick = (event) => {
    if (!grading.busy) return;
    event.preventDefault();
    grading.stop();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    if (grading.busy) return;
    grading.begin(Object.fromEntries(choose.map(([name, select]) => [name, select.value])));
  };
  form.onkeydown = (event) => {
    if (event.key.startsWith("Arrow")) event.stopPropagation();
  };
  return make("div", { class: "solve-panel" }, form, grading.state, grading.found);
};

// Opens the exercise of this section in the place of its button.
export const solve = async (section, opener) => {
  const it = await ask("open", { exercise: section.id });
  const place = opener.closest("pre");
  opened.add(section);
  if (it.programs) {
    const panel = predict(section, it);
    place.after(panel);
    opener.remove();
    panel.querySelector("select").focus();
    return;
  }
  const { Text } = await import("./text.js");
  const editor = new Solve(section, opener, it, Text);
  place.after(editor.panel);
  opener.remove();
  await editor.begin(it);
  if (!editor.asking) editor.text.focus();
};
