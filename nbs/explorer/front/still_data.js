// An exported page: what Python would have answered, as far as it was written into the page. Data stand in tags that no
// browser runs, as base64 of compressed bytes, and each is stillBytes when it is first needed.

import { Bits } from './bits.js';
import { sayCount, sayDate, sayQuantity } from './units.js';

export class StillData {
  #page;
  #found = new Map();

  constructor(page) { // page: the element in which the tags are
    this.#page = page;
    this.part = 'explorer';
    this.theme = 'auto';
    this.answer = (kind, body) => this[STILL_ANSWERS[kind]]?.(body) ?? null;
  }

  on() {} // nothing is ever told by anybody else

  off() {}

  // --- What is in the page

  bytes(name) { // a promise; null where there is no such tag
    const tag = this.#page.querySelector(`script[data-name="${name}"]`);
    if (!tag) return Promise.resolve(null);
    if (!this.#found.has(name)) this.#found.set(name, stillBytes(tag.textContent));
    return this.#found.get(name);
  }

  async read(name) {
    const bytes = await this.bytes(name);
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  }

  // --- Answers

  async scene() {
    this.told ??= await this.read('scene');
    return { message: { ...this.told, live: false }, buffers: [] };
  }

  async places({ step }) {
    const told = await this.read(`places-${step}`);
    if (!told) return null;
    return { message: told, buffers: [await this.bytes(`rows-${step}`), await this.bytes(`at-${step}`)] };
  }

  async columns({ facets }) {
    const columns = (await this.read('columns')).filter((column) => facets.includes(column.name));
    const buffers = await Promise.all(columns.map((column) => this.bytes(`column-${column.number}`)));
    return { message: { kind: 'columns', columns }, buffers };
  }

  async thumbnails({ rows }) {
    const found = await Promise.all(rows.map((row) => this.picture(row)));
    const failed = Object.fromEntries(rows.flatMap((row, n) => (found[n] ? [] : [[row, NO_STILL_PICTURE]])));
    const all = (name, without) => found.map((picture) => picture?.[name] ?? without);
    const message = { kind: 'thumbnails', rows, shapes: all('shape', [0, 0]), widths: all('width', null), alts: all('alt', NO_STILL_PICTURE), labels: all('label', ''), channels: all('channel', ''), failed };
    return { message, buffers: found.map((picture) => picture?.png ?? new Uint8Array()) };
  }

  async picture(row) { // null for an item without one
    this.pictures ??= this.read('pictures').then((told) => new Map(told.map((picture) => [picture.row, picture])));
    const told = (await this.pictures).get(row);
    if (!told) return null;
    const pack = await this.bytes(`pack-${told.pack}`);
    return { ...told, png: pack.slice(told.from, told.from + told.bytes) };
  }

  async plane({ row }) { // the numbers, as well as 255 levels of grey can say them
    const told = await this.picture(row);
    if (!told || told.low === null) return null;
    const levels = await stillLevels(told.png);
    const values = new Float32Array(levels.length);
    const step = (told.high - told.low) / 254;
    for (let n = 0; n < levels.length; n += 1) values[n] = levels[n] ? told.low + (levels[n] - 1) * step : NaN;
    const { png, pack, from, bytes, ...message } = told;
    return { message: { kind: 'plane', fits: true, ...message }, buffers: [new Uint8Array(values.buffer)] };
  }

  async card({ row }) {
    const [names, columns] = await Promise.all([this.read('items'), this.read('columns')]);
    const facets = await Promise.all(columns.map(async (column) => ({ name: column.name, label: column.label.replace(/ \(.*\)$/, ''), value: await this.#value(column, row) })));
    const picture = await this.picture(row);
    const label = names.labels[row] ?? `item ${names.ids[row]}`;
    const message = {
      kind: 'card', row, id: names.ids[row], label, alt: picture?.alt ?? NO_STILL_PICTURE, simulated: names.simulated.includes(row), file: names.files[row] ?? '',
      facets: facets.filter((facet) => facet.value !== ''), channels: picture ? [{ name: picture.channel, unit: picture.unit, low: picture.low, high: picture.high }] : [],
      trouble: picture ? '' : NO_STILL_PICTURE, shape: picture?.of ?? [], pixel_size: null, size_said: '', metadata: {}, history: [],
      provenance: [{ name: 'exported page', label: 'exported page', value: 'Metadata, history and further channels are in the corpus.' }], vectors: [], encoders: [], tags: [], notes: '',
    };
    return { message, buffers: [] };
  }

  async #value(column, row) { // in words; '' for missing
    const bytes = await this.bytes(`column-${column.number}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const value = STILL_READERS[column.stored](view, row);
    if (column.words) return column.words[value];
    if (!Number.isFinite(value)) return '';
    return column.kind === 'date' ? sayDate(value) : sayQuantity(value, column.unit);
  }

  async words({ text }) { // in categories and names; as in Python each word must occur somewhere
    const [names, columns] = await Promise.all([this.read('items'), this.read('columns')]);
    const found = Bits.all(this.told.count);
    for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
      const here = await this.#mention(word, names, columns.filter((column) => column.words));
      for (let n = 0; n < found.bytes.length; n += 1) found.bytes[n] &= here.bytes[n];
    }
    const count = found.count();
    return { message: { kind: 'words', said: `${sayCount(count)} items; texts are not searched in an exported page`, count }, buffers: [found.bytes] };
  }

  async #mention(word, names, columns) {
    const bits = new Bits(this.told.count);
    names.files.forEach((file, row) => { if (file.toLowerCase().includes(word)) bits.add(row); });
    for (const column of columns) {
      const wanted = column.words.map((each) => each.toLowerCase().includes(word));
      const bytes = await this.bytes(`column-${column.number}`);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let row = 0; row < bits.length; row += 1) if (wanted[STILL_READERS[column.stored](view, row)]) bits.add(row);
    }
    return bits;
  }

  async code() { return { message: { kind: 'code', ...await this.read('code') }, buffers: [] }; }

  async go({ step }) { // steps that were mapped are in the page
    if (!this.told.steps.some((each) => each.number === step)) return null;
    this.told = { ...this.told, current: step };
    const { steps, current, undo, redo, edition } = this.told;
    this.tell({ kind: 'steps', edition, steps, current, undo, redo, changed: false });
    return { message: { kind: 'stepped', step }, buffers: [] };
  }
}

const NO_STILL_PICTURE = 'There is no picture of this item in this page.';
const STILL_ANSWERS = { hello: 'scene', places: 'places', columns: 'columns', thumbnails: 'thumbnails', plane: 'plane', card: 'card', words: 'words', code: 'code', go: 'go' };
const STILL_READERS = {
  u1: (view, row) => view.getUint8(row), u2: (view, row) => view.getUint16(row * 2, true), u4: (view, row) => view.getUint32(row * 4, true),
  f4: (view, row) => view.getFloat32(row * 4, true), f8: (view, row) => view.getFloat64(row * 8, true),
};

async function stillBytes(text) { // base64 of gzip
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function stillLevels(png) {
  const bitmap = await createImageBitmap(new Blob([png], { type: 'image/png' }), { colorSpaceConversion: 'none' });
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  return pen.getImageData(0, 0, bitmap.width, bitmap.height).data.filter((_, n) => n % 4 === 0);
}
