// What a page can do while `cargo book serve` serves it. A page on another host has none of this.
// This file, and progress.js once the page is there, is all that a page loads before its reader asks
// for something; what is asked for is imported then.
export const make = (tag, attributes, ...inside) => {
  const it = document.createElement(tag);
  for (const name in attributes) it.setAttribute(name, attributes[name]);
  it.append(...inside);
  return it;
};

export const post = (path, body) => {
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
};

export const GONE = "The server is gone; start cargo book serve again and open its new address.";

// What is open on the page, and must not be taken away by a reload.
export const opened = new Set();

// The page's transcripts that can be run. run.js takes their buttons over.
export const transcripts = [];
export const needRun = () => import("./run.js");
// The listing that a command runs, and the words after `--`.
export const parts = (typed) => {
  const found = typed?.match(/cargo run -p (\S+)(?: --features \S+)?(?: -- (.+))?/);
  return found ? [found[1], found[2]?.split(" ") ?? []] : [];
};
for (const figure of document.querySelectorAll("figure.transcript")) {
  const [listing, words] = parts(figure.querySelector(".typed")?.textContent);
  if (!listing) continue;
  const label = `Run ${[listing, ...words].join(" ")}`;
  const button = make("button", { class: "run-button", "aria-label": label }, "Run");
  const press = async () => {
    button.onclick = null;
    try {
      await needRun();
      button.click();
    } catch {
      button.onclick = press;
      const said = make("p", { class: "run-state", role: "status" });
      figure.after(said);
      said.textContent = GONE;
    }
  };
  button.onclick = press;
  button.onpointerenter = button.onfocus = () => needRun().catch(() => {});
  figure.prepend(button);
  transcripts.push({ figure, listing, words, button });
}

// A prediction is answered once one comes near.
const near = new IntersectionObserver(
  (entries) => {
    if (!entries.some((it) => it.isIntersecting)) return;
    near.disconnect();
    import("./predict.js");
  },
  { rootMargin: "100%" },
);
for (const section of document.querySelectorAll(".predict")) near.observe(section);

// What the reader has done.
import("./progress.js");
if (document.querySelector("table.progress")) import("./map.js");

// The page's exercises: their editor comes once it is asked for.
for (const section of document.querySelectorAll(".exercise")) {
  const label = `Solve ${section.id}`;
  const button = make("button", { class: "run-button", "aria-label": label }, "Solve");
  const said = make("p", { class: "run-state", role: "status" });
  button.onclick = async () => {
    if (button.ariaDisabled) return;
    // It keeps the focus, for who presses it again after a failure.
    button.ariaDisabled = "true";
    try {
      await (await import("./solve.js")).solve(section, button);
      said.remove();
    } catch (error) {
      button.ariaDisabled = null;
      button.closest("pre").after(said);
      said.textContent = error instanceof TypeError ? GONE : error.message;
    }
  };
  section.querySelector(":scope > pre").append(button);
}

// A hidden page holds no connection, since a browser opens only six to one server; it catches up
// when it is shown again.
let known = null;
let isStale = false;
let builds = null;
const follow = () => {
  if (document.hidden) {
    builds?.close();
    builds = null;
  } else if (!builds) {
    builds = new EventSource("/-/builds");
    builds.onmessage = ({ data }) => {
      isStale ||= known !== null && known !== data;
      known = data;
      // Else once the page is shown again and nothing is open any more.
      if (isStale && opened.size === 0) location.reload();
    };
  }
};
document.addEventListener("visibilitychange", follow);
follow();
