// Masks: one byte a pixel, kept for touched slices only, label by label.

/** Run lengths (first run: not in the mask) to a byte mask. */
function fromRuns(runs, count) {
  const mask = new Uint8Array(count)
  let at = 0
  for (let i = 0; i < runs.length; i++) {
    if (i % 2) mask.fill(1, at, at + runs[i])
    at += runs[i]
  }
  return mask
}

/** A byte mask to run lengths; null where it is empty. */
function toRuns(mask) {
  const runs = []
  let value = 0, start = 0, any = false
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] !== value) {
      runs.push(i - start)
      start = i
      value = mask[i]
      any = true
    }
  }
  runs.push(mask.length - start)
  return any || value ? runs : null
}

class Masks {
  constructor(shape) {
    [this.nz, this.ny, this.nx] = shape
    this.plane = this.ny * this.nx
    this.slices = new Map() // label -> Map(slice -> Uint8Array)
    this.counts = new Map() // label -> Map(slice -> pixels), filled when asked for
    this.stamp = 0 // grows with every change, so that pictures know when they are old
    this.stamps = new Map() // `${label}/${slice}` -> stamp
  }

  at(label, z) { return this.slices.get(label)?.get(z) }

  /** The mask of a slice, made where there is none. */
  make(label, z) {
    let of = this.slices.get(label)
    if (!of) this.slices.set(label, of = new Map())
    let mask = of.get(z)
    if (!mask) of.set(z, mask = new Uint8Array(this.plane))
    return mask
  }

  touched(label, z) {
    this.stamps.set(`${label}/${z}`, ++this.stamp)
    this.counts.get(label)?.delete(z)
  }

  stampOf(label, z) { return this.stamps.get(`${label}/${z}`) || 0 }

  put(label, z, runs) {
    let of = this.slices.get(label)
    if (!of) this.slices.set(label, of = new Map())
    of.set(z, fromRuns(runs, this.plane))
    this.touched(label, z)
  }

  /** Everything anew, as a document of the server has it. */
  load(document) {
    for (const [label, of] of this.slices) for (const z of of.keys()) this.touched(label, z)
    this.slices.clear()
    this.counts.clear()
    for (const [label, of] of Object.entries(document))
      for (const [z, runs] of Object.entries(of)) this.put(label, Number(z), runs)
  }

  /** Pixels added and removed, as they wait for the server, on top of what it said. */
  apply(label, add, remove) {
    for (const [z, runs] of Object.entries(remove)) {
      const mask = this.at(label, Number(z))
      if (!mask) continue
      const gone = fromRuns(runs, this.plane)
      for (let i = 0; i < gone.length; i++) if (gone[i]) mask[i] = 0
      this.touched(label, Number(z))
    }
    for (const [z, runs] of Object.entries(add)) {
      const mask = this.make(label, Number(z)), more = fromRuns(runs, this.plane)
      for (let i = 0; i < more.length; i++) if (more[i]) mask[i] = 1
      this.touched(label, Number(z))
    }
  }

  count(label, z) {
    let of = this.counts.get(label)
    if (!of) this.counts.set(label, of = new Map())
    let n = of.get(z)
    if (n === undefined) {
      const mask = this.at(label, z)
      n = 0
      if (mask) for (let i = 0; i < mask.length; i++) n += mask[i]
      of.set(z, n)
    }
    return n
  }

  /** Pixels of a label on all slices. */
  total(label) {
    let n = 0
    for (const z of this.slices.get(label)?.keys() || []) n += this.count(label, z)
    return n
  }

  drawnSlices(label) {
    return [...(this.slices.get(label)?.keys() || [])].filter(z => this.count(label, z) > 0).sort((a, b) => a - b)
  }
}

/** One stroke: remembers how the slices were, and what came and went when it ends. */
class Stroke {
  constructor(masks, label) {
    this.masks = masks
    this.label = label
    this.before = new Map()
  }

  touch(z) {
    if (!this.before.has(z)) {
      const mask = this.masks.at(this.label, z)
      this.before.set(z, mask ? mask.slice() : null)
    }
  }

  /** {add, remove} as slice -> runs; null where nothing changed. */
  end() {
    const add = {}, remove = {}
    let any = false
    for (const [z, was] of this.before) {
      const now = this.masks.at(this.label, z)
      if (!now) continue
      const more = new Uint8Array(now.length), less = new Uint8Array(now.length)
      for (let i = 0; i < now.length; i++) {
        const old = was ? was[i] : 0
        if (now[i] && !old) more[i] = 1
        else if (old && !now[i]) less[i] = 1
      }
      const a = toRuns(more), r = toRuns(less)
      if (a) add[z] = a
      if (r) remove[z] = r
      any = any || a || r
    }
    return any ? { add, remove } : null
  }
}
