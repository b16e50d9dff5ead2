const digits = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** The id at an index as 16 hex digits; ids are two words each, their bytes in order. */
export function hex(ids: Uint32Array, index: number): string {
  const bytes = new Uint8Array(ids.buffer, ids.byteOffset + 8 * index, 8);
  let s = "";
  for (let i = 0; i < 8; i++) s += digits[bytes[i]];
  return s;
}

/** Writes an id of 16 hex digits to an index; false if it is none. */
export function setHex(ids: Uint32Array, index: number, id: string): boolean {
  if (!/^[0-9a-f]{16}$/i.test(id)) return false;
  const bytes = new Uint8Array(ids.buffer, ids.byteOffset + 8 * index, 8);
  for (let i = 0; i < 8; i++) bytes[i] = parseInt(id.slice(2 * i, 2 * i + 2), 16);
  return true;
}

/** Finds ids: a hash table in one typed array, so that a million take a tenth of a second and no objects. */
export class IdIndex {
  readonly #slots: Int32Array; // index + 1, 0: free
  readonly #mask: number;
  readonly #wanted = new Uint32Array(2);

  constructor(readonly ids: Uint32Array) {
    const n = ids.length / 2;
    let size = 16;
    while (size < 2 * n) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int32Array(size);
    for (let i = 0; i < n; i++) {
      let s = this.#slot(ids[2 * i], ids[2 * i + 1]);
      while (this.#slots[s] !== 0) {
        const j = this.#slots[s] - 1;
        if (ids[2 * j] === ids[2 * i] && ids[2 * j + 1] === ids[2 * i + 1]) break; // the first stays
        s = (s + 1) & this.#mask;
      }
      if (this.#slots[s] === 0) this.#slots[s] = i + 1;
    }
  }

  #slot(a: number, b: number): number {
    const h = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
    return (h ^ (h >>> 15)) & this.#mask;
  }

  /** The first index with an id of 16 hex digits, -1 if there is none. */
  find(id: string): number {
    const w = this.#wanted;
    if (!setHex(w, 0, id)) return -1;
    for (let s = this.#slot(w[0], w[1]); this.#slots[s] !== 0; s = (s + 1) & this.#mask) {
      const i = this.#slots[s] - 1;
      if (this.ids[2 * i] === w[0] && this.ids[2 * i + 1] === w[1]) return i;
    }
    return -1;
  }
}
