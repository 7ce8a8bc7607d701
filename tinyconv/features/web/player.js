// Moves the films of every element of class tc-player. See player.py for the page around it.
(function () {
  "use strict";
  const PAUSE = 700;

  function facts(element, selector) {
    const script = element.querySelector(selector);
    return script ? JSON.parse(script.textContent) : null;
  }

  class Film {
    constructor(element, player) {
      this.element = element;
      this.player = player;
      this.facts = facts(element, ".tc-facts");
      this.cells = Array.from(element.querySelectorAll(".tc-cells .tc-cell"));
      this.strip = element.querySelector(".tc-strip");
      this.readout = element.querySelector(".tc-readout");
      this.selected = null;
      for (const cell of this.cells) {
        cell.addEventListener("click", () => this.select(this.selected === cell ? null : cell));
        cell.addEventListener("keydown", (event) => this.walk(event, cell));
        cell.firstElementChild.addEventListener("pointermove", (event) => this.point(event, cell));
        cell.firstElementChild.addEventListener("pointerleave", () => this.point(null, cell));
      }
    }

    show(frame, image) {
      this.frame = frame;
      this.element.style.setProperty("--frame", frame);
      this.element.dataset.image = image;
      const known = this.facts.images[image];
      const constant = new Set(known.constant[frame]);
      this.cells.forEach((cell, channel) => {
        const bad = known.bad[frame][channel];
        cell.classList.toggle("tc-constant", constant.has(channel));
        cell.classList.toggle("tc-bad", Boolean(bad));
        cell.querySelector("i").textContent = bad ? bad + " NaN" : known.largest[frame][channel];
        cell.title = this.words(channel, frame, image);
      });
      const ends = this.element.querySelectorAll(".tc-end");
      this.facts.ends[frame].forEach((text, side) => { ends[side].textContent = text; });
      if (this.selected) this.fillStrip();
    }

    words(channel, frame, image) {
      const known = this.facts.images[image];
      const bad = known.bad[frame][channel];
      const what = bad ? bad + " values are NaN or infinite"
        : known.constant[frame].includes(channel) ? "the same value everywhere: " + known.largest[frame][channel]
          : "largest magnitude " + known.largest[frame][channel];
      return "channel " + channel + ", epoch " + this.facts.epochs[frame] + ": " + what;
    }

    walk(event, cell) {
      const here = this.cells.indexOf(cell);
      const below = this.cells.findIndex((other) => other.offsetTop > cell.offsetTop && other.offsetLeft >= cell.offsetLeft);
      const row = this.cells.filter((other) => other.offsetTop === this.cells[0].offsetTop).length;
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: below < 0 ? 0 : below - here, ArrowUp: -row }[event.key];
      const next = step && this.cells[here + step];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      if (next) {
        cell.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      }
    }

    select(cell) {
      for (const other of this.cells) other.setAttribute("aria-pressed", String(other === cell));
      this.selected = cell;
      this.strip.hidden = !cell;
      if (!cell) return;
      this.fillStrip();
      const detail = { layer: this.facts.layer, channel: this.cells.indexOf(cell) };
      this.element.dispatchEvent(new CustomEvent("tc-channel", { bubbles: true, detail }));
    }

    fillStrip() {
      const channel = this.cells.indexOf(this.selected);
      const map = this.selected.firstElementChild;
      const image = this.player.image;
      const heading = document.createElement("h4");
      heading.textContent = this.facts.layer + ", channel " + channel + ", epoch by epoch";
      const list = document.createElement("ol");
      const larger = Math.max(1, Math.round(96 / map.offsetWidth));
      list.style.setProperty("--strip-w", map.offsetWidth * larger + "px");
      list.style.setProperty("--strip-h", map.offsetHeight * larger + "px");
      this.facts.epochs.forEach((epoch, frame) => {
        const item = document.createElement("li");
        const tile = map.cloneNode(false);
        tile.style.setProperty("--frame", frame);
        tile.classList.toggle("tc-constant", this.facts.images[image].constant[frame].includes(channel));
        tile.setAttribute("role", "img");
        tile.setAttribute("aria-label", this.words(channel, frame, image));
        const words = document.createElement("span");
        words.textContent = "epoch " + epoch + " · " + this.facts.images[image].largest[frame][channel];
        item.append(tile, words);
        item.classList.toggle("tc-at", frame === this.frame);
        item.addEventListener("click", () => this.player.show(frame));
        list.append(item);
      });
      this.strip.replaceChildren(heading, list);
    }

    // What a map pixel sees: start + index * jump is the middle of its patch, of side size, in image pixels.
    point(event, cell) {
      const { field, map, image } = this.facts;
      if (!event || !field) {
        this.readout.textContent = "";
        this.player.mark(null);
        return;
      }
      const box = cell.firstElementChild.getBoundingClientRect();
      const along = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
      const index = along.map((share, axis) => Math.min(map[axis] - 1, Math.max(0, Math.floor(share * map[axis]))));
      const first = index.map((at, axis) => field.start[axis] - (field.size[axis] - 1) / 2 + at * field.jump[axis]);
      const low = first.map((edge, axis) => Math.min(image[axis], Math.max(0, Math.floor(edge))));
      const high = first.map((edge, axis) => Math.min(image[axis], Math.max(0, Math.ceil(edge + field.size[axis]))));
      this.readout.textContent = "channel " + cell.dataset.channel + ", map pixel (row " + index[0] + ", column " +
        index[1] + ") sees rows " + low[0] + " to " + (high[0] - 1) + ", columns " + low[1] + " to " + (high[1] - 1) +
        " of the input";
      this.player.mark({ low, high, image });
    }
  }

  class Player {
    constructor(element) {
      this.element = element;
      this.captions = facts(element, ".tc-frames");
      this.slider = element.querySelector(".tc-slider");
      this.button = element.querySelector(".tc-play");
      this.choice = element.querySelector(".tc-choice");
      this.timer = null;
      this.image = 0;
      this.films = Array.from(element.querySelectorAll(".tc-film"), (film) => new Film(film, this));
      this.slider.addEventListener("input", () => { this.stop(); this.show(Number(this.slider.value)); });
      this.button.addEventListener("click", () => this.toggle());
      if (this.choice) this.choice.addEventListener("change", () => { this.image = Number(this.choice.value); this.show(this.frame); });
      for (const tick of element.querySelectorAll(".tc-ticks li")) {
        tick.addEventListener("click", () => { this.stop(); this.show(Number(tick.dataset.frame)); });
      }
      this.show(Number(this.slider.value));
    }

    show(frame) {
      this.frame = frame;
      this.slider.value = frame;
      this.slider.setAttribute("aria-valuetext", this.captions[frame]);
      this.element.querySelector(".tc-caption").textContent = this.captions[frame];
      for (const film of this.films) film.show(frame, this.image);
      for (const mark of this.element.querySelectorAll("[data-frame]")) {
        mark.classList.toggle("tc-at", Number(mark.dataset.frame) === frame);
      }
      for (const picture of this.element.querySelectorAll(".tc-input [data-image]")) {
        picture.hidden = Number(picture.dataset.image) !== this.image;
      }
      this.element.dispatchEvent(new CustomEvent("tc-frame", { bubbles: true, detail: { frame, image: this.image } }));
    }

    step(by) {
      this.show((this.frame + by + this.captions.length) % this.captions.length);
    }

    toggle() {
      if (this.timer) return this.stop();
      if (this.frame === this.captions.length - 1) this.show(0);
      this.timer = setInterval(() => this.step(1), PAUSE);
      return this.label("❚❚", "Pause", "Pause at this epoch");
    }

    stop() {
      clearInterval(this.timer);
      this.timer = null;
      this.label("▶", "Play", "Play the epochs");
    }

    label(sign, word, spoken) {
      this.button.firstElementChild.textContent = sign;
      this.button.lastChild.textContent = " " + word;
      this.button.setAttribute("aria-label", spoken);
    }

    mark(patch) {
      for (const frame of this.element.querySelectorAll(".tc-picture")) {
        const box = frame.querySelector(".tc-patch");
        box.hidden = !patch;
        if (!patch) continue;
        const { low, high, image } = patch;
        box.style.top = 100 * low[0] / image[0] + "%";
        box.style.left = 100 * low[1] / image[1] + "%";
        box.style.height = "max(4px, " + 100 * (high[0] - low[0]) / image[0] + "%)";
        box.style.width = "max(4px, " + 100 * (high[1] - low[1]) / image[1] + "%)";
      }
    }
  }

  function start() {
    const players = Array.from(document.querySelectorAll(".tc-player"), (element) => new Player(element));
    document.addEventListener("keydown", (event) => {
      const inside = event.target.closest ? event.target.closest(".tc-player") : null;
      const player = players.find((other) => other.element === inside) || players[0];
      const typing = event.target.closest && event.target.closest("input, select, textarea, button, a, [contenteditable]");
      if (!player || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === " " && (!typing || event.target === player.slider)) player.toggle();
      else if (event.key === "ArrowRight" && !typing) { player.stop(); player.step(1); }
      else if (event.key === "ArrowLeft" && !typing) { player.stop(); player.step(-1); }
      else return;
      event.preventDefault();
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
