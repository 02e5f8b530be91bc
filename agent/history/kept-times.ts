// Times whose rows the black box keeps: the oldest first over all assets, and found by asset.
export interface KeptTime {
  /** Of its record in the store. */
  key: Buffer
  asset: string
  fromUs: number
  toUs: number
}

export class KeptTimes {
  /** In the order they were written down. */
  readonly #all = new Map<string, KeptTime>()
  readonly #byAsset = new Map<string, Map<number, KeptTime>>()

  /** In place of the one of the same asset and beginning, if there is one. */
  set(time: KeptTime): void {
    const name = nameOf(time)
    this.#all.delete(name)
    this.#all.set(name, time)
    const ofAsset = this.#byAsset.get(time.asset) ?? new Map<number, KeptTime>()
    ofAsset.set(time.fromUs, time)
    this.#byAsset.set(time.asset, ofAsset)
  }

  of(asset: string): KeptTime[] {
    return [...(this.#byAsset.get(asset)?.values() ?? [])]
  }

  /** Of those of the asset that `timeUs` lies in, the one that ends last. */
  at(asset: string, timeUs: number): KeptTime | undefined {
    let found: KeptTime | undefined
    for (const time of this.#byAsset.get(asset)?.values() ?? []) {
      const holds = time.fromUs <= timeUs && timeUs <= time.toUs
      if (holds && (!found || time.toUs > found.toUs)) found = time
    }
    return found
  }

  takeAll(): KeptTime[] {
    return this.#take([...this.#all.values()])
  }

  /** The oldest, beyond the newest `max`. */
  takeBeyond(max: number): KeptTime[] {
    const gone: KeptTime[] = []
    for (const time of this.#all.values()) {
      if (this.#all.size - gone.length <= max) break
      gone.push(time)
    }
    return this.#take(gone)
  }

  /** Those that end before `timeUs`. */
  takeBefore(timeUs: number): KeptTime[] {
    return this.#take([...this.#all.values()].filter(time => time.toUs < timeUs))
  }

  #take(times: KeptTime[]): KeptTime[] {
    for (const time of times) {
      this.#all.delete(nameOf(time))
      const ofAsset = this.#byAsset.get(time.asset)
      ofAsset?.delete(time.fromUs)
      if (ofAsset?.size === 0) this.#byAsset.delete(time.asset)
    }
    return times
  }
}

function nameOf({ asset, fromUs }: KeptTime): string {
  return `${asset}\0${fromUs}`
}
