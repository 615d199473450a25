// The part of a map that is in view: a middle, and how many pixels a unit of the map takes. Both axes have the same scale.

const ROOM = 0.06; // left free around a whole map,
const ROOM_FOR_PICTURES = 40; // and so many pixels around one of few points, so that pictures at its rim are whole, unless the map is small
const MOST_ROOM = 0.13;
const DEEPEST = 20000; // times the scale at which all of it is seen

export class MapWindow {
  constructor() { Object.assign(this, { x: 0, y: 0, scale: 1, width: 1, height: 1, whole: 1, ofAll: true }); }

  resize(width, height, box) { // what was across the shorter side stays there; all of it stays all of it
    const before = Math.min(this.width, this.height);
    [this.width, this.height] = [Math.max(1, width), Math.max(1, height)];
    this.scale *= Math.min(this.width, this.height) / before;
    if (!box) return;
    this.whole = this.#scaleFor(box);
    if (this.ofAll) this.fit(box);
  }

  fit(box) { // all of it; a box of nothing is taken for one unit
    [this.x, this.y] = [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2];
    this.scale = this.#scaleFor(box);
    [this.whole, this.ofAll] = [this.scale, true];
  }

  #scaleFor(box) {
    const [across, up] = [box.x1 - box.x0 || 1, box.y1 - box.y0 || 1];
    const least = box.few ? ROOM_FOR_PICTURES : 0;
    return Math.min(withRoom(this.width, least) / across, withRoom(this.height, least) / up);
  }

  get magnified() { return this.scale / this.whole; }

  toScreen(x, y) { return [(x - this.x) * this.scale + this.width / 2, this.height / 2 - (y - this.y) * this.scale]; }

  toMap(x, y) { return [(x - this.width / 2) / this.scale + this.x, (this.height / 2 - y) / this.scale + this.y]; }

  zoom(times, x = this.width / 2, y = this.height / 2) { // what is below the pointer stays there
    const [before, limits] = [this.toMap(x, y), [this.whole * 0.25, this.whole * DEEPEST]];
    this.scale = Math.max(limits[0], Math.min(limits[1], this.scale * times));
    const after = this.toMap(x, y);
    this.ofAll = false;
    this.x += before[0] - after[0];
    this.y += before[1] - after[1];
  }

  pan(right, down) {
    this.ofAll = false;
    this.x -= right / this.scale;
    this.y += down / this.scale;
  }

  see(x, y, margin = 40) { // move just far enough that a place is in view
    const [right, down] = this.toScreen(x, y);
    this.pan(inward(right, margin, this.width), inward(down, margin, this.height));
  }

  box() { // what of the map is in view
    const [[x0, y1], [x1, y0]] = [this.toMap(0, 0), this.toMap(this.width, this.height)];
    return { x0, y0, x1, y1 };
  }

  kept() { // nothing when all is seen, so that all is seen again in a window of another shape
    return this.ofAll ? {} : { middle: [this.x, this.y], span: Math.min(this.width, this.height) / this.scale };
  }

  restore({ middle, span }) {
    if (!(span > 0) || !middle?.every(Number.isFinite)) return;
    [this.x, this.y] = middle;
    this.ofAll = false;
    this.scale = Math.min(this.width, this.height) / span;
  }
}

function withRoom(extent, least) { return extent - 2 * Math.min(Math.max(ROOM * extent, least), MOST_ROOM * extent); }

function inward(at, margin, extent) {
  if (extent < 3 * margin) return 0;
  return at < margin ? margin - at : Math.min(0, extent - margin - at);
}
