// A listing, run from its page.
import { GONE, make, opened, post, transcripts } from "./main.js";
import { announce, batches, conclude } from "./stream.js";

const views = [];
// A page has one run at once.
let running = null;

export const isBusy = () => running !== null;

// The view of a transcript of the page, or of a run that has its panel after another element, then
// without a button of its own before it is run.
export const viewOf = (it) => {
  const known = views.find(({ figure }) => figure === it.figure);
  if (!known) views.push(new View(it));
  return known ?? views.at(-1);
};

class View {
  constructor({ figure, listing, words, button }) {
    this.figure = figure;
    this.listing = listing;
    this.name = [listing, ...words].join(" ");
    this.given = {};
    words.forEach((word, at) => {
      if (at % 2) this.given[words[at - 1].slice(2)] = word;
    });
    this.buttons = [];
    // It runs what its name says, whatever the knobs of the panel are.
    if (button) this.take(button, this.name, () => this.given);
  }

  take(button, what, knobs = () => undefined) {
    const stop = () => post("/-/stop", { run: this.id }).catch(() => {});
    button.onclick = () => (running === this ? stop() : this.begin(knobs()));
    button.what = what;
    this.buttons.push(button);
    return button;
  }

  // As high as the recorded output, so that nothing moves while lines come.
  open() {
    const height = this.figure.querySelector(".output")?.offsetHeight ?? 0;
    this.code = make("code");
    const label = `Output of ${this.name}`;
    const output = make("pre", { tabindex: 0, role: "region", "aria-label": label }, this.code);
    output.style.blockSize = `clamp(16rem, ${height}px, 60vh)`;
    // mdBook turns the page with these keys.
    output.onkeydown = (event) => {
      if (event.key.startsWith("Arrow")) event.stopPropagation();
    };
    this.output = output;
    this.selects = {};
    const what = `${this.listing} with these knobs`;
    const button = make("button", { class: "run-button", "aria-label": `Run ${what}` }, "Run");
    this.again = this.take(button, what);
    const legend = make("legend", {}, `Knobs of ${this.listing}`);
    this.inside = make("input", { type: "checkbox" });
    const inside = make("label", {}, this.inside, " Look inside");
    this.fields = make("fieldset", {}, legend, this.again, inside);
    // Its place is kept, too.
    this.strip = make("div", { class: "strip" });
    this.strip.style.minBlockSize = `${this.figure.querySelector(".strip")?.offsetHeight ?? 0}px`;
    this.state = make("p", { class: "run-state" });
    this.panel = make("div", { class: "run-panel" }, this.fields, output, this.strip, this.state);
    this.figure.after(this.panel);
    opened.add(this);
  }

  // The knobs show as soon as the run has its place; the listing tells their defaults while it runs.
  turn(knobs) {
    for (const { name, about, default: usual, values } of knobs) {
      let knob = this.selects[name];
      if (!knob) {
        knob = make("select", {}, ...["", ...values].map((it) => new Option(it || "as usual", it)));
        knob.value = this.given[name] ?? "";
        this.selects[name] = knob;
        this.fields.append(make("label", {}, `${name} `, knob));
        // What comes and goes in it moves nothing beside it.
        knob.style.inlineSize = `${knob.offsetWidth}px`;
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
    const knobs = Object.entries(this.selects).filter(is);
    return Object.fromEntries(knobs.map(([name, { value }]) => [name, value]));
  }

  say(text, kind = "") {
    this.state.textContent = text;
    this.state.className = `run-state ${kind}`;
  }

  // Gives the end as it is told; nothing where the run broke off.
  async begin(knobs = this.panel ? this.turned() : this.given) {
    if (!this.panel) this.open();
    for (const [name, knob] of Object.entries(this.selects)) {
      knob.value = knobs[name] ?? knob.usual ?? "";
    }
    this.ended = null;
    this.panel.scrollIntoView({ block: "nearest" });
    this.id = null;
    this.lines = 0;
    this.code.replaceChildren();
    this.strip.replaceChildren();
    this.say("Starting");
    this.mark(this);
    try {
      await this.look();
      const answer = await post("/-/run", { listing: this.listing, knobs, wire: this.inside.checked });
      if (!answer.ok) throw new Error(await answer.text());
      for await (const batch of batches(answer.body)) {
        const { scrollTop, clientHeight, scrollHeight } = this.output;
        for (const news of batch) this[news.news](news);
        if (scrollTop + clientHeight > scrollHeight - 9) this.output.scrollTop = scrollHeight * 99;
      }
      if (this.id) throw new TypeError();
    } catch (error) {
      this.finish(error instanceof TypeError ? GONE : error.message);
    }
    return this.ended;
  }

  // What passes between the listing and its broker is drawn below the output by the book's own script.
  async look() {
    const old = this.drawn?.element;
    this.drawn = null;
    if (!this.inside.checked) return old?.remove();
    const { grow } = await window.lookInside();
    this.drawn = grow(this.name, (lane) => this.lanes?.indexOf(lane) ?? -1);
    // In the place of the last one, so that nothing moves.
    if (old) old.replaceWith(this.drawn.element);
    else this.state.after(this.drawn.element);
  }

  frame({ frame }) {
    this.drawn?.frame(frame);
  }

  wire({ rest }) {
    this.drawn?.rest(rest);
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

  start() {
    this.say("Running");
  }

  knobs({ knobs }) {
    this.turn(knobs);
  }

  line({ ms, lane, text }) {
    this.lines += 1;
    this.drawn?.line({ ms, lane, text });
    this.code.append(make("span", { class: "run-time" }, `${(ms / 1000).toFixed(2)} `));
    if (lane) {
      const at = this.lanes.indexOf(lane);
      const number = at < 0 ? this.lanes.length : at;
      this.code.append(make("span", { class: `lane lane-${number}` }, lane), "  ");
    }
    this.code.append(`${text}\n`);
    announce(lane ? `${lane}: ${text}` : text);
  }

  end(told) {
    const { said, equal, compared, difference, strip } = told;
    this.ended = told;
    if (strip) {
      this.strip.innerHTML = strip;
      if (this.strip.scrollWidth > this.strip.clientWidth) this.strip.tabIndex = 0;
    }
    const kinds = { "+": "hljs-addition", "-": "hljs-deletion" };
    for (const line of difference ? difference.split("\n") : []) {
      this.add(line, kinds[line[0]] ?? "hljs-comment");
    }
    const kind = { true: "run-equals", false: "run-differs" }[equal];
    this.finish(`${said} ${compared}`, kind);
    dispatchEvent(new Event("listing-ran"));
  }

  finish(text, kind) {
    this.id = null;
    this.say(text, kind);
    this.mark(null);
    conclude(`Lines: ${this.lines}. ${text}`);
  }
}

for (const it of transcripts) views.push(new View(it));
