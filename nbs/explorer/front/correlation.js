// Spearman's rank correlation: whether one quantity grows with another, on whatever scale (C. Spearman, Am. J. Psychol.
// 15, 72, 1904). Among very many items it is taken from a sample.

const SAMPLED_FOR_RANKS = 40000;
const LEAST_RANKED = 5;

export function rankCorrelation(across, up) { // of values without gaps; { rho, count, sampled } or null
  const count = across.length;
  if (count < LEAST_RANKED) return null;
  const every = Math.max(1, Math.ceil(count / SAMPLED_FOR_RANKS));
  const [x, y] = [across, up].map((values) => ranksOf(everyNth(values, every)));
  const rho = linearCorrelation(x, y);
  return Number.isFinite(rho) ? { rho, count, sampled: every > 1 ? x.length : 0 } : null;
}

function everyNth(values, every) {
  if (every === 1) return values;
  return Float64Array.from({ length: Math.ceil(values.length / every) }, (_, n) => values[n * every]);
}

export function ranksOf(values) { // equal values share their mean rank
  const sorted = Float64Array.from(values).sort(); // without a function that compares, which would take ten times as long
  const ranks = new Float64Array(values.length);
  for (let n = 0; n < values.length; n += 1) ranks[n] = (countBelow(sorted, values[n], false) + countBelow(sorted, values[n], true) - 1) / 2;
  return ranks;
}

function countBelow(sorted, value, orEqual) { // by halving
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value || (orEqual && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function linearCorrelation(x, y) { // NaN where one of the two never varies
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [middleX, middleY] = [mean(x), mean(y)];
  let [both, alongX, alongY] = [0, 0, 0];
  for (let n = 0; n < x.length; n += 1) {
    const [a, b] = [x[n] - middleX, y[n] - middleY];
    both += a * b;
    alongX += a * a;
    alongY += b * b;
  }
  return both / Math.sqrt(alongX * alongY);
}

export function sayCorrelation(found, written) {
  if (!found) return '';
  const sample = found.sampled ? `, from ${written(found.sampled)} of them` : '';
  return `ρ = ${found.rho.toFixed(2).replace('-0.00', '0.00').replace('-', '−')} (n = ${written(found.count)}${sample})`;
}
