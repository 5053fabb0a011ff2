"use strict";

function makeSortable(table) {
  const headers = Array.from(table.querySelectorAll("th[data-sort]"));
  const body = table.tBodies[0];
  for (const header of headers) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const now = header.getAttribute("aria-sort");
      const opposite = now === "ascending" ? "descending" : "ascending";
      const order = now ? opposite : header.dataset.sort;
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", order);
      const rows = Array.from(body.rows, (row) => ({row, key: sortKey(row.cells[header.cellIndex])}));
      rows.sort((a, b) => compare(a.key, b.key, order === "ascending" ? 1 : -1));
      body.append(...rows.map(({row}) => row));
    });
  }
}

function sortKey(cell) {
  const {value} = cell.dataset;
  if (value === undefined) return cell.textContent.trim();
  return value === "" ? null : Number(value);
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
}

function followPointer(chart) {
  const plot = chart.querySelector(".plot");
  const cursor = chart.querySelector(".cursor");
  const when = chart.querySelector(".when");
  const numEpochs = Number(chart.dataset.epochs);
  const lines = Array.from(chart.querySelectorAll("[data-values]"), (element) => (
    {element, last: element.textContent, values: JSON.parse(element.dataset.values)}
  ));
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const epoch = clamp(Math.floor((event.clientX - box.left) / box.width * numEpochs), numEpochs);
    const {x, y, width, height} = plot.getBBox();
    cursor.setAttribute("d", `M${x + (epoch + 0.5) / numEpochs * width},${y} v${height}`);
    cursor.removeAttribute("hidden");
    when.textContent = `epoch ${epoch + 1}`;
    for (const {element, values} of lines) element.textContent = values[epoch] ?? "–";
  });
  plot.addEventListener("pointerleave", () => {
    cursor.setAttribute("hidden", "");
    when.textContent = when.dataset.last;
    for (const {element, last} of lines) element.textContent = last;
  });
}

// As formats.format_share writes it.
function formatShare(share) {
  return share > 0 && share < 0.001 ? `${Number((100 * share).toPrecision(2))}%` : `${(100 * share).toFixed(1)}%`;
}

function formatValue(value) {
  const text = Math.abs(value).toFixed(2);
  return value < 0 && Number(text) > 0 ? `−${text}` : text;
}

function clamp(index, length) {
  return Math.min(length - 1, Math.max(0, index));
}

function readPixels(image) {
  const canvas = makeCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

function readGrey(image) {
  const pixels = readPixels(image);
  const values = new Uint8Array(pixels.length / 4);
  for (let i = 0; i < values.length; i++) values[i] = pixels[4 * i];
  return values;
}

function makeCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// A heatmap's 8-bit codes and what they stand for; see Picture in pictures.py.
function readMap(image) {
  const {step, lowest, highest} = image.dataset;
  return {
    codes: readGrey(image),
    zero: "signed" in image.dataset ? 128 : 0,
    step: Number(step),
    lowest: Number(lowest),
    highest: Number(highest),
  };
}

// In units of the map's scale, the middle of the code's level; from -1 to 1.
function valueOf(map, code) {
  return (code - map.zero + map.step / 2) / (256 - map.zero);
}

// The first code that is above a threshold; above 0, if not above it, is the next level.
function firstAbove(map, threshold) {
  return map.zero + Math.max(1, Math.round(threshold * (256 - map.zero) / map.step)) * map.step;
}

const PLACES = {  // a value's colour map, and its place there from 0 to 1
  absolute: ["viridis", (value) => value],
  fair: ["seismic", (value) => (value + 1) / 2],
  paper: ["viridis", (value, {lowest, highest}) => (value - lowest) / (highest - lowest || 1)],
};

// The colour of each code.
function makeColours(map, colourMaps, mode) {
  const [name, place] = PLACES[mode];
  return Uint32Array.from({length: 256}, (_, code) => (
    colourMaps[name][clamp(Math.floor(place(valueOf(map, code), map) * 256), 256)]
  ));
}

function outline(image) {
  const {naturalWidth: width, naturalHeight: height} = image;
  const inside = readGrey(image);
  const isInside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && inside[y * width + x];
  const canvas = makeCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "#d100ff";
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isEdge = !isInside(x, y) && (isInside(x - 1, y) || isInside(x + 1, y) || isInside(x, y - 1) || isInside(x, y + 1));
      if (isEdge) context.fillRect(x, y, 1, 1);
    }
  }
  return canvas;
}

function replaceByCanvas(image) {
  const canvas = makeCanvas(image.naturalWidth, image.naturalHeight);
  canvas.dataset.view = image.dataset.view;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", image.alt);
  image.replaceWith(canvas);
  return canvas;
}

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

// Draws an example's tiles anew whenever the controls change, and follows the pointer.
function showExample(example, colourMaps) {
  const image = example.querySelector(".image");
  const target = example.querySelector(".target");
  const edge = target && outline(target);
  const maps = Array.from(example.querySelectorAll(".map"), (element) => {
    const map = readMap(element);
    const probe = element.nextElementSibling;
    return {map, probe, canvas: replaceByCanvas(element)};
  });
  const {width, height} = maps[0].canvas;
  const tiles = maps.concat(
    {canvas: replaceByCanvas(image)},
    Array.from(example.querySelectorAll("canvas[data-view=overlay], canvas[data-view=above]"), (canvas) => ({map: maps[0].map, canvas})),
  );
  const scratch = makeCanvas(width, height);
  const share = example.querySelector(".share");

  function draw({map, canvas}, threshold, mode, isOutlined) {
    const {view} = canvas.dataset;
    const context = canvas.getContext("2d");
    const isCut = view === "cut" && threshold > 0;
    context.clearRect(0, 0, width, height);
    if (view === "image" || view === "overlay" || isCut) {
      context.globalAlpha = isCut ? 0.3 : 1;
      context.drawImage(image, 0, 0, width, height);
    }
    if (map) {
      const first = firstAbove(map, threshold);
      let colours = makeColours(map, colourMaps, mode);
      if (isCut) colours = colours.map((colour, code) => code < first ? 0 : colour);
      if (view === "above") colours = colours.map((_, code) => colourMaps.viridis[code < first ? 0 : 255]);
      const pixels = new Uint32Array(map.codes.length);  // a loop: many times faster than a callback
      for (let i = 0; i < pixels.length; i++) pixels[i] = colours[map.codes[i]];
      scratch.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width), 0, 0);
      context.globalAlpha = view === "overlay" ? 0.6 : 1;  // as `keras-xai explain` blends
      context.drawImage(scratch, 0, 0);
    }
    context.globalAlpha = 1;
    if (isOutlined && edge) context.drawImage(edge, 0, 0);
  }

  let column = Math.floor(width / 2);
  let row = Math.floor(height / 2);

  function probe() {
    example.classList.add("probing");
    example.style.setProperty("--x", `${100 * (column + 0.5) / width}%`);
    example.style.setProperty("--y", `${100 * (row + 0.5) / height}%`);
    for (const {map, probe} of maps) {
      const half = map.step > 1 ? ` ± ${formatValue(map.step / 2 / (256 - map.zero))}` : "";
      probe.textContent = formatValue(valueOf(map, map.codes[row * width + column])) + half;
    }
  }

  function stopProbing() {
    example.classList.remove("probing");
    for (const {probe} of maps) probe.textContent = "";
  }

  function point(event) {
    const stack = event.target.closest(".stack");
    if (!stack) return stopProbing();
    const box = stack.getBoundingClientRect();
    column = clamp(Math.floor((event.clientX - box.left) / box.width * width), width);
    row = clamp(Math.floor((event.clientY - box.top) / box.height * height), height);
    probe();
  }

  example.addEventListener("pointermove", point);
  example.addEventListener("pointerdown", point);
  example.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") stopProbing();  // a lifted finger leaves the values
  });
  document.addEventListener("pointerdown", (event) => {
    if (!example.contains(event.target)) stopProbing();
  });
  const canvas = maps[0].canvas;
  canvas.tabIndex = 0;
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) probe();
  });
  canvas.addEventListener("blur", stopProbing);
  canvas.addEventListener("keydown", (event) => {
    const [right, down] = ARROWS[event.key] ?? [0, 0];
    if (!right && !down) return;
    event.preventDefault();  // to scroll
    const step = event.shiftKey ? 10 : 1;
    column = clamp(column + step * right, width);
    row = clamp(row + step * down, height);
    probe();
  });

  return (threshold, mode, isOutlined) => {
    for (const tile of tiles) draw(tile, threshold, mode, isOutlined);
    if (share) {
      const {map} = maps[0];
      const first = firstAbove(map, threshold);
      const numAbove = map.codes.filter((code) => code >= first).length;
      share.textContent = formatShare(numAbove / map.codes.length);
    }
  };
}

function showMaps(maps, colourMaps) {
  const updates = Array.from(maps.querySelectorAll(".example"), (example) => showExample(example, colourMaps));
  const slider = maps.querySelector(".slider");
  const outlined = maps.querySelector(".outline");
  const colours = Array.from(maps.querySelectorAll("[name^=colours]"));
  let isWaiting = false;
  const update = () => {
    isWaiting = false;
    const threshold = slider.valueAsNumber;
    const mode = colours.find((input) => input.checked)?.value ?? "absolute";
    updates.forEach((show) => show(threshold, mode, outlined?.checked));
    maps.querySelectorAll(".threshold").forEach((element) => { element.textContent = threshold.toFixed(2); });
  };
  const request = () => {
    if (!isWaiting) requestAnimationFrame(update);
    isWaiting = true;
  };
  for (const input of [slider, outlined, ...colours]) if (input) input.addEventListener("input", request);
  for (const input of maps.querySelectorAll("[name^=filter]")) {
    input.addEventListener("input", () => {
      for (const example of maps.querySelectorAll(".example")) {
        example.hidden = input.value !== "all" && !example.dataset.kinds.split(" ").includes(input.value);
      }
    });
  }
  update();
}

async function start() {
  document.documentElement.classList.add("with-script");
  document.querySelectorAll(".sortable").forEach(makeSortable);
  document.querySelectorAll(".chart").forEach(followPointer);
  await Promise.all(Array.from(document.images, (image) => image.decode()));
  const colourMaps = Object.fromEntries(Array.from(document.querySelectorAll(".colour-map"), (image) => (
    [image.dataset.name, new Uint32Array(readPixels(image).buffer)]
  )));
  document.querySelectorAll(".maps").forEach((maps) => showMaps(maps, colourMaps));
  document.documentElement.classList.add("is-ready");
}

start();
