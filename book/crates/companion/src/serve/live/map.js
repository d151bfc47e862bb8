// The page of the reader's progress: its figures, and what can be done with the file.
import { make, opened } from "./main.js";
import { ask, change, follow } from "./progress.js";

const LIMIT = 60000;
const table = document.querySelector("table.progress");
const tools = document.querySelector(".progress-tools");
const KINDS = ["pages", "runs", "predictions", "exercises"];

const words = (kind, figures) => {
  const [done, all] = figures[kind];
  const right = kind === "predictions" && done > 0 ? `, ${figures.right} right` : "";
  const others = kind === "runs" && figures.others > 0 ? " +" : "";
  return `${done} of ${all}${right}${others}`;
};

const fill = (row, figures) => {
  for (const cell of row.querySelectorAll("[data-of]")) {
    const [done, all] = figures[cell.dataset.of];
    cell.textContent = words(cell.dataset.of, figures);
    cell.classList.toggle("done", done === all);
  }
};

// What two have done together.
const sum = (one, other) => {
  const both = { right: one.right + other.right, others: one.others + other.others };
  for (const kind of KINDS) both[kind] = one[kind].map((count, at) => count + other[kind][at]);
  return both;
};

follow(({ pages, all }) => {
  let [part, figures] = [null, null];
  for (const row of table.tBodies[0].rows) {
    if (row.className === "part") [part, figures] = [row, null];
    if (row.className === "all") fill(row, all);
    const done = pages.find(({ slug }) => slug === row.dataset.page);
    if (!done) continue;
    fill(row, done);
    figures = figures ? sum(figures, done) : done;
    if (part) fill(part, figures);
  }
});

const status = make("p", { role: "status" });
const say = (text) => {
  status.textContent = text;
};

// Asks before something is replaced; gives whether it may be.
const agreed = (question, yes) => {
  const no = make("button", { class: "run-button", value: "" }, "Cancel");
  const go = make("button", { class: "run-button", value: "yes" }, yes);
  const text = make("p", { id: "progress-asks" }, question);
  const form = make("form", { method: "dialog" }, text, no, " ", go);
  const dialog = make("dialog", { class: "progress-dialog", "aria-labelledby": text.id }, form);
  // mdBook turns the page with the arrow keys, and opens its search with others.
  dialog.onkeydown = (event) => event.stopPropagation();
  tools.append(dialog);
  dialog.showModal();
  return new Promise((answer) => {
    dialog.onclose = () => {
      answer(dialog.returnValue === "yes");
      dialog.remove();
    };
  });
};

// What is said of it stays, though the book may be built anew: other solutions are shown then.
const kept = ({ copy }) => {
  opened.add(tools);
  return copy ? ` What you had is kept as ${copy}.` : "";
};

const exported = async () => {
  const text = JSON.stringify(await ask("/export"), null, 2);
  const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href, download: "progress.json" }).click();
  URL.revokeObjectURL(href);
  say("Your progress is among your downloads, as progress.json.");
};

const file = make("input", { type: "file", accept: ".json,application/json", hidden: "" });
file.onchange = () => tried(imported);
const imported = async () => {
  const [chosen] = file.files;
  if (!chosen) return;
  const { name, size } = chosen;
  const text = size > LIMIT ? "" : await chosen.text();
  file.value = "";
  if (size > LIMIT) throw new Error(`${name} is no progress of this book: it is too large.`);
  let progress;
  try {
    progress = JSON.parse(text);
  } catch {
    throw new Error(`${name} is no progress of this book: it is no JSON.`);
  }
  const question = `Replace your progress by what is in ${name}? A copy of yours is kept.`;
  if (!(await agreed(question, "Replace"))) return say("Nothing is changed.");
  say(`Your progress is what ${name} says.${kept(await change("/import", { progress }))}`);
};

const reset = async () => {
  const question = "Begin anew, with nothing read, run, answered or passed? A copy is kept.";
  if (!(await agreed(question, "Begin anew"))) return say("Nothing is changed.");
  say(`You begin anew.${kept(await change("/reset", {}))}`);
};

const tried = async (work) => {
  say("");
  await work().catch((error) => say(error.message));
};

const tool = (name, work) => {
  const button = make("button", { class: "run-button" }, name);
  button.onclick = () => tried(work);
  return button;
};
tools.append(
  tool("Export", exported),
  " ",
  tool("Import", async () => file.click()),
  " ",
  tool("Reset", reset),
  file,
  status,
);
