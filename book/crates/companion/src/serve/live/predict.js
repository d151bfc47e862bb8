// Predictions, answered on the page: the reader chooses, runs what decides it, and is told whether
// it came so. The server keeps the last answer.
import { GONE, make, needRun, opened, parts, transcripts } from "./main.js";
import { change, follow, page } from "./progress.js";

const letter = (option) => String.fromCharCode(65 + option);

class Prediction {
  constructor(section, number) {
    this.section = section;
    this.name = section.dataset.prediction;
    this.details = section.querySelector("details");
    this.right = Number(section.querySelector("[data-right]").dataset.right);
    this.answered = null;
    this.unkept = "";
    const ask = section.querySelector("p");
    const options = section.querySelector("ol");
    ask.id = `${section.id}-ask`;
    this.radios = [...options.children].map((item, option) => {
      const radio = make("input", { type: "radio", name: `predict-${number}`, value: option });
      radio.onchange = () => opened.add(this);
      item.append(make("label", {}, radio, ...item.childNodes));
      return radio;
    });
    this.button = make("button", { class: "run-button" }, "Run it");
    this.said = make("p", { role: "status" });
    const choices = make("fieldset", { "aria-labelledby": ask.id });
    const row = make("div", { class: "predict-row" }, this.button, this.said);
    const form = make("form", {}, choices, row);
    ask.before(form);
    choices.append(ask, options);
    this.live = make("p", { class: "predict-live" });
    this.details.append(this.live);
    section.classList.add("answerable");
    form.onfocusin = () => needRun().catch(() => {});
    form.onsubmit = (event) => {
      event.preventDefault();
      this.run();
    };
    // Who opens the answer with a choice made has answered, without a run.
    this.details.querySelector("summary").onclick = () => {
      const option = this.chosen();
      if (this.details.open || this.waits || option < 0 || option === this.answered) return;
      this.keep(option);
      this.tell(option, true);
    };
    // mdBook turns the page with these keys.
    section.onkeydown = (event) => {
      if (event.key.startsWith("Arrow")) event.stopPropagation();
    };
  }

  chosen() {
    return this.radios.findIndex((radio) => radio.checked);
  }

  // What was kept, when the page is opened.
  show({ predict }) {
    const kept = predict[page]?.[this.name];
    if (!kept || this.answered !== null || this.waits || this.chosen() >= 0) return;
    const radio = this.radios[kept.option];
    if (!radio) return;
    radio.checked = true;
    this.tell(kept.option);
  }

  keep(option) {
    this.unkept = "";
    const note = { page, prediction: this.name, option };
    change("/predict", note).then(
      () => opened.delete(this),
      (error) => {
        this.unkept = ` Your answer is not kept: ${error.message}`;
        this.said.append(this.unkept);
      },
    );
  }

  // The answer has its place before it is shown, so that nothing moves then.
  async run() {
    const option = this.chosen();
    if (this.waits) return;
    if (option < 0) {
      this.say("Choose an answer first.");
      return this.radios[0].focus();
    }
    this.waits = true;
    try {
      const { isBusy, viewOf } = await needRun();
      if (isBusy()) throw new Error("Another listing runs. Stop it, or wait for its end.");
      this.button.setAttribute("aria-disabled", "true");
      this.section.classList.add("waits");
      this.details.open = true;
      this.live.textContent = "\u00a0";
      this.say("The run decides.");
      this.keep(option);
      const view = viewOf(this.transcript());
      this.decide(option, view, await view.begin(view.given));
    } catch (error) {
      this.say(error instanceof TypeError ? GONE : error.message);
    } finally {
      this.waits = false;
      this.button.removeAttribute("aria-disabled");
      this.section.classList.remove("waits");
    }
  }

  // The figure of the run, where this page shows it; else the run has its place here.
  transcript() {
    const shown = transcripts.find(({ figure }) => figure.id === this.section.dataset.run);
    if (shown) return shown;
    if (!this.own) {
      const command = this.section.querySelector("[data-right] ~ p > code").textContent;
      const [listing, words] = parts(command);
      this.own = { figure: make("div", { class: "predict-run" }), listing, words };
      this.section.append(this.own.figure);
    }
    return this.own;
  }

  // What the live run says on it, beside the recorded one.
  decide(option, view, end) {
    const fact = this.section.querySelector(".fact").textContent;
    const count = end?.facts[this.name];
    const own = fact.replace(/\d+$/, count);
    if (!end || end.code === null) {
      this.live.textContent = "Your run did not come to its end; the recorded run tells it.";
    } else if (count === undefined) {
      this.live.textContent = `Your run does not tell it; the recorded run does: ${fact}.`;
    } else if (own === fact) {
      this.live.textContent = `✓ Your run: ${own}, as recorded.`;
    } else {
      this.live.textContent = `≠ Your run: ${own}. The recorded run: ${fact}.`;
    }
    this.tell(option);
    const said = option === this.right ? "right" : "wrong";
    const link = make("a", { href: `#${this.section.id}` }, `Your prediction was ${said}.`);
    if (this.own?.figure !== view.figure) view.state.append(" ", link);
  }

  tell(option, isOpen = this.details.open) {
    this.answered = option;
    for (const item of this.details.querySelectorAll("[data-option], [data-right]")) {
      item.querySelector(".predict-mine")?.remove();
      const { option: of = item.dataset.right } = item.dataset;
      if (Number(of) === option) {
        item.prepend(make("em", { class: "predict-mine" }, "Your answer: "));
      }
    }
    const [own, right] = [letter(option), letter(this.right)];
    const where = isOpen ? "" : " Open the answer to see why.";
    const wrong = `✗ Wrong: you answered ${own}.${where}`;
    this.say((own === right ? `✓ Right: it is ${right}.` : wrong) + this.unkept);
  }

  say(text) {
    this.said.textContent = text;
  }
}

document.querySelectorAll(".predict").forEach((section, number) => {
  const prediction = new Prediction(section, number);
  follow((view) => prediction.show(view));
});
