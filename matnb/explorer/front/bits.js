// Sets of items as bits: item number r is in the set when bit r is 1 (bit 0 is the lowest bit of byte 0).

export class Bits {
  constructor(length, bytes = new Uint8Array((length + 7) >> 3)) {
    this.length = length;
    this.bytes = bytes;
  }

  static all(length) {
    const bits = new Bits(length);
    bits.bytes.fill(255);
    return bits.trim();
  }

  static of(length, rows) {
    const bits = new Bits(length);
    for (const r of rows) bits.bytes[r >> 3] |= 1 << (r & 7);
    return bits;
  }

  static fromText(length, text) { // base64, as it travels to Python
    return new Bits(length, Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  }

  toText() {
    let text = '';
    for (let at = 0; at < this.bytes.length; at += 32768) {
      text += String.fromCharCode.apply(null, this.bytes.subarray(at, at + 32768));
    }
    return btoa(text);
  }

  trim() { // bits beyond the last item are 0, so that counting is counting bytes
    const used = this.length & 7;
    if (used) this.bytes[this.bytes.length - 1] &= (1 << used) - 1;
    return this;
  }

  has(r) { return (this.bytes[r >> 3] >> (r & 7)) & 1; }

  add(r) { this.bytes[r >> 3] |= 1 << (r & 7); }

  drop(r) { this.bytes[r >> 3] &= ~(1 << (r & 7)); }

  copy() { return new Bits(this.length, this.bytes.slice()); }

  and(other) { return this.#with(other, (a, b) => a & b); }

  or(other) { return this.#with(other, (a, b) => a | b); }

  without(other) { return this.#with(other, (a, b) => a & ~b); }

  #with(other, how) {
    const made = new Bits(this.length);
    for (let n = 0; n < made.bytes.length; n += 1) made.bytes[n] = how(this.bytes[n], other.bytes[n]);
    return made;
  }

  not() {
    const made = new Bits(this.length);
    for (let n = 0; n < made.bytes.length; n += 1) made.bytes[n] = ~this.bytes[n];
    return made.trim();
  }

  count() {
    let sum = 0;
    for (const byte of this.bytes) sum += ONES[byte];
    return sum;
  }

  equals(other) {
    return this.length === other.length && this.bytes.every((byte, n) => byte === other.bytes[n]);
  }

  rows() { // the numbers of the items, ascending
    const found = new Uint32Array(this.count());
    let at = 0;
    for (let n = 0; n < this.bytes.length; n += 1) {
      for (let byte = this.bytes[n]; byte; byte &= byte - 1) found[at++] = n * 8 + LOWEST[byte & -byte];
    }
    return found;
  }
}

const ONES = Uint8Array.from({ length: 256 }, (_, n) => n.toString(2).replaceAll('0', '').length);
const LOWEST = Uint8Array.from({ length: 256 }, (_, n) => Math.max(0, Math.log2(n & -n) | 0));
