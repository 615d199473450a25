// From one step to the next: points that both have travel from where they were to where they are, others fade.

const JOURNEY = 600; // milliseconds
const SHARES = 10; // of fading
export const TRAVELLING_UNTIL = 200000; // points; beyond, one picture fades into the other

export class Journey {
  constructor(before, after, now) { // both are projected to the screen
    this.before = before;
    this.began = now;
    [this.fromX, this.fromY] = [new Float32Array(after.count), new Float32Array(after.count)];
    [this.toX, this.toY] = [after.xs.slice(), after.ys.slice()];
    this.#match(before, after);
    const leaves = (n) => after.pointOf(before.step.rows[n]) < 0;
    this.leaving = before.order.filter(leaves);
    this.leavingGrey = before.order.subarray(0, before.split).filter(leaves).length;
    this.shown = 0;
    this.staying = new Uint8Array(after.count).map((_, n) => Number(this.fromX[n] === this.fromX[n]));
  }

  #match(before, after) {
    for (let n = 0; n < after.count; n += 1) {
      const old = before.pointOf(after.step.rows[n]);
      this.fromX[n] = old < 0 ? NaN : before.xs[old];
      this.fromY[n] = old < 0 ? NaN : before.ys[old];
    }
  }

  step(after, now) { // puts the points where they are at this moment; gives how far the journey is, 0 to 1
    const share = Math.min(1, (now - this.began) / JOURNEY);
    const eased = share * share * (3 - 2 * share);
    const { fromX, fromY, toX, toY } = this;
    for (let n = 0; n < after.count; n += 1) {
      const stays = this.staying[n];
      after.xs[n] = stays ? fromX[n] + (toX[n] - fromX[n]) * eased : toX[n];
      after.ys[n] = stays ? fromY[n] + (toY[n] - fromY[n]) * eased : toY[n];
    }
    this.shown = Math.round(eased * SHARES) / SHARES;
    return share;
  }

  part(order, split, staying) { // those that stay, or those that come, in their order
    if (this.parted !== order) [this.parted, this.parts] = [order, [0, 1].map((n) => this.#part(order, split, n))];
    return this.parts[staying];
  }

  #part(order, split, staying) {
    const kept = order.filter((n) => this.staying[n] === staying);
    let grey = 0;
    for (let k = 0; k < split; k += 1) if (this.staying[order[k]] === staying) grey += 1;
    return [kept, grey];
  }
}

export function wantsStillness() { return window.matchMedia?.('(prefers-reduced-motion: reduce)').matches ?? false; }

export function fadeOut(canvas, picture) { // the last picture, over the new one, while it fades
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext('2d').drawImage(picture, 0, 0);
  canvas.style.transition = 'none';
  canvas.style.opacity = '1';
  requestAnimationFrame(() => requestAnimationFrame(() => {
    canvas.style.transition = 'opacity 250ms';
    canvas.style.opacity = '0';
  }));
}
