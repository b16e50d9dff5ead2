import { writeFile } from "node:fs/promises";
import { deflateSync, inflateSync } from "node:zlib";

/** Writes a screenshot as a PNG with a palette, a third of the size of one with every colour. */
export async function small(png: Buffer, path: string): Promise<void> {
  const { width, height, rgb } = read(png);
  await writeFile(path, write(width, height, rgb));
}

interface Image {
  width: number;
  height: number;
  rgb: Uint32Array; // 0xrrggbb for each pixel
}

/** Reads what Chromium writes: 8 bits, RGB or RGBA, not interlaced. */
function read(png: Buffer): Image {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const channels = png[25] === 6 ? 4 : 3;
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const data = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const rgb = new Uint32Array(width * height);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (stride + 1)];
    const line = new Uint8Array(data.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let i = 0; i < stride; i++) {
      const left = i >= channels ? line[i - channels] : 0;
      const up = above[i];
      const corner = i >= channels ? above[i - channels] : 0;
      line[i] += filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : filter === 4 ? paeth(left, up, corner) : 0;
    }
    for (let x = 0; x < width; x++) rgb[y * width + x] = (line[x * channels] << 16) | (line[x * channels + 1] << 8) | line[x * channels + 2];
    above = line;
  }
  return { width, height, rgb };
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** At most 256 colours: the frequent ones as they are, the rest by median cut. */
function palette(rgb: Uint32Array): number[] {
  const counts = new Map<number, number>();
  for (const c of rgb) counts.set(c, (counts.get(c) ?? 0) + 1);
  const all = [...counts].sort((a, b) => b[1] - a[1]);
  if (all.length <= 256) return all.map(([c]) => c);
  // Surfaces and lines stay exact; what smooths the edges of letters is merged.
  const exact = all.slice(0, 128).map(([c]) => c);
  let boxes = [all.slice(128)];
  const spread = (box: [number, number][], shift: number) => {
    const values = box.map(([c]) => (c >> shift) & 255);
    return values.reduce((a, b) => Math.max(a, b), 0) - values.reduce((a, b) => Math.min(a, b), 255);
  };
  while (boxes.length < 128) {
    const widest = boxes.map((box, i) => ({ i, ...[16, 8, 0].map((shift) => ({ shift, spread: box.length < 2 ? 0 : spread(box, shift) })).sort((a, b) => b.spread - a.spread)[0] })).sort((a, b) => b.spread * Math.sqrt(boxes[b.i].length) - a.spread * Math.sqrt(boxes[a.i].length))[0];
    if (widest.spread === 0) break;
    const box = boxes[widest.i].sort((a, b) => ((a[0] >> widest.shift) & 255) - ((b[0] >> widest.shift) & 255));
    const half = box.length >> 1;
    boxes = [...boxes.slice(0, widest.i), box.slice(0, half), box.slice(half), ...boxes.slice(widest.i + 1)];
  }
  return [...exact, ...boxes.map(mean)];
}

function mean(box: [number, number][]): number {
  let n = 0;
  const sum = [0, 0, 0];
  for (const [c, k] of box) {
    n += k;
    [16, 8, 0].forEach((shift, i) => (sum[i] += ((c >> shift) & 255) * k));
  }
  return sum.reduce((c, s) => (c << 8) | Math.round(s / n), 0);
}

function write(width: number, height: number, rgb: Uint32Array): Buffer {
  const colors = palette(rgb);
  const index = new Map(colors.map((c, i) => [c, i]));
  const nearest = (c: number): number => {
    const known = index.get(c);
    if (known !== undefined) return known;
    let best = 0;
    let least = Infinity;
    colors.forEach((p, i) => {
      const d = [16, 8, 0].reduce((d, shift) => d + (((c >> shift) & 255) - ((p >> shift) & 255)) ** 2, 0);
      if (d < least) [best, least] = [i, d];
    });
    index.set(c, best);
    return best;
  };
  const data = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * (width + 1) + 1 + x] = nearest(rgb[y * width + x]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8); // 8 bits, palette
  const plte = Buffer.from(colors.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]));
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), chunk("IHDR", header), chunk("PLTE", plte), chunk("IDAT", deflateSync(data, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  let crc = 0xffffffff;
  for (const b of body) crc = crcTable[(crc ^ b) & 255] ^ (crc >>> 8);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(~crc >>> 0, body.length + 4);
  return out;
}
