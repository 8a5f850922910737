// What the editor knows of a study: voxels, masks, labels, the view; and what is kept of it.

// The voxels of the study that was shown last: a page that is drawn anew need not ask for them again.
const held = { study: null, voxels: null, loaded: null }
const CHUNK = 16
const STRIP_MM = 170, SHORTEST_MM = 80
const REGION_COLORS = ['#D55E00', '#0072B2', '#F0E442', '#009E73', '#CC79A7', '#56B4E9', '#E69F00']

class EditorState {
  async update(component) {
    this.component = component
    const meta = component.data
    const other = !this.meta || this.meta.study !== meta.study
    const token = this.sync.token
    this.meta = meta
    this.sync.open(meta)
    if (other) return this.begin()
    if (meta.go_to != null && meta.go_round !== this.goRound) {
      this.goRound = meta.go_round
      this.act('plane', 'axial')
      this.act('slice', meta.go_to)
    }
    if (token !== meta.token && this.sync.lost) {
      this.sync.lost = false
      if (!this.ready) return this.begin()
      this.sync.pump()
    }
    const known = this.history
    if (this.ready && !this.sync.pending && known && (meta.revision.body !== known.body.revision || meta.revision.regions !== known.regions.revision)) {
      await this.readDocument()
    }
    this.draw()
  }

  async begin() {
    const meta = this.meta, [nz, ny, nx] = meta.shape
    this.round = (this.round || 0) + 1
    const round = this.round
    this.ready = false
    this.began = performance.now()
    this.geometry = new Geometry(meta)
    if (held.study !== meta.study) {
      Object.assign(held, {
        study: meta.study, voxels: new Int16Array(nz * ny * nx),
        loaded: { version: 0, slices: new Uint8Array(nz), count: 0 },
      })
    }
    this.voxels = held.voxels
    this.loaded = held.loaded
    this.masks = new Masks(meta.shape)
    this.picture = new PlanePicture(this.geometry, this.voxels, this.loaded, this.masks)
    this.stripPictures = ['sagittal', 'coronal'].map(() => new PlanePicture(this.geometry, this.voxels, this.loaded, this.masks))
    this.places = { axial: meta.start ?? nz >> 1, coronal: meta.spine ? Math.round(meta.spine[0]) : ny >> 1, sagittal: meta.spine ? Math.round(meta.spine[1]) : nx >> 1 }
    this.goRound = meta.go_round
    this.restoreView()
    this.buildStrips()
    this.loadVoxels(round)
    this.sync.recover()
    await this.sync.pump()
    if (!this.sync.lost) await this.readDocument()
    this.draw()
  }

  restoreView() {
    const fallback = this.meta.windows[0]
    Object.assign(this.state, { level: fallback.level, width: fallback.width, hidden: {} })
    for (const camera of Object.values(this.cameras)) camera.reset()
    try {
      const kept = JSON.parse(sessionStorage.getItem(`hccsurv-view-${this.meta.study}`) || 'null')
      if (kept) {
        Object.assign(this.state, kept.state)
        Object.assign(this.places, kept.places)
        this.active = kept.active
        // Where the page wanted to go has been gone to already.
        if (kept.goRound === this.meta.go_round) this.meta.go_to = null
      }
    } catch { /* nothing was kept */ }
    if (this.meta.kind === 'clip') this.state.plane = 'axial'
    if (this.meta.go_to != null) this.places.axial = this.meta.go_to
  }

  keepView() {
    try {
      const { state, places, active, goRound } = this
      sessionStorage.setItem(`hccsurv-view-${this.meta.study}`, JSON.stringify({ state, places, active, goRound }))
    } catch { /* a full storage costs no more than the view */ }
  }

  async readDocument() {
    const round = this.round, version = this.version
    let response
    try { response = await this.sync.fetch('document') } catch { return this.sync.retryLater('No connection') }
    if (round !== this.round) return
    if (response.status === 403) { this.sync.lost = true; this.sync.hooks.onLost(); return }
    const found = await response.json().catch(() => null)
    if (round !== this.round) return
    // What was asked for before an answer came, or while a stroke is being drawn, is not the truth.
    if (this.gesture?.kind === 'paint') { this.readLater = true; return }
    if (version !== this.version) return this.readDocument()
    if (!response.ok || !found) return this.panel.tell(found?.error || 'The outlines cannot be read.', 'bad')
    this.masks.load(found.masks)
    this.takeLabels(found.labels)
    this.history = found.history
    this.numbers = found.numbers
    for (const waiting of this.sync.queue) if (waiting.do === 'stroke') this.masks.apply(waiting.label, waiting.add, waiting.remove)
    this.ready = true
    this.draw()
  }

  takeLabels(labels) {
    let region = 0
    this.labels = labels.map(label => {
      const color = label.target === 'body' ? this.meta.colors[label.id] : REGION_COLORS[region++ % REGION_COLORS.length]
      const rgb = [1, 3, 5].map(i => parseInt(color.slice(i, i + 2), 16))
      const hidden = this.state.hidden[label.id] ?? (label.target === 'body' && label.id.endsWith('_fat'))
      return { ...label, color, rgb, title: this.meta.titles[label.id] || label.name, visible: !hidden }
    })
    if (!this.labels.some(l => l.id === this.active)) this.active = this.labels[0]?.id
  }

  async loadVoxels(round) {
    const nz = this.geometry.nz, plane = this.geometry.ny * this.geometry.nx
    const chunks = []
    for (let first = 0; first < nz; first += CHUNK) if (!this.loaded.slices[first]) chunks.push(first)
    const middle = this.places.axial
    chunks.sort((a, b) => Math.abs(a + CHUNK / 2 - middle) - Math.abs(b + CHUNK / 2 - middle))
    const worker = async () => {
      while (chunks.length && round === this.round) {
        const first = chunks.shift()
        try {
          const response = await this.sync.fetch(`voxels?first=${first}&count=${CHUNK}`)
          if (response.status === 403) { this.sync.lost = true; this.sync.hooks.onLost(); return }
          if (!response.ok) throw new Error(String(response.status))
          const part = new Int16Array(await response.arrayBuffer())
          if (round !== this.round) return
          this.voxels.set(part, first * plane)
          for (let z = first; z < Math.min(nz, first + CHUNK); z++) this.loaded.slices[z] = 1
          this.loaded.count = Math.min(nz, this.loaded.count + part.length / plane)
          this.loaded.version++
          this.draw()
        } catch {
          if (round !== this.round) return
          chunks.push(first)
          await new Promise(done => setTimeout(done, 1500))
        }
      }
    }
    await Promise.all([worker(), worker(), worker()])
    if (round === this.round && this.loaded.count >= nz) {
      this.loadMs = performance.now() - this.began
      this.draw()
    }
  }

  async onAnswer(answer, command) {
    this.version = (this.version || 0) + 1
    const known = this.history
    const others = known && (answer.before.body !== known.body.revision || answer.before.regions !== known.regions.revision)
    this.history = answer.history
    this.numbers = answer.numbers
    if (others) await this.readDocument()
    else {
      for (const [label, slices] of Object.entries(answer.changed))
        for (const [z, runs] of Object.entries(slices)) this.masks.put(label, Number(z), runs)
      this.takeLabels(answer.labels)
      for (const waiting of this.sync.queue) if (waiting.do === 'stroke') this.masks.apply(waiting.label, waiting.add, waiting.remove)
    }
    if (command.do === 'new_region') this.active = this.labels.at(-1).id
    this.panel.tell(answer.message || '', 'info')
    this.keepView()
    this.draw()
    clearTimeout(this.tellTimer)
    this.tellTimer = setTimeout(() => {
      if (!this.sync.pending) this.component.setTriggerValue('saved', `${answer.history.body.revision}/${answer.history.regions.revision}/${Date.now()}`)
    }, 600)
  }

  async onRefused(text) {
    await this.readDocument()
    this.panel.tell(text, 'bad')
  }

  get label() { return this.labels.find(l => l.id === this.active) }

  place() { return this.places[this.state.plane] }

  /** Why nothing can be drawn here; '' where it can. */
  obstacle() {
    const label = this.label
    if (!this.ready) return 'The outlines are still being read.'
    if (!label) return 'There is nothing to draw in yet: set the level, or add a region.'
    if (label.target === 'body' && this.state.plane !== 'axial') return 'The outline at L3 is drawn on axial slices.'
    const [first, last] = label.slices, z = this.places.axial
    if (label.target === 'body' && (z < first || z > last)) return `${label.title} is outlined on slices ${first + 1} to ${last + 1}. Go there, or add a region.`
    return ''
  }

  range() {
    const label = this.label
    if (label?.hu) return label.hu
    return this.state.limit ? [this.state.lowest, this.state.highest] : null
  }

  measure(label) {
    const key = `${label.id}/${this.places.axial}/${this.masks.stamp}/${this.loaded.version}`, known = this.measured?.get(key)
    if (known) return known
    if (!this.measured || this.measured.size > 200) this.measured = new Map()
    const found = this.measureNow(label)
    this.measured.set(key, found)
    return found
  }

  measureNow(label) {
    const z = this.places.axial, { nx, ny, sx, sy, sz } = this.geometry
    const n = this.masks.count(label.id, z), mask = this.masks.at(label.id, z)
    let sum = 0
    if (n && this.loaded.slices[z]) {
      const start = z * nx * ny
      for (let i = 0; i < mask.length; i++) if (mask[i]) sum += this.voxels[start + i]
    }
    return {
      area: n * sx * sy / 100, mean: n && this.loaded.slices[z] ? sum / n : null,
      volume: this.masks.total(label.id) * sx * sy * sz / 1000,
    }
  }
}
