// What a server's stream tells, and what a reader hears of it who does not see the page.
import { make } from "./main.js";

// What is heard: at most one announcement a second.
const log = make("div", { role: "log", class: "visually-hidden" });
document.querySelector("main")?.append(log);
let waiting = [];
let timer = 0;
const flush = () => {
  timer = 0;
  const all = waiting.length;
  if (all === 0) return;
  const said = all > 3 ? [`${all} lines, the last:`, waiting[all - 1]] : waiting;
  waiting = [];
  log.append(make("p", {}, said.join("\n")));
  if (log.childElementCount > 9) log.firstChild.remove();
  timer = setTimeout(flush, 1000);
};
export const announce = (text) => {
  waiting.push(text);
  if (!timer) flush();
};

// The last word: it takes the place of what still waits.
export const conclude = (text) => {
  waiting = [text];
  if (!timer) flush();
};

// The events of a stream, as many at once as have come.
export async function* batches(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    yield events.flatMap((it) => (it.startsWith("data: ") ? JSON.parse(it.slice(6)) : []));
  }
}
