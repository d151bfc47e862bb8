// What the reader has done: asked of the server, shown in the sidebar, and noted when the end of
// the page is reached.
import { GONE, make, post } from "./main.js";

export const page = decodeURI(location.pathname.slice(1)).replace(/\.html$/, "") || "index";

// The kinds of what there is to do, the marks of a part of it and of all of it, and its words.
const KINDS = [
  ["pages", "", "✓", () => "read"],
  ["runs", "▷", "▶\uFE0E", ([done, all]) => `${done} of ${all} runs tried`],
  ["predictions", "◇", "◆", ([done, all]) => `${done} of ${all} predictions answered`],
  ["exercises", "☆", "★", ([done, all]) => `${done} of ${all} exercises passed`],
];

// The answer to what is asked of the progress; what went wrong is thrown as a sentence.
export const ask = async (path, body = {}) => {
  const answer = await post(`/-/progress${path}`, body).catch(() => {
    throw new Error(GONE);
  });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return answer.json();
};

let view = null;
const heard = [];
// Calls with what there is, now and after each change.
export const follow = (hear) => {
  heard.push(hear);
  if (view) hear(view);
};

// Asks for a change, or for what there is.
export const change = async (path = "", body) => {
  view = await ask(path, body);
  for (const hear of heard) hear(view);
  return view;
};

// The marks have their place in the link from the first paint on.
const entries = "#mdbook-sidebar .chapter-item > .chapter-link-wrapper > a";
const bySlug = new Map();
for (const link of document.querySelectorAll(entries)) {
  const { pathname, hash } = new URL(link.href);
  if (!hash) bySlug.set(decodeURI(pathname.slice(1)).replace(/\.html$/, ""), link);
}
follow(({ pages }) => {
  for (const done of pages) {
    const link = bySlug.get(done.slug);
    if (!link) continue;
    const seen = make("span", { class: "marks", "aria-hidden": "true" });
    const said = [];
    for (const [kind, part, all, words] of KINDS) {
      const [has, of] = done[kind];
      const mark = has === 0 ? "" : has < of ? part : all;
      seen.append(make("span", {}, mark));
      if (mark) said.push(words(done[kind]));
    }
    link.querySelectorAll(".marks, .visually-hidden").forEach((it) => it.remove());
    if (said.length === 0) continue;
    seen.title = said.join(", ");
    link.append(make("span", { class: "visually-hidden" }, ` (${seen.title})`), seen);
  }
});

// Where the page ends. Whoever gets there has read it.
const note = make("p", { class: "read-note" });
const tell = (text) => {
  note.replaceChildren(`${text} `, make("a", { href: "/progress.html" }, "Your progress"));
  if (!note.isConnected) document.querySelector("main")?.append(note);
};
const end = new IntersectionObserver((entries) => {
  if (!entries.some((it) => it.isIntersecting)) return;
  change("/read", { page }).catch((error) => tell(`Not kept as read: ${error.message}`));
});
follow(({ pages }) => {
  const here = pages.find((it) => it.slug === page);
  if (!here) return;
  const isRead = here.pages[0] > 0;
  tell(isRead ? "✓ You have read this page." : "A page counts as read when you reach its end.");
  if (isRead) end.disconnect();
  else end.observe(note);
});

const refresh = () => {
  if (!document.hidden) change().catch((error) => tell(error.message));
};
document.addEventListener("visibilitychange", refresh);
// run.js says so when a listing has run to its end.
addEventListener("listing-ran", refresh);
refresh();
