// One cell of a convolution, and the gradient of one weight, computed again from the network's own numbers.
//   z[k,i,j] = b[k] + sum over c,r,s of w[k,c,r,s] x[c, i stride + r dilation - padding, j stride + s dilation - padding]
//   dL/dw[k,c,r,s] = sum over i,j of delta[k,i,j] x[c, i stride + r dilation - padding, ...]
class Arithmetic extends ConvolutionNumbers {
  constructor(root) {
    super(JSON.parse(root.querySelector(".data").textContent));
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.buildChoices();
    this.find(".result").addEventListener("click", (event) => this.clicked(event));
    this.find(".result").addEventListener("keydown", (event) => this.walk(event));
    this.find(".channel").addEventListener("change", (event) => this.choose({ channel: Number(event.target.value) }));
    this.find(".previous").addEventListener("click", () => this.turn(-1));
    this.find(".next").addEventListener("click", () => this.turn(1));
    this.choose({ image: 0, layer: 0 });
  }

  buildChoices() {
    this.data.images.forEach((image, place) => {
      const button = make("button");
      button.type = "button";
      const picture = make("img", undefined, "pixels");
      picture.src = image.src;
      picture.alt = "";
      button.append(picture, make("span", image.label + ": " + image.why));
      button.addEventListener("click", () => this.choose({ image: place }));
      this.find(".images").append(button);
    });
    this.data.layers.forEach((layer, place) => {
      const button = make("button", layer.name);
      button.type = "button";
      button.title = layer.words;
      button.addEventListener("click", () => this.choose({ layer: place }));
      this.find(".layers").append(button);
    });
  }

  turn(step) {
    const count = this.data.layers[this.layer].channels.length;
    this.choose({ channel: (this.channel + step + count) % count });
  }

  // Another image, layer or channel: with its strongest cell, and the input that matters most there.
  choose({ image = this.image, layer = this.layer, channel, cell }) {
    const moved = layer !== this.layer || this.cell === undefined;
    this.image = image;
    this.layer = layer;
    const facts = this.data.layers[layer];
    if (channel === undefined) channel = moved ? this.strongestChannel() : Math.min(this.channel, facts.channels.length - 1);
    this.channel = channel;
    const press = (selector, place) => this.root.querySelectorAll(selector).forEach((button, number) => button.setAttribute("aria-pressed", String(number === place)));
    press(".images button", image);
    press(".layers button", layer);
    const select = this.find(".channel");
    if (select.dataset.layer !== String(layer)) {
      select.dataset.layer = String(layer);
      select.replaceChildren(...facts.channels.map((number, place) => {
        const option = make("option", number);
        option.value = place;
        return option;
      }));
    }
    select.value = String(channel);
    const all = facts.output[0];
    this.find(".about").textContent = facts.words + (facts.channels.length < all ? "; the " + facts.channels.length + " channels of " + all + " that respond most" : "");
    this.cell = cell || this.strongestCell();
    this.input = undefined;
    this.tap = Math.floor((facts.kernel[0] * facts.kernel[1]) / 2);
    this.show();
  }

  strongestChannel() {
    const facts = this.data.layers[this.layer];
    const last = this.last();
    const [, rows, columns] = facts.output;
    let best = 0;
    for (let place = 1; place < last.length; place++) if (last[place] > last[best]) best = place;
    return Math.floor(best / (rows * columns));
  }

  // Where the whole patch lies inside the input, if anywhere: at the margin the zeros beyond it make edges of their own.
  strongestCell() {
    const [, rows, columns] = this.data.layers[this.layer].output;
    const map = this.last().subarray(this.channel * rows * columns, (this.channel + 1) * rows * columns);
    const order = Array.from(map.keys()).sort((a, b) => map[b] - map[a] || a - b);
    const whole = order.find((place) => this.patch(this.group().first, [Math.floor(place / columns), place % columns]).every((value) => value !== null));
    const best = whole !== undefined && map[whole] > 0 ? whole : order[0];
    return [Math.floor(best / columns), best % columns];
  }

  clicked(event) {
    const box = event.target.getBoundingClientRect();
    const [, rows, columns] = this.data.layers[this.layer].output;
    const within = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    this.cell = [within((event.clientY - box.top) / box.height, rows), within((event.clientX - box.left) / box.width, columns)];
    this.show();
  }

  walk(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const size = this.data.layers[this.layer].output.slice(1);
    this.cell = this.cell.map((at, axis) => Math.min(size[axis] - 1, Math.max(0, at + step[axis])));
    this.show();
  }

  show() {
    const { first } = this.group();
    const sums = this.contributions();
    if (this.input === undefined) this.input = first + sums.reduce((best, sum, n) => (Math.abs(sum) > Math.abs(sums[best]) ? n : best), 0);
    this.showMaps();
    this.showProduct();
    this.showOthers(sums, first);
    this.showSum(sums);
    this.showGradient();
  }

  showMaps() {
    const facts = this.data.layers[this.layer];
    const [, rows, columns] = facts.output;
    const image = this.data.images[this.image];
    const picture = this.find(".picture");
    picture.src = image.src;
    picture.alt = "the image: " + image.label;
    const x = this.array("x").subarray(this.input * facts.input[1] * facts.input[2], (this.input + 1) * facts.input[1] * facts.input[2]);
    this.find(".which").textContent = facts.input[0] > 1 ? ": channel " + this.input + " of " + facts.input[0] : "";
    this.find(".k").textContent = facts.channels[this.channel] + ", cell (" + this.cell.join(", ") + ")";
    this.drawn(".source", x, facts.input[1], facts.input[2]);
    this.drawn(".result", this.map("z"), rows, columns);
    const reach = facts.kernel.map((taps, axis) => (taps - 1) * facts.dilation[axis] + 1);
    const corner = this.cell.map((at, axis) => at * facts.stride[axis] - facts.padding[axis]);
    placeBox(this.find(".source").parentNode.querySelector(".mark"), corner[0], corner[1], reach[0], reach[1], facts.input[1], facts.input[2]);
    placeBox(this.find(".result").parentNode.querySelector(".cell"), this.cell[0], this.cell[1], 1, 1, rows, columns);
    const seen = this.find(".seen .mark");
    seen.hidden = !facts.field;
    if (facts.field) {
      const low = this.cell.map((at, axis) => facts.field.start[axis] - (facts.field.size[axis] - 1) / 2 + at * facts.field.jump[axis]);
      placeBox(seen, low[0], low[1], facts.field.size[0], facts.field.size[1], image.size[0], image.size[1]);
    }
  }

  drawn(selector, values, rows, columns) {
    const canvas = this.find(selector);
    const scale = scaleOf(values);
    paint(canvas, values, rows, columns, scale);
    if (canvas.getAttribute("role") === "img") canvas.setAttribute("aria-label", canvas.closest("figure").querySelector("figcaption").textContent);
    scaleWords(canvas.closest("figure").querySelector(".scale"), scale);
  }

  grid(selector, values, scale, button) {
    const { kernel } = this.data.layers[this.layer];
    const grid = this.find(selector);
    grid.style.setProperty("--columns", kernel[1]);
    grid.classList.toggle("small", kernel[1] > 5);
    grid.replaceChildren(...Array.from(values, (value, tap) => {
      const cell = make(button ? "button" : "span", value === null ? "0" : shown(value, 3));
      if (value === null) {
        cell.className = "outside";
        cell.title = "outside the input: counts as 0";
      } else {
        tint(cell, value, scale);
        cell.title = String(value);
      }
      if (button) {
        cell.type = "button";
        cell.setAttribute("aria-pressed", String(tap === this.tap));
        cell.addEventListener("click", () => {
          this.tap = tap;
          this.showGradient();
          this.find(".choose").children[tap].focus({ preventScroll: true });
        });
      }
      return cell;
    }));
  }

  showProduct() {
    const patch = this.patch(this.input, this.cell);
    const weights = this.kernel(this.input);
    const products = patch.map((value, tap) => (value === null ? null : value * weights[tap]));
    this.grid(".patch", patch, scaleOf(this.array("x")));
    this.grid(".kernel", weights, { limit: limitOf(weights), signed: true });
    this.grid(".products", products, { limit: limitOf(products), signed: true });
  }

  showOthers(sums, first) {
    const others = this.find(".others");
    others.hidden = sums.length < 2;
    if (others.hidden) return;
    this.find(".count").textContent = sums.length;
    const order = sums.map((_, n) => n).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]) || a - b);
    const most = Math.abs(sums[order[0]]) || 1;
    const listed = order.slice(0, 24);
    if (!listed.includes(this.input - first)) listed[listed.length - 1] = this.input - first;
    const rest = order.filter((n) => !listed.includes(n));
    const bars = listed.map((n) => {
      const button = make("button");
      button.type = "button";
      button.setAttribute("aria-pressed", String(first + n === this.input));
      const bar = make("i");
      const long = 50 * Math.abs(sums[n]) / most;
      bar.style.setProperty("--from", (sums[n] < 0 ? 50 - long : 50) + "%");
      bar.style.setProperty("--long", long + "%");
      bar.style.setProperty("--hue", sums[n] < 0 ? "#4393c3" : "#d6604d");
      button.append(make("b", "map " + (first + n)), bar, make("span", shown(sums[n])));
      button.addEventListener("click", () => {
        this.input = first + n;
        this.show();
      });
      return button;
    });
    if (rest.length) bars.push(make("p", "and " + rest.length + " smaller ones, together " + shown(rest.reduce((sum, n) => sum + sums[n], 0)), "rest"));
    this.find(".bars").replaceChildren(...bars);
  }

  row(words, formula, value, found) {
    const row = make("tr");
    row.append(make("td", words), make("td", formula), make("td", shown(value, 6), "value"));
    const check = make("td", "", "check");
    if (found !== undefined) {
      const close = Math.abs(value - found) <= 2e-5 * Math.max(1, Math.abs(found), this.size || 0);
      check.textContent = close ? "✓ the network computed " + shown(found, 6) : "✗ the network computed " + shown(found, 6);
      check.classList.toggle("off", !close);
    }
    row.append(check);
    return row;
  }

  showSum(sums) {
    const facts = this.data.layers[this.layer];
    const [, rows, columns] = facts.output;
    const at = this.cell[0] * columns + this.cell[1];
    const taps = facts.kernel[0] * facts.kernel[1];
    const total = sums.reduce((sum, value) => sum + value, 0);
    const bias = this.array("bias");
    this.size = limitOf(this.map("z"));
    const over = sums.length > 1 ? sums.length + " maps × " + facts.kernel.join("×") + " = " + sums.length * taps + " products" : facts.kernel.join("×") + " = " + taps + " products";
    const table = [this.row("sum of the products", over, total)];
    let value = total;
    if (bias) {
      value += bias[this.channel];
      table.push(this.row("plus the bias", shown(total) + " + " + signed(bias[this.channel]), value, this.map("z")[at]));
    } else {
      table.push(this.row("no bias", "this layer has none" + (facts.after.some((step) => step.kind === "norm") ? ": the batch norm after it shifts instead" : ""), value, this.map("z")[at]));
    }
    facts.after.forEach((step, place) => {
      const found = place === facts.after.length - 1 ? this.map("activation")[at] : undefined;
      let formula;
      if (step.kind === "norm") {
        const own = (name, otherwise) => (step[name] === null ? otherwise : this.numbers([this.layer, place, name].join(), step[name])[this.channel]);
        const [mean, variance, weight, bias] = [own("mean", 0), own("variance", 1), own("weight", 1), own("bias", 0)];
        formula = "γ (z − μ) / √(σ² + ε) + β = " + shown(weight) + " · (" + shown(value) + " − " + signed(mean) + ") / √(" + shown(variance) + " + " + shown(step.eps, 2) + ") + " + signed(bias);
        value = weight * (value - mean) / Math.sqrt(variance + step.eps) + bias;
      } else {
        formula = "max(0, " + shown(value) + ")" + (value > 0 ? ": passes" : ": the cell stays silent");
        value = Math.max(0, value);
      }
      this.size = limitOf(this.map("activation"));
      table.push(this.row(step.kind === "norm" ? "batch norm" : "ReLU: the activation", formula, value, found));
    });
    table[table.length - 1].className = "last";
    this.find(".sum:not(.total)").replaceChildren(...table);
  }

  showGradient() {
    const facts = this.data.layers[this.layer];
    const [, rows, columns] = facts.output;
    const slopes = this.gradients(this.input);
    const delta = this.map("delta");
    this.find(".gradient").hidden = !slopes || !delta;
    if (!slopes || !delta) return;
    const image = this.data.images[this.image];
    const met = new Float64Array(rows * columns);
    const terms = new Float64Array(rows * columns);
    let total = 0;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const place = i * columns + j;
        met[place] = this.tapValue(this.input, i, j);
        terms[place] = met[place] * delta[place];
        total += terms[place];
      }
    }
    const sure = image.loss < 1e-3 ? " The network is already sure of this image, so there is next to nothing to learn from it: the gradients are tiny." : "";
    this.find(".blame").textContent = "The loss of this image (" + image.target + (image.target === image.predicted ? ", recognised" : ", taken for " + image.predicted) + ") is " + shown(image.loss) + "." + sure + " Weights of input channel " + this.input + ", result channel " + facts.channels[this.channel] + ".";
    const weights = this.kernel(this.input);
    this.grid(".choose", weights, { limit: limitOf(weights), signed: true }, true);
    this.grid(".slopes", slopes, { limit: limitOf(slopes), signed: true });
    this.drawn(".met", met, rows, columns);
    this.drawn(".delta", delta, rows, columns);
    this.drawn(".terms", terms, rows, columns);
    const order = Array.from(terms.keys()).sort((a, b) => Math.abs(terms[b]) - Math.abs(terms[a]) || a - b);
    const largest = order.slice(0, 3).map((place) => shown(met[place], 3) + " · " + signed(delta[place], 3));
    const r = Math.floor(this.tap / facts.kernel[1]);
    const s = this.tap % facts.kernel[1];
    this.size = limitOf(slopes);
    const formula = "Σ x · δ over " + rows + " × " + columns + " positions = " + largest.join(" + ") + (order.length > 3 ? " + " + (order.length - 3) + " more" : "");
    const row = this.row("gradient of the weight in row " + r + ", column " + s, formula, total);
    const close = Math.abs(total - slopes[this.tap]) <= 1e-4 * Math.max(this.size, 1e-30);
    row.lastChild.textContent = (close ? "✓" : "✗") + " backpropagation found " + shown(slopes[this.tap], 6);
    row.lastChild.classList.toggle("off", !close);
    const advice = total === 0 ? "the weight does not matter for this image" : total > 0 ? "the loss grows with this weight, so the step makes it smaller" : "the loss falls with this weight, so the step makes it larger";
    const meaning = make("tr");
    meaning.append(make("td", "what gradient descent does"), make("td", advice), make("td"), make("td"));
    this.find(".total").replaceChildren(row, meaning);
  }
}

function signed(value, digits = 4) {
  return value < 0 ? "(" + shown(value, digits) + ")" : shown(value, digits);
}

for (const root of document.querySelectorAll(".arithmetic")) root.arithmetic = new Arithmetic(root);
