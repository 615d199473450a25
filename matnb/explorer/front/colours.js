// Colours: perceptual maps for quantities and pictures, and a set that the colour-blind can tell apart for words.

const ANCHORS = {
  gray: '000000ffffff',
  cividis: '00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d5a5f6e61656f686a716f70737676767d7c'
    + '788381798b8778928d789a9376a29975aaa073b3a670bbad6dc3b369ccba64d4c15fddc858e6d051efd748f8df3cfee838',
  viridis: '440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e2191'
    + '8c1f978b1f9f8821a68527ad8131b57b3dbc744cc26c5cc8636ece5881d34d95d840aadc32c0df25d5e21aeae51afde725',
};

export const COLOUR_MAPS = Object.keys(ANCHORS);

// Okabe and Ito (2008), darkest first where they must stand on white; grey is kept for what is not chosen.
export const WORD_COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#8a6d00', '#56b4e9', '#e69f00', '#5b4a9c'];
export const OTHER_WORDS = '#7a7f87';

const TABLES = new Map();

export function colourTable(name, levels = 256) { // levels x 3 bytes
  const key = `${name} ${levels}`;
  if (!TABLES.has(key)) TABLES.set(key, interpolate(anchorsOf(name), levels));
  return TABLES.get(key);
}

function anchorsOf(name) {
  const text = ANCHORS[name] ?? ANCHORS.gray;
  return Array.from({ length: text.length / 6 }, (_, n) => [0, 2, 4].map((at) => parseInt(text.substr(n * 6 + at, 2), 16)));
}

function interpolate(anchors, levels) {
  const table = new Uint8Array(levels * 3);
  for (let n = 0; n < levels; n += 1) {
    const at = (n / Math.max(1, levels - 1)) * (anchors.length - 1);
    const [low, share] = [Math.min(Math.floor(at), anchors.length - 2), at - Math.min(Math.floor(at), anchors.length - 2)];
    for (let c = 0; c < 3; c += 1) table[n * 3 + c] = Math.round(anchors[low][c] * (1 - share) + anchors[low + 1][c] * share);
  }
  return table;
}

export function rgbOf(hex) { return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)); }
