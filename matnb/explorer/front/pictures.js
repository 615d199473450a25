// Pictures of items: asked for in small batches, newest wish first, kept while there is room, coloured in the browser,
// so that another colour map needs nothing from Python. Level 0 is what was not measured: it stays transparent.

import { colourTable } from './colours.js';
import { oncePerFrame } from './dom.js';

const PICTURES_KEPT = 3000;
const PIXELS_KEPT = 32e6;
const WISHES_KEPT = 400;
const REQUESTS_AT_ONCE = 2;
const BATCH_LEAST = 16;
const BATCH_MOST = 60;
const BATCH_TIME = 120; // milliseconds that a batch may take, so that a picture under the pointer never waits long
const LOST_AFTER = 60000; // milliseconds after which an answer is no longer waited for
const PICTURE_SIZES = [48, 96, 128, 192, 256, 384];

export function picturesOf(store) { // one collection for all parts of a page
  if (!OF_STORES.has(store)) OF_STORES.set(store, new Pictures(store));
  return OF_STORES.get(store);
}

const OF_STORES = new WeakMap();

export function pictureSize(points) { // the size to ask for, for a picture that is so many CSS pixels long
  const needed = points * Math.min(2, globalThis.devicePixelRatio ?? 1);
  return PICTURE_SIZES.find((size) => size >= needed * 0.9) ?? PICTURE_SIZES.at(-1);
}

export class Pictures {
  #store;
  #kept = new Map(); // key -> picture, in the order of last use
  #pixels = 0;
  #wished = new Map(); // key -> { row, size, channel, who }, newest last
  #asked = new Set(); // keys on their way
  #waiters = new Map(); // key -> [resolve]
  #requests = 0;
  #batch = 24;
  #age = 0; // grows when all are dropped, so that late answers are known as such
  #ratio = 1;
  #scratch = null;
  #send = oncePerFrame(() => this.#sendWishes());

  constructor(store) {
    this.#store = store;
    store.on('scene', () => this.drop());
    store.on('picture', () => this.#forgetWishes((wish) => wish.who !== 'load' && wish.channel !== store.picture.channel));
  }

  // --- Looking

  get ratio() { return this.#ratio; } // wide over high of the last picture: the proportions to leave room for

  get(row, size) { // the picture if it is here (or one of another size meanwhile), else null; starts loading
    const found = this.about(row, size);
    if (!found) this.#wish(row, size, '');
    return this.seen(row, size);
  }

  seen(row, size, channel = this.#store.picture.channel) { // the same, but asks for nothing
    const found = this.about(row, size, channel);
    if (found) return found.failed ? null : this.#painted(found);
    return this.largest(row, channel);
  }

  about(row, size, channel = this.#store.picture.channel) { // what is known: { row, alt, label, width, failed, high, wide, levels }, or null; asks for nothing
    const key = this.#key(row, size, channel);
    const found = this.#kept.get(key);
    if (!found) return null;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found;
  }

  want(rows, size, who = 'view') { // these soon, the first first; what the same one wanted before and did not get is forgotten
    this.#forgetWishes((wish) => wish.who === who);
    for (const row of Array.from(rows.slice(0, WISHES_KEPT)).reverse()) this.#wish(row, size, who);
  }

  load(row, size, who = '', channel = this.#store.picture.channel) { // a promise of { canvas, alt, label, width, failed }
    if (who) this.#forgetWishes((wish) => wish.who === who); // those promises give null
    const found = this.about(row, size, channel);
    if (found) return Promise.resolve(this.#shown(found));
    return new Promise((resolve) => {
      const key = this.#key(row, size, channel);
      this.#waiters.set(key, [...(this.#waiters.get(key) ?? []), resolve]);
      this.#wish(row, size, who || 'load', channel);
    });
  }

  drop() { // all of them: rows of another edition are other items
    this.#age += 1;
    this.#kept.clear();
    this.#asked.clear();
    this.#pixels = 0;
    this.#requests = 0;
    this.#forgetWishes(() => true);
    for (const key of [...this.#waiters.keys()]) this.#settle(key, null);
  }

  largest(row, channel) { // the largest picture that is here, of any size; asks for nothing
    for (const size of PICTURE_SIZES.toReversed()) {
      const found = this.#kept.get(this.#key(row, size, channel));
      if (found && !found.failed) return this.#painted(found);
    }
    return null;
  }

  labelOf(row) { // what stands under its picture, if one of any size is here
    for (const size of PICTURE_SIZES) {
      const { label } = this.#kept.get(this.#key(row, size, this.#store.picture.channel)) ?? {};
      if (label) return label;
    }
    return '';
  }

  #shown(picture) { return { ...picture, canvas: picture.failed ? null : this.#painted(picture) }; }

  #painted(picture) { // its canvas in the colours of now
    const { colours } = this.#store.picture;
    if (picture.colours !== colours) {
      picture.canvas ??= Object.assign(document.createElement('canvas'), { width: picture.wide, height: picture.high });
      paintLevels(picture.canvas, picture.levels, colours);
      picture.colours = colours;
    }
    return picture.canvas;
  }

  // --- Wishing

  #key(row, size, channel) { return `${row} ${size} ${channel}`; }

  #wish(row, size, who, channel = this.#store.picture.channel) {
    const key = this.#key(row, size, channel);
    if (this.#kept.has(key) || this.#asked.has(key)) return;
    const awaited = this.#waiters.has(key) ? this.#wished.get(key)?.who : null; // not forgotten by someone else
    this.#wished.delete(key);
    this.#wished.set(key, { row, size, channel, who: awaited ?? who });
    if (this.#wished.size > WISHES_KEPT) this.#forget(this.#wished.keys().next().value);
    this.#send();
  }

  #forgetWishes(which) {
    for (const [key, wish] of [...this.#wished]) if (which(wish)) this.#forget(key);
  }

  #forget(key) {
    this.#wished.delete(key);
    this.#settle(key, null);
  }

  #settle(key, picture) {
    const waiters = this.#waiters.get(key) ?? [];
    this.#waiters.delete(key);
    for (const resolve of waiters) resolve(picture && this.#shown(picture));
  }

  // --- Asking

  #sendWishes() {
    while (this.#wished.size && this.#requests < REQUESTS_AT_ONCE) this.#request(this.#nextBatch());
  }

  #nextBatch() { // the newest wishes that one request can carry
    const newest = [...this.#wished].reverse();
    const { size, channel } = newest[0][1];
    const batch = newest.filter(([, wish]) => wish.size === size && wish.channel === channel).slice(0, this.#batch);
    for (const [key] of batch) { this.#wished.delete(key); this.#asked.add(key); }
    return { size, channel, keys: new Map(batch.map(([key, wish]) => [wish.row, key])) };
  }

  async #request({ size, channel, keys }) {
    const [age, began] = [this.#age, performance.now()];
    this.#requests += 1;
    let open = true;
    const close = () => {
      if (open && age === this.#age) { this.#requests -= 1; for (const key of keys.values()) this.#asked.delete(key); this.#send(); }
      open = false;
    };
    const timer = setTimeout(close, LOST_AFTER);
    const pictures = await this.#answer({ rows: [...keys.keys()], channel, size });
    clearTimeout(timer);
    if (age === this.#age) this.#take(pictures, keys);
    close();
    this.#pace(performance.now() - began, keys.size);
  }

  #pace(took, count) {
    const right = Math.round(this.#batch * (BATCH_TIME / Math.max(took, 1)));
    if (count >= this.#batch || took > BATCH_TIME) this.#batch = Math.min(BATCH_MOST, Math.max(BATCH_LEAST, right));
  }

  async #answer(wanted) { // pictures in the order of the answer; a refusal is the failure of each of them
    try {
      const { message, buffers } = await this.#store.ask('thumbnails', wanted);
      return await Promise.all(ofAnswer(message, buffers).map((picture) => this.#decoded(picture)));
    } catch (error) {
      return wanted.rows.map((row) => ({ row, alt: '', label: '', width: null, failed: error.message || 'No picture.' }));
    }
  }

  async #decoded({ bytes, ...picture }) {
    if (picture.failed) return picture;
    try {
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }), { colorSpaceConversion: 'none' });
      const { width: wide, height: high } = bitmap;
      return { ...picture, wide, high, levels: this.#levelsOf(bitmap) };
    } catch { return { ...picture, failed: 'The browser could not read this picture.' }; }
  }

  #levelsOf(bitmap) {
    this.#scratch ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const { canvas } = this.#scratch;
    if (canvas.width < bitmap.width) canvas.width = bitmap.width;
    if (canvas.height < bitmap.height) canvas.height = bitmap.height;
    this.#scratch.drawImage(bitmap, 0, 0);
    const { data } = this.#scratch.getImageData(0, 0, bitmap.width, bitmap.height);
    bitmap.close();
    const levels = new Uint8Array(data.length / 4);
    for (let n = 0; n < levels.length; n += 1) levels[n] = data[n * 4];
    return levels;
  }

  // --- Keeping

  #take(pictures, keys) {
    for (const picture of pictures) {
      const key = keys.get(picture.row);
      if (key === undefined) continue;
      this.#kept.set(key, picture);
      if (picture.levels) this.#ratio = picture.wide / picture.high;
      this.#pixels += picture.levels?.length ?? 0;
      this.#settle(key, picture);
    }
    for (const key of keys.values()) if (!this.#kept.has(key)) this.#settle(key, null);
    this.#makeRoom(pictures.length);
    this.#store.emit('pictures', pictures.map((picture) => picture.row));
  }

  #makeRoom(newest) {
    for (const [key, picture] of this.#kept) {
      if (this.#kept.size <= newest || (this.#kept.size <= PICTURES_KEPT && this.#pixels <= PIXELS_KEPT)) return;
      this.#pixels -= picture.levels?.length ?? 0;
      this.#kept.delete(key);
    }
  }
}

function ofAnswer(message, buffers) { // failed ones may or may not have an (empty) buffer of their own
  const failed = message.failed ?? {};
  let at = 0;
  return message.rows.map((row, n) => {
    const own = buffers.length === message.rows.length;
    const bytes = own ? buffers[n] : failed[row] ? null : buffers[at++];
    const said = { alt: message.alts[n] ?? '', label: message.labels[n] ?? '', width: message.widths[n] ?? null };
    return { row, bytes, ...said, failed: failed[row] ?? (bytes ? '' : 'No picture came for this item.') };
  });
}

export function paintLevels(canvas, levels, colours) { // levels 1..255 in a colour map's colours, 0 left transparent
  const table = colourTable(colours, 255);
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const words = new Uint32Array(256);
  for (let n = 1; n < 256; n += 1) {
    const at = (n - 1) * 3;
    words[n] = (0xff000000 | (table[at + 2] << 16) | (table[at + 1] << 8) | table[at]) >>> 0;
  }
  for (let n = 0; n < levels.length; n += 1) pixels[n] = words[levels[n]];
  canvas.getContext('2d').putImageData(image, 0, 0);
}
