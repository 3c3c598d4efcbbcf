// Growing columns of numbers: the checker keeps a hundred million events in a few bytes each.

type Array64 = Float64Array | Int32Array | Uint32Array | Uint8Array

export class Column<T extends Array64 = Float64Array> {
  #data: T
  readonly #make: new (
    length: number,
  ) => T
  readonly #empty: number

  /** @param empty What a cell holds before it was set. */
  constructor(make: new (length: number) => T, empty: number) {
    this.#make = make
    this.#empty = empty
    this.#data = this.#filled(16)
  }

  get(index: number): number {
    return index < this.#data.length ? this.#data[index]! : this.#empty
  }

  set(index: number, value: number): void {
    if (index >= this.#data.length) {
      const grown = this.#filled(Math.max(index + 1, Math.ceil(this.#data.length * 1.5)))
      grown.set(this.#data)
      this.#data = grown
    }
    this.#data[index] = value
  }

  #filled(length: number): T {
    const data = new this.#make(length)
    if (this.#empty !== 0) data.fill(this.#empty)
    return data
  }
}
