// Numbers as people read them: SI prefixes, dates, distances, shares, and round lengths for scale bars.

const PREFIXES = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k'], [1, ''], [1e-3, 'm'], [1e-6, 'µ'], [1e-9, 'n'], [1e-12, 'p'], [1e-15, 'f']];
const PREFIXED = new Set(['m', 'V', 'A', 's', 'Hz', 'N', 'F', 'C', 'W', 'J', 'Pa', 'T', 'S', 'eV', 'Ω', 'm/V', 'm/N', 'C/N', 'N/m', 'V/m']);

export function sayCount(number) { return number.toLocaleString('en-GB'); }

export function sayNumber(value, digits = 3) {
  if (!Number.isFinite(value)) return 'missing';
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)) return sayPower(value.toExponential(digits - 1));
  return String(Number(value.toPrecision(digits)));
}

function sayPower(text) { // 1.20e-6 as 1.2 × 10⁻⁶
  const [number, power] = text.split('e');
  const raised = power.replace('+', '').replace('-', '⁻').replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]);
  return `${Number(number)} × 10${raised}`;
}

export function takesPrefix(unit) { return PREFIXED.has(unit); }

export function prefixFor(largest, unit) { // what to divide by, and the unit with its prefix: (2e-6, 'm') -> [1e-6, 'µm']
  if (!PREFIXED.has(unit) || !Number.isFinite(largest) || largest === 0) return [1, unit];
  const [factor, prefix] = PREFIXES.find(([f]) => Math.abs(largest) >= f * 0.9999999) ?? PREFIXES.at(-1);
  return [factor, prefix + unit];
}

export function readQuantity(text, usual, unit) { // `20`, in the usual unit, or `20 nm`; NaN where it is no quantity
  const [, number, written] = text.match(/^([-+]?[\d.]+(?:e[-+]?\d+)?)\s*(\S*)$/i) ?? [];
  if (number === undefined) return NaN;
  const named = (written || usual).replace('μ', 'µ').replace(/^u(?=.)/, 'µ');
  if (named === unit) return Number(number);
  const [factor] = PREFIXES.find(([, prefix]) => PREFIXED.has(unit) && prefix + unit === named) ?? [NaN];
  return Number(number) * factor;
}

export function sayQuantity(value, unit) {
  if (!Number.isFinite(value)) return 'missing';
  const [factor, named] = prefixFor(value, unit);
  return `${sayNumber(value / factor)}${named ? ' ' : ''}${named}`;
}

export function sayDate(seconds) {
  if (!Number.isFinite(seconds)) return 'missing';
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

export function sayDistance(distance) {
  if (!Number.isFinite(distance)) return 'no distance';
  return distance >= 1 ? distance.toPrecision(3) : distance.toFixed(3);
}

export function scaleBar(extent, share = 0.35) { // a round length in metres, and what to write beside it
  const room = extent * share * (1 + 1e-9);
  const decade = 10 ** Math.floor(Math.log10(room));
  const length = [5, 2, 1].map((n) => n * decade).find((l) => l <= room) ?? decade;
  const [factor, unit] = prefixFor(length, 'm');
  return { length, words: `${Number((length / factor).toPrecision(3))} ${unit}` };
}

export function sayValue(column, row) { // the value of a facet for one item: a word, a date, or a number with its unit
  if (column.words) {
    const code = column.codes[row];
    return code === 0 ? 'missing' : column.words[Math.min(code, column.words.length - 1)];
  }
  return column.kind === 'date' ? sayDate(column.values[row]) : sayQuantity(column.values[row], column.unit ?? '');
}
