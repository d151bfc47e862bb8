// What passed between a program and its broker, drawn: a sequence that grows, with its table. A page
// loads this once its reader looks inside.
"use strict";
(() => {
  const PLACE = 52;
  const FRAME = 38;
  const LINE = 24;
  const TOP = 22;
  const space = "http://www.w3.org/2000/svg";
  const fill = (it, attributes, inside) => {
    for (const name in attributes) it.setAttribute(name, attributes[name]);
    it.append(...inside);
    return it;
  };
  const make = (tag, attributes, ...inside) =>
    fill(document.createElement(tag), attributes, inside);
  const draw = (tag, attributes, ...inside) =>
    fill(document.createElementNS(space, tag), attributes, inside);
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  // The head of an arrow: the end of its line, and which way it points.
  const head = (x, y, to) => `M ${x - 7 * to} ${y - 4} L ${x} ${y} L ${x - 7 * to} ${y + 4}`;

  class Sequence {
    // `number` gives a lane the number that its colour has.
    constructor(number) {
      this.number = number;
      this.rows = [];
      this.clients = [];
      this.at = 0;
      this.opened = null;
      this.back = draw("g", {});
      this.body = draw("g", {});
      const named = { role: "group", "aria-label": "Sequence of frames" };
      this.svg = draw("svg", named, this.back, this.body);
      this.scroll = make("div", { class: "wire-drawing" }, this.svg);
      this.fields = make("div", { class: "wire-fields", role: "status" });
      this.rest();
      const hint = "Arrow keys go from frame to frame, Enter opens one.";
      this.element = make("div", {}, make("p", {}, hint), this.scroll, this.fields);
      this.svg.onkeydown = (event) => this.key(event);
      this.svg.addEventListener("focusin", () => (this.here = this.frames()[this.at]));
      new ResizeObserver(() => this.paint()).observe(this.scroll);
    }

    rest() {
      this.opened = null;
      this.fields.replaceChildren("No frame is open.");
    }

    frames() {
      return this.rows.filter((row) => row.kind);
    }

    // Rows come nearly in the order of their times.
    take(row) {
      let place = this.rows.length;
      while (place > 0 && this.rows[place - 1].ms > row.ms) place -= 1;
      this.rows.splice(place, 0, row);
      // The frame that the keyboard was at stays the same one.
      if (this.here) this.at = this.frames().indexOf(this.here);
      if (row.kind && !this.clients.includes(row.lane)) this.clients.push(row.lane);
      if (!this.due) {
        this.due = requestAnimationFrame(() => {
          this.due = 0;
          this.paint();
        });
      }
    }

    paint() {
      const width = Math.max(220, this.scroll.clientWidth - 2);
      if (this.scroll.clientWidth === 0) return;
      const { scrollTop, clientHeight, scrollHeight } = this.scroll;
      const follows = scrollHeight > clientHeight && scrollTop + clientHeight > scrollHeight - 9;
      const focused = this.svg.contains(document.activeElement);
      const broker = width - 16;
      const gap = Math.min(72, (width * 0.45 - PLACE) / this.clients.length);
      const place = (lane) => PLACE + 12 + gap * this.clients.indexOf(lane);
      const letters = Math.floor((width - PLACE - 24) / 6.9);
      // Of another width, or with another client, all is drawn anew.
      const shape = `${width} ${this.clients.length}`;
      if (this.shape !== shape) for (const row of this.rows) row.drawn = null;
      this.shape = shape;
      let y = TOP;
      // What stands is not moved: a click on it, or the focus, would be lost.
      let next = this.body.firstChild;
      for (const row of this.rows) {
        const isNew = !row.drawn;
        if (isNew) {
          row.drawn = row.kind
            ? this.frame(row, place(row.lane), broker, letters)
            : this.line(row, width, letters);
          this.body.insertBefore(row.drawn, next);
        } else {
          next = row.drawn.nextSibling;
        }
        if (isNew || row.y !== y) row.drawn.setAttribute("transform", `translate(0 ${y})`);
        row.y = y;
        y += row.kind ? FRAME : LINE;
      }
      while (next) {
        const old = next;
        next = old.nextSibling;
        old.remove();
      }
      const lane = (x, name) => draw("line", { class: `wire-lane ${name}`, x1: x, x2: x, y1: TOP - 4, y2: y });
      this.back.replaceChildren(
        ...this.clients.map((it) => lane(place(it), this.colour(it))),
        lane(broker, ""),
        draw("text", { x: PLACE, y: 13 }, "clients"),
        draw("text", { x: width - 2, y: 13, "text-anchor": "end" }, "broker"),
      );
      this.stop(this.frames()[this.at]?.drawn);
      this.svg.setAttribute("viewBox", `0 0 ${width} ${y + 6}`);
      this.svg.setAttribute("width", width);
      this.svg.setAttribute("height", y + 6);
      if (focused && !this.svg.contains(document.activeElement)) this.go(this.at);
      else if (!focused && follows && this.live) this.scroll.scrollTop = scrollHeight * 9;
    }

    colour(lane) {
      const number = this.number(lane);
      return number < 0 ? "" : `lane-${number}`;
    }

    line({ ms, lane, text }, width, letters) {
      const said = cut(lane ? `${lane}  ${text}` : text, letters);
      return draw(
        "g",
        { class: "wire-line" },
        draw("rect", { x: PLACE - 4, y: 1, width: width - PLACE + 4, height: LINE - 4 }),
        draw("text", { x: 2, y: 15 }, ms),
        draw("text", { x: PLACE, y: 15, class: "wire-said" }, said),
      );
    }

    frame(row, client, broker, letters) {
      const { ms, lane, sends, kind, about } = row;
      const [from, to] = sends ? [client, broker] : [broker, client];
      const way = Math.sign(to - from);
      const said = `${lane} ${sends ? "sends" : "gets"} ${kind} ${about}`;
      const group = draw(
        "g",
        {
          class: `wire-frame ${this.colour(lane)}`,
          role: "button",
          tabindex: -1,
          "aria-expanded": this.opened === row,
        },
        draw("rect", { x: 1, y: 1, width: broker + 12, height: FRAME - 2, rx: 3 }),
        draw("path", { d: `M ${from} 28 H ${to} ${head(to, 28, way)}` }),
        draw("text", { x: 2, y: 17 }, ms),
        draw("text", { x: PLACE, y: 17 }, cut(said, letters)),
      );
      group.onclick = () => {
        this.go(this.frames().indexOf(row));
        this.open(row);
      };
      return group;
    }

    // The tabulator comes to this frame.
    stop(frame) {
      if (frame === this.stopped) return;
      this.stopped?.setAttribute("tabindex", -1);
      frame?.setAttribute("tabindex", 0);
      this.stopped = frame;
    }

    // Puts the focus on a frame.
    go(number) {
      const all = this.frames();
      this.at = Math.max(0, Math.min(number, all.length - 1));
      const frame = all[this.at]?.drawn;
      this.stop(frame);
      frame?.focus({ preventScroll: true });
      frame?.scrollIntoView({ block: "nearest" });
    }

    key(event) {
      const last = this.frames().length - 1;
      const steps = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, Home: 0, End: last };
      // mdBook turns the page with the other two.
      if (event.key.startsWith("Arrow")) event.stopPropagation();
      if (event.key in steps) this.go(steps[event.key]);
      else if (event.key === "Enter" || event.key === " ") this.open(this.frames()[this.at]);
      else if (event.key === "Escape" && this.opened) this.open(this.opened);
      else return;
      event.preventDefault();
    }

    // Opens a frame to its fields, or closes it.
    open(row) {
      const mark = (is) => this.opened?.drawn?.setAttribute("aria-expanded", is);
      mark(false);
      if (this.opened === row) return this.rest();
      this.opened = row;
      mark(true);
      const { ms, lane, sends, kind, about, says } = row;
      const pairs = [["client", lane], ["messages", about]];
      for (const said of says ? says.split("; ") : []) {
        const end = said.indexOf(": ");
        pairs.push([said.slice(0, end), said.slice(end + 2)]);
      }
      const shown = pairs.filter(([, value]) => value);
      const list = shown.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
      const way = sends ? "to the broker" : "to the client";
      const title = make("p", {}, make("b", {}, kind), ` ${way}, at ${ms} ms`);
      this.fields.replaceChildren(title, make("dl", {}, ...list));
    }
  }

  const twin = (table) =>
    make("details", {}, make("summary", {}, "The same as a table"), table);

  // Draws what a recorded run's table holds.
  const look = (details) => {
    if (details.querySelector("svg")) return;
    const table = details.querySelector(".wire-table");
    const lanes = details.closest("figure")?.querySelectorAll(".output .lane") ?? [];
    const colour = (name) => {
      const same = [...lanes].find((lane) => lane.textContent === name);
      return Number(same?.className.match(/lane-(\d+)/)?.[1] ?? -1);
    };
    const sequence = new Sequence(colour);
    for (const { cells } of table.querySelectorAll("tbody tr")) {
      const [ms, lane, way, kind, about, says] = [...cells].map((cell) => cell.textContent);
      const row = { ms: Number(ms), lane };
      if (kind) Object.assign(row, { sends: way === "sends", kind, about, says });
      else row.text = way;
      sequence.take(row);
    }
    table.before(sequence.element);
    sequence.element.after(twin(table));
  };

  // One that grows with a run of this name. A frame comes as a line of text with six columns.
  const grow = (name, number) => {
    const sequence = new Sequence(number);
    sequence.live = true;
    // It has its place before it grows, and the line below it as well: nothing moves.
    sequence.scroll.style.blockSize = "60vh";
    const names = ["ms since the start", "client", "way", "frame", "messages", "fields"];
    const heads = make("tr", {}, ...names.map((name) => make("th", {}, name)));
    const body = make("tbody", {});
    const label = `Frames of ${name}`;
    const region = { class: "wire-table", tabindex: 0, role: "region", "aria-label": label };
    const table = make("div", region, make("table", {}, make("thead", {}, heads), body));
    const summary = make("summary", {}, "Look inside");
    const passed = make("p", {});
    passed.style.minBlockSize = "3em";
    const element = make("details", { class: "wire" }, summary, sequence.element, twin(table), passed);
    element.open = true;
    const enter = (row, ...cells) => {
      sequence.take(row);
      body.append(make("tr", {}, ...cells));
    };
    const cell = (text) => make("td", {}, text);
    return {
      element,
      frame(text) {
        const columns = text.split("  ").map((it) => (it === "-" ? "" : it));
        const [ms, lane, way, kind, about, says] = columns;
        const sends = way === "->";
        const row = { ms: Number(ms), lane, sends, kind, about, says };
        enter(row, ...[ms, lane, sends ? "sends" : "gets", kind, about, says].map(cell));
      },
      line({ ms, lane, text }) {
        if (lane === "fate") return;
        enter({ ms, lane, text }, cell(ms), cell(lane), make("td", { colspan: 4 }, text));
      },
      rest(rest) {
        const all = Object.entries(rest).map(([kind, count]) => `${count} ${kind}`);
        passed.textContent = all.length ? `Also passed: ${all.join(", ")}.` : "Nothing else passed.";
      },
    };
  };

  window.wireScript = { look, grow };
})();
