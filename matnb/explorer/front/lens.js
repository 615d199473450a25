// Where a scan is on the screen: in points of the scan as it was measured, so that a finer or coarser copy of it can be
// put underneath. Points that are not square are drawn in their true proportions.

const CLOSEST = 48; // CSS pixels per point of the scan

export class Lens {
  constructor() {
    Object.assign(this, { wide: 1, high: 1, aspect: 1, across: 1, down: 1, zoom: 1, left: 0, top: 0, fitted: true });
  }

  hold(wide, high, aspect) { // another scan; aspect: height of a point over its width
    const same = wide === this.wide && high === this.high && aspect === this.aspect;
    Object.assign(this, { wide, high, aspect });
    if (!same || this.fitted) this.fit();
  }

  frame(across, down) { // CSS pixels to draw on
    Object.assign(this, { across, down });
    if (this.fitted) this.fit(); else this.settle();
  }

  get least() { return Math.min(this.across / this.wide, this.down / (this.high * this.aspect)); }

  fit() {
    this.zoom = this.least;
    this.fitted = true;
    this.settle();
  }

  zoomAt(x, y, factor) { // the point under (x, y) stays there; false when nothing changed
    const [column, line] = this.scanAt(x, y);
    const zoom = Math.max(this.least, Math.min(this.zoom * factor, Math.max(CLOSEST, this.least)));
    if (zoom === this.zoom) return false;
    Object.assign(this, { zoom, left: x - column * zoom, top: y - line * zoom * this.aspect, fitted: zoom <= this.least });
    this.settle();
    return true;
  }

  move(x, y) {
    this.left += x;
    this.top += y;
    this.settle();
  }

  settle() { // never beside the scan; in the middle when it is smaller than the frame
    const [wide, high] = [this.wide * this.zoom, this.high * this.zoom * this.aspect];
    this.left = wide <= this.across ? (this.across - wide) / 2 : Math.min(0, Math.max(this.left, this.across - wide));
    this.top = high <= this.down ? (this.down - high) / 2 : Math.min(0, Math.max(this.top, this.down - high));
  }

  show(column, line) { // bring a point into sight
    const [x, y] = this.screenAt(column, line);
    this.move(x < 0 ? -x + 20 : x > this.across ? this.across - x - 20 : 0, y < 0 ? -y + 20 : y > this.down ? this.down - y - 20 : 0);
  }

  scanAt(x, y) { return [(x - this.left) / this.zoom, (y - this.top) / (this.zoom * this.aspect)]; }

  screenAt(column, line) { return [this.left + column * this.zoom, this.top + line * this.zoom * this.aspect]; }

  get place() { return [this.left, this.top, this.wide * this.zoom, this.high * this.zoom * this.aspect]; }

  get sight() { // the part of the scan that is seen
    const [[left, top], [right, bottom]] = [this.scanAt(0, 0), this.scanAt(this.across, this.down)];
    return { left: Math.max(0, left), top: Math.max(0, top), right: Math.min(this.wide, right), bottom: Math.min(this.high, bottom) };
  }

  inside(column, line) { return column >= 0 && line >= 0 && column < this.wide && line < this.high; }
}
