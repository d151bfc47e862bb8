// An answer is graded, and its page shows how.
import { GONE, make, post } from "./main.js";
import { announce, batches, conclude } from "./stream.js";

const code = (text) => make("pre", {}, make("code", {}, text));

export class Grading {
  // `text` is the editor, where there is one.
  constructor(section, exercise, button, text = null) {
    Object.assign(this, { section, exercise, button, text });
    this.id = null;
    this.busy = false;
    this.state = make("p", { class: "run-state" });
    this.found = make("div", { class: "solve-found" });
    this.word = button.textContent;
    for (const [place, hint] of this.hints.entries()) {
      hint.addEventListener("toggle", () => {
        if (hint.open) post("/-/solve/hint", { exercise, hint: place + 1 }).catch(() => {});
      });
    }
  }

  get hints() {
    return [...this.section.querySelectorAll(":scope > .hint")];
  }

  say(text) {
    this.state.textContent = text;
  }

  stop() {
    if (this.id !== null) post("/-/solve/stop", { grading: this.id }).catch(() => {});
  }

  mark(busy) {
    this.busy = busy;
    this.button.textContent = busy ? "Stop" : this.word;
  }

  async begin(guesses = {}) {
    this.id = null;
    this.problems = [];
    this.output = null;
    // What is found has its place from now on, and no less than it had: nothing moves when it comes.
    this.found.style.minBlockSize = `max(42rem, ${this.found.offsetHeight}px)`;
    this.found.replaceChildren();
    this.text?.mark([]);
    this.mark(true);
    this.say("Starting");
    try {
      const answer = await post("/-/solve/grade", { exercise: this.exercise, guesses });
      if (!answer.ok) throw new Error(await answer.text());
      for await (const batch of batches(answer.body)) {
        for (const news of batch) this[news.news](news);
      }
      if (this.id !== null) throw new TypeError();
    } catch (error) {
      this.end({ said: error instanceof TypeError ? GONE : error.message });
    }
  }

  grading({ grading }) {
    this.id = grading;
    this.say("Building");
    announce("Building");
  }

  build({ done, of }) {
    this.say(`Compiling ${done} of ${of}`);
  }

  note({ text }) {
    this.line({ text });
  }

  problem(problem) {
    this.problems.push(problem);
    if (this.problems.length === 1) {
      this.list = make("ul", { class: "solve-problems" });
      this.found.append(make("p", {}, "The compiler says:"), this.list);
    }
    const { level, message, place, rendered } = problem;
    const item = make("li", {}, code(rendered.trimEnd()));
    if (place && this.text) {
      const go = make("button", { class: "solve-go" }, `Line ${place.line}: ${level}`);
      go.setAttribute("aria-label", `Go to line ${place.line}: ${message}`);
      go.onclick = () => this.text.go(place);
      item.prepend(go);
    }
    this.list.append(item);
    this.text?.mark(this.problems);
  }

  start() {
    this.say("Running it against its broker, under faults");
    announce("Running it");
  }

  // Opened by who wants to see it.
  line({ text }) {
    if (!this.output) {
      this.output = make("code");
      const label = `Report on ${this.exercise}`;
      const pre = make("pre", { tabindex: 0, role: "region", "aria-label": label }, this.output);
      pre.onkeydown = (event) => {
        if (event.key.startsWith("Arrow")) event.stopPropagation();
      };
      const all = make("details", {}, make("summary", {}, "The whole report"), pre);
      this.found.append(all);
    }
    this.output.append(`${text}\n`);
  }

  verdict({ verdict, passed, why, beliefs, moments, strip }) {
    const mark = passed ? "run-equals" : "run-differs";
    const shown = [make("p", { class: `solve-verdict ${mark}` }, make("strong", {}, verdict))];
    if (why.length > 0) {
      const sentences = why.slice(0, 5).map((text) => make("li", {}, `${text}.`));
      if (why.length > 5) sentences.push(make("li", {}, `And ${why.length - 5} more.`));
      shown.push(make("ul", {}, ...sentences));
    }
    for (const { id, says } of beliefs) {
      const to = make("a", { href: `misconceptions.html#${id}` }, `“${says}”`);
      shown.push(make("p", {}, "Who writes such a program often believes: ", to));
    }
    if (moments.length > 0) shown.push(this.timeline(moments));
    if (strip) {
      const drawn = make("div", { class: "strip" });
      drawn.innerHTML = strip;
      shown.push(drawn);
    }
    const next = this.hints.findIndex((hint) => !hint.open);
    if (!passed && next >= 0) {
      const hint = make("button", { class: "solve-button" }, `Show hint ${next + 1}`);
      hint.onclick = () => {
        const it = this.hints[next];
        it.open = true;
        it.scrollIntoView({ block: "nearest" });
        it.querySelector("summary").focus();
      };
      shown.push(make("p", {}, hint));
    }
    this.found.prepend(...shown);
    for (const it of this.found.querySelectorAll(".strip")) {
      if (it.scrollWidth > it.clientWidth) it.tabIndex = 0;
    }
    if (passed) this.reveal();
    announce(`${verdict}. ${why[0] ?? ""}`);
  }

  timeline(moments) {
    const cells = (tag, ...all) => make("tr", {}, ...all.map((it) => make(tag, {}, it)));
    const lanes = [...new Set(moments.map((it) => it.lane))];
    const rows = moments.map(({ ms, lane, text }) => {
      const who = make("span", { class: `lane lane-${lanes.indexOf(lane) % 9}` }, lane);
      return cells("td", `${ms}`, who, text);
    });
    const head = make("thead", {}, cells("th", "ms", "who", "what"));
    const table = make("table", {}, head, make("tbody", {}, ...rows));
    const label = `What happened to ${this.exercise}`;
    const inside = { tabindex: 0, role: "region", "aria-label": label, class: "solve-moments" };
    return make("div", inside, table);
  }

  // The solution, once the book is built anew with it: this page is not taken from its reader. An
  // exercise that has none, or shows it, waits for nothing: each wait holds one of the browser's six
  // connections.
  reveal() {
    if (this.reveals || !this.section.querySelector("p.solution")) return;
    this.reveals = true;
    let builds = null;
    const look = async () => {
      const page = await fetch(location.pathname).then((it) => it.text(), () => "");
      const built = new DOMParser().parseFromString(page, "text/html");
      const solution = built.getElementById(this.exercise)?.querySelector("details.solution");
      if (!solution) return;
      document.removeEventListener("visibilitychange", wait);
      builds?.close();
      this.section.querySelector("p.solution")?.replaceWith(document.importNode(solution, true));
    };
    const wait = () => {
      builds?.close();
      builds = document.hidden ? null : new EventSource("/-/builds");
      if (builds) builds.onmessage = look;
    };
    document.addEventListener("visibilitychange", wait);
    wait();
  }

  end({ said }) {
    this.id = null;
    this.mark(false);
    this.say(said);
    const { place } = this.problems.find((it) => it.level === "error" && it.place) ?? {};
    conclude(place ? `${said} The first error is in line ${place.line}.` : said);
  }
}
