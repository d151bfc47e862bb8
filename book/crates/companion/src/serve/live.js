// What a page can do while `cargo book serve` serves it: run what its transcripts show, and reload
// after a build. A page on another host has none of this.
const make = (tag, attributes, ...inside) => {
  const it = document.createElement(tag);
  for (const name in attributes) it.setAttribute(name, attributes[name]);
  it.append(...inside);
  return it;
};

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
const announce = (text) => {
  waiting.push(text);
  if (!timer) flush();
};

const post = (path, body) => {
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
};

// The events of a stream, as many at once as have come.
async function* batches(body) {
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

const views = [];
// A page has one run at once.
let running = null;

class View {
  constructor(figure, listing, words) {
    this.figure = figure;
    this.listing = listing;
    this.given = {};
    words.forEach((word, at) => {
      if (at % 2) this.given[words[at - 1].slice(2)] = word;
    });
    this.buttons = [];
    figure.prepend(this.button([listing, ...words].join(" ")));
  }

  button(what) {
    const button = make("button", { class: "run-button", "aria-label": `Run ${what}` }, "Run");
    button.onclick = () => (running === this ? post("/-/stop", { run: this.id }) : this.begin());
    button.what = what;
    this.buttons.push(button);
    return button;
  }

  // As high as the recorded output, so that nothing moves while lines come.
  open() {
    const height = this.figure.querySelector(".output").offsetHeight;
    this.code = make("code");
    const output = make("pre", { tabindex: 0, role: "region", "aria-label": "Output" }, this.code);
    output.style.blockSize = `clamp(16rem, ${height}px, 60vh)`;
    // mdBook turns the page with these keys.
    output.onkeydown = (event) => {
      if (event.key.startsWith("Arrow")) event.stopPropagation();
    };
    this.output = output;
    this.knobs = {};
    this.again = this.button(`${this.listing} with these knobs`);
    const legend = make("legend", {}, `Knobs of ${this.listing}`);
    this.state = make("p", { class: "run-state" });
    const fields = make("fieldset", {}, legend, this.again);
    this.panel = make("div", { class: "run-panel" }, fields, output, this.state);
    this.figure.after(this.panel);
  }

  // The knobs show as soon as the run has its place; the listing tells their defaults later.
  turn(knobs) {
    for (const { name, about, default: usual, values } of knobs) {
      let knob = this.knobs[name];
      if (!knob) {
        knob = make("select", {}, ...["", ...values].map((it) => new Option(it || "as usual", it)));
        knob.value = this.given[name] ?? "";
        this.knobs[name] = knob;
        this.again.before(make("label", {}, `${name} `, knob));
      }
      if (about) knob.title = about;
      if (usual && !knob.usual) {
        const value = knob.value || usual;
        knob.remove(0);
        knob.value = value;
        knob.usual = usual;
      }
    }
  }

  // What is turned to another value than the usual one.
  turned() {
    const is = ([name, { value, usual }]) =>
      value && (value !== usual || value === this.given[name]);
    const knobs = Object.entries(this.knobs).filter(is);
    return Object.fromEntries(knobs.map(([name, { value }]) => [name, value]));
  }

  say(text, kind = "") {
    this.state.textContent = text;
    this.state.className = `run-state ${kind}`;
  }

  async begin() {
    const knobs = this.panel ? this.turned() : this.given;
    if (!this.panel) this.open();
    this.panel.scrollIntoView({ block: "nearest" });
    this.id = null;
    this.lines = 0;
    this.code.replaceChildren();
    this.say("Starting");
    this.mark(this);
    try {
      const answer = await post("/-/run", { listing: this.listing, knobs });
      if (!answer.ok) throw new Error(await answer.text());
      for await (const batch of batches(answer.body)) {
        const { scrollTop, clientHeight, scrollHeight } = this.output;
        for (const news of batch) this[news.news](news);
        if (scrollTop + clientHeight > scrollHeight - 9) this.output.scrollTop = scrollHeight * 99;
      }
      if (this.id) throw new TypeError();
    } catch (error) {
      const gone = "The server is gone; start cargo book serve again and open its new address.";
      this.finish(error instanceof TypeError ? gone : error.message);
    }
  }

  // Which buttons stop, start or do nothing.
  mark(now) {
    running = now;
    for (const view of views) {
      for (const button of view.buttons) {
        const word = now === view ? "Stop" : "Run";
        button.disabled = now && now !== view;
        button.textContent = word;
        button.setAttribute("aria-label", `${word} ${button.what}`);
      }
    }
  }

  add(text, kind) {
    this.code.append(make("span", { class: kind }, text), "\n");
  }

  run({ run, command, lanes, knobs }) {
    this.id = run;
    this.lanes = lanes;
    this.turn(knobs);
    this.add(command, "prompt");
    this.say("Building");
    announce("Building");
  }

  build({ done, of }) {
    this.say(`Compiling ${done} of ${of}`);
  }

  note({ text }) {
    this.add(text, "hljs-comment");
  }

  start({ knobs }) {
    this.turn(knobs);
    this.say("Running");
  }

  line({ ms, lane, text }) {
    this.lines += 1;
    this.code.append(make("span", { class: "run-time" }, `${(ms / 1000).toFixed(2)} `));
    if (lane) {
      const at = this.lanes.indexOf(lane);
      const number = at < 0 ? this.lanes.length : at;
      this.code.append(make("span", { class: `lane lane-${number}` }, lane), "  ");
    }
    this.code.append(`${text}\n`);
    announce(lane ? `${lane}: ${text}` : text);
  }

  end({ said, equal, compared, difference }) {
    const kinds = { "+": "hljs-addition", "-": "hljs-deletion" };
    for (const line of difference ? difference.split("\n") : []) {
      this.add(line, kinds[line[0]] ?? "hljs-comment");
    }
    const kind = { true: "run-equals", false: "run-differs" }[equal];
    this.finish(`${said} ${compared}`, kind);
  }

  finish(text, kind) {
    this.id = null;
    this.say(text, kind);
    this.mark(null);
    waiting = [`Lines: ${this.lines}. ${text}`];
    if (!timer) flush();
  }
}

for (const figure of document.querySelectorAll("figure.transcript")) {
  const typed = figure.querySelector(".typed")?.textContent ?? "";
  const parts = typed.match(/cargo run -p (\S+)(?: --features \S+)?(?: -- (.+))?/);
  if (parts) views.push(new View(figure, parts[1], parts[2]?.split(" ") ?? []));
}

// A hidden page holds no connection, since a browser opens only six to one server; it catches up
// when it is shown again. What a run has printed is not taken away.
let known = null;
let builds = null;
const follow = () => {
  if (document.hidden) {
    builds?.close();
    builds = null;
  } else if (!builds) {
    builds = new EventSource("/-/builds");
    builds.onmessage = ({ data }) => {
      const isNew = known !== null && known !== data;
      if (isNew && !views.some((view) => view.panel)) location.reload();
      known = data;
    };
  }
};
document.addEventListener("visibilitychange", follow);
follow();
