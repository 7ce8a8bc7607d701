// Numbers to colours and to text, the same way for every part of the page.
const TABLES = JSON.parse(document.getElementById("colour-tables").textContent);
const COLOURS = { signed: bytes(TABLES.signed), unsigned: bytes(TABLES.unsigned) };

function bytes(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

// float32 as they are, whatever the order of this machine's bytes.
function floats(text) {
  if (text === null || text === undefined) return null;
  const raw = bytes(text);
  const view = new DataView(raw.buffer);
  return Float32Array.from({ length: raw.length / 4 }, (_, place) => view.getFloat32(4 * place, true));
}

function limitOf(values) {
  let limit = 0;
  for (const value of values) if (Number.isFinite(value)) limit = Math.max(limit, Math.abs(value));
  return limit;
}

function scaleOf(values) {
  return { limit: limitOf(values), signed: values.some((value) => value < 0) };
}

function colourOf(value, scale) {
  if (!Number.isFinite(value)) return [255, 0, 220];
  const low = scale.signed ? -scale.limit : 0;
  const span = scale.limit - low;
  const share = span > 0 ? (value - low) / span : scale.signed ? 0.5 : 0;
  const level = Math.min(255, Math.max(0, Math.round(255 * share)));
  const table = scale.signed ? COLOURS.signed : COLOURS.unsigned;
  return [table[3 * level], table[3 * level + 1], table[3 * level + 2]];
}

function paint(canvas, values, rows, columns, scale) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(columns, rows);
  for (let place = 0; place < rows * columns; place++) {
    const colour = colourOf(values[place], scale);
    picture.data.set([colour[0], colour[1], colour[2], 255], 4 * place);
  }
  context.putImageData(picture, 0, 0);
}

function scaleWords(element, scale) {
  const bar = document.createElement("i");
  const steps = Array.from({ length: 9 }, (_, n) => {
    const value = scale.signed ? scale.limit * (n - 4) / 4 : scale.limit * n / 8;
    return "rgb(" + colourOf(value, scale).join(",") + ")";
  });
  bar.style.background = "linear-gradient(90deg," + steps.join(",") + ")";
  if (scale.limit === 0) element.replaceChildren("0 everywhere");
  else element.replaceChildren(shown(scale.signed ? -scale.limit : 0, 3), bar, shown(scale.limit, 3));
}

// Significant digits, a true minus sign, no exponent where it can be helped.
function shown(value, digits = 4) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return String(value).replace("-", "−");
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(Math.max(0, digits - 2)) : Number(value.toPrecision(digits)).toString();
  return text.replace(/-/g, "−").replace("e+", "e");
}

function ink(colour) {
  return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 115 ? "#14181f" : "#ffffff";
}

function tint(element, value, scale) {
  const colour = colourOf(value, scale);
  element.style.background = "rgb(" + colour.join(",") + ")";
  element.style.color = ink(colour);
}

function placeBox(box, top, left, height, width, rows, columns) {
  box.hidden = false;
  box.style.top = 100 * top / rows + "%";
  box.style.left = 100 * left / columns + "%";
  box.style.height = 100 * height / rows + "%";
  box.style.width = 100 * width / columns + "%";
}

function make(name, words, className) {
  const element = document.createElement(name);
  if (words !== undefined) element.textContent = words;
  if (className) element.className = className;
  return element;
}
