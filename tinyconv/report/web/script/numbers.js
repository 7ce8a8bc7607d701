// The numbers that one convolution of the page computed with, for the image, layer and channel that are chosen.
class ConvolutionNumbers {
  constructor(data) {
    this.data = data;
    this.cache = new Map();
    this.image = 0;
    this.layer = 0;
    this.channel = 0;
    this.tap = 0;
  }

  // Arrays are unpacked when they are first looked at.
  numbers(key, text) {
    if (!this.cache.has(key)) this.cache.set(key, floats(text));
    return this.cache.get(key);
  }

  array(name) {
    const layer = this.data.layers[this.layer];
    if (name === "weight" || name === "bias") return this.numbers(this.layer + name, layer[name]);
    return this.numbers([this.layer, this.image, name].join(), layer.images[this.image][name]);
  }

  map(name) {
    const [, rows, columns] = this.data.layers[this.layer].output;
    const array = this.array(name);
    return array && array.subarray(this.channel * rows * columns, (this.channel + 1) * rows * columns);
  }

  last() {
    return this.array("activation") || this.array("z");
  }

  // The input channels that this result's kernel is laid over: those of its group.
  group() {
    const { input, groups, output, channels } = this.data.layers[this.layer];
    const width = input[0] / groups;
    const first = Math.floor(channels[this.channel] / (output[0] / groups)) * width;
    return { first, width };
  }

  // The patch below the kernel at a cell: its values, null outside the input, where they count as 0.
  patch(c, [i, j]) {
    const { stride, padding, dilation, kernel, input } = this.data.layers[this.layer];
    const x = this.array("x");
    const values = [];
    for (let r = 0; r < kernel[0]; r++) {
      for (let s = 0; s < kernel[1]; s++) {
        const h = i * stride[0] + r * dilation[0] - padding[0];
        const w = j * stride[1] + s * dilation[1] - padding[1];
        const inside = h >= 0 && h < input[1] && w >= 0 && w < input[2];
        values.push(inside ? x[(c * input[1] + h) * input[2] + w] : null);
      }
    }
    return values;
  }

  kernel(c) {
    const { kernel } = this.data.layers[this.layer];
    const { first, width } = this.group();
    const taps = kernel[0] * kernel[1];
    const start = (this.channel * width + c - first) * taps;
    return this.array("weight").subarray(start, start + taps);
  }

  gradients(c) {
    const { kernel } = this.data.layers[this.layer];
    const { first, width } = this.group();
    const taps = kernel[0] * kernel[1];
    const start = (this.channel * width + c - first) * taps;
    const all = this.array("gradient");
    return all && all.subarray(start, start + taps);
  }

  contributions() {
    const { first, width } = this.group();
    return Array.from({ length: width }, (_, n) => {
      const weights = this.kernel(first + n);
      return this.patch(first + n, this.cell).reduce((sum, value, tap) => sum + (value || 0) * weights[tap], 0);
    });
  }

  // What the weight at the chosen tap was multiplied with at a cell.
  tapValue(c, i, j) {
    const { stride, padding, dilation, kernel, input } = this.data.layers[this.layer];
    const h = i * stride[0] + Math.floor(this.tap / kernel[1]) * dilation[0] - padding[0];
    const w = j * stride[1] + (this.tap % kernel[1]) * dilation[1] - padding[1];
    return h >= 0 && h < input[1] && w >= 0 && w < input[2] ? this.array("x")[(c * input[1] + h) * input[2] + w] : 0;
  }
}
