// The editor: state, tools and pictures, and how they hang together.

const instances = new WeakMap()
// The voxels of the study that was shown last: a page that is drawn anew need not ask for them again.
const held = { study: null, voxels: null, loaded: null }
const CHUNK = 16
const STRIP_MM = 170
const REGION_COLORS = ['#D55E00', '#0072B2', '#F0E442', '#009E73', '#CC79A7', '#56B4E9', '#E69F00']

class Editor {
  constructor(parent, component) {
    this.parent = parent
    this.component = component
    const root = parent.querySelector('.roi-root')
    this.root = root
    this.panel = new Panel(root, (what, value) => this.act(what, value))
    this.panel.canvas.editor = this // for tests and the console
    this.state = { plane: 'axial', tool: 'window', size: 8, opacity: 0.22, limit: false, lowest: -29, highest: 150, three: true, level: 50, width: 400, hidden: {} }
    this.cameras = { axial: new Camera(), coronal: new Camera(), sagittal: new Camera() }
    this.lut = new Lut()
    this.labels = []
    this.pointers = new Map()
    this.line = []
    this.frames = []
    this.sync = new Sync({
      onAnswer: (answer, command) => this.onAnswer(answer, command),
      onRefused: (text, command) => this.onRefused(text, command),
      onStatus: () => this.draw(),
      onLost: () => { this.component.setTriggerValue('renew', String(Date.now())); this.draw() },
    })
    this.listen()
  }

  // -- what the page gives ---------------------------------------------------------------------
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
    const round = this.round
    let response
    try { response = await this.sync.fetch('document') } catch { return this.sync.retryLater('No connection') }
    if (round !== this.round) return
    if (response.status === 403) { this.sync.lost = true; this.sync.hooks.onLost(); return }
    const found = await response.json().catch(() => null)
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

  // -- what the server answers -----------------------------------------------------------------
  async onAnswer(answer, command) {
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

  // -- labels and numbers ----------------------------------------------------------------------
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

  // -- actions ---------------------------------------------------------------------------------
  act(what, value) {
    const s = this.state
    const simple = { size: 1, opacity: 1, limit: 1, lowest: 1, highest: 1, three: 1 }
    if (simple[what]) s[what] = value
    else if (what === 'tool') { s.tool = value; this.line = [] }
    else if (what === 'plane') { s.plane = value; this.line = [] }
    else if (what === 'window') { const w = this.meta.windows.find(x => x.name === value); if (w) Object.assign(s, { level: w.level, width: w.width }) }
    else if (what === 'slice') this.goTo(value)
    else if (what === 'label') this.active = value
    else if (what === 'visible') { s.hidden[value[0]] = !value[1]; const l = this.labels.find(x => x.id === value[0]); if (l) l.visible = value[1] }
    else if (what === 'help') this.panel.help.hidden = !this.panel.help.hidden
    else if (what === 'play') this.togglePlay()
    else this.edit(what, value)
    if (what === 'window') this.tellWindow()
    this.keepView()
    this.draw()
  }

  /** Pictures on other pages and in reports are shown with the window that was chosen here. */
  tellWindow() {
    clearTimeout(this.windowTimer)
    const { level, width } = this.state
    this.windowTimer = setTimeout(() => this.component.setStateValue('window', [level, width]), 700)
  }

  edit(what, value) {
    const label = this.label, z = this.places.axial
    if (what === 'add') return this.sync.send({ do: 'new_region' })
    if (what === 'undo' || what === 'redo') return this.sync.send({ do: what, target: this.historyTarget() })
    if (what === 'reset') return this.sync.send({ do: 'reset' })
    if (!label) return
    if (what === 'rename') {
      this.panel.nameField.hidden = false
      this.panel.nameField.value = label.title
      return this.panel.nameField.focus()
    }
    if (what === 'name') { this.panel.nameField.hidden = true; return this.sync.send({ do: 'rename_region', label: label.id, name: value }) }
    if (what === 'delete') return this.sync.send({ do: 'delete_region', label: label.id })
    if (what === 'interpolate') return this.sync.send({ do: 'interpolate', label: label.id })
    const obstacle = this.obstacle()
    if (obstacle) return this.panel.tell(obstacle)
    if (what === 'smooth') return this.sync.send({ do: 'smooth', label: label.id, slice: z, radius_mm: 2 })
    if (what === 'clear') return this.change('cleared on one slice', stroke => {
      stroke.touch(z)
      this.masks.make(label.id, z).fill(0)
      this.masks.touched(label.id, z)
    })
    if (what === 'copy') this.copySlice(value ? -1 : 1)
  }

  historyTarget() { return this.label?.target || 'body' }

  copySlice(step) {
    const label = this.label, z = this.places.axial, to = z + step, mask = this.masks.at(label.id, z)
    if (!mask || !this.masks.count(label.id, z)) return this.panel.tell('Nothing is drawn on this slice.')
    const [first, last] = label.slices
    if (to < first || to > last) return this.panel.tell(`${label.title} can be drawn on slices ${first + 1} to ${last + 1}.`)
    const nx = this.geometry.nx, range = this.range(), start = to * this.masks.plane
    this.change('copied from the slice beside', stroke => {
      stroke.touch(to)
      const target = this.masks.make(label.id, to)
      for (let i = 0; i < mask.length; i++) {
        if (mask[i] && (!range || (this.voxels[start + i] >= range[0] && this.voxels[start + i] <= range[1]))) target[i] = 1
      }
      this.masks.touched(label.id, to)
    })
    this.goTo(to)
  }

  /** One change of the active label's mask, sent when it is done. */
  change(note, work) {
    const stroke = new Stroke(this.masks, this.active)
    work(stroke)
    this.finish(stroke, note)
  }

  finish(stroke, note) {
    const found = stroke.end()
    if (!found) return
    this.sync.send({ do: 'stroke', label: stroke.label, note, ...found })
    this.draw()
  }

  /** Set or clear one pixel of the plane, by the rules that the server has too. */
  paintPixel(stroke, value, u, v) {
    const [z, y, x] = this.geometry.voxel(this.state.plane, u, v, this.place())
    const i = y * this.geometry.nx + x, range = this.strokeRange
    if (value && range) {
      const hu = this.voxels[z * this.masks.plane + i]
      if (hu < range[0] || hu > range[1]) return
    }
    stroke.touch(z)
    const mask = this.masks.make(stroke.label, z)
    if (mask[i] === value) return
    mask[i] = value
    this.masks.touched(stroke.label, z)
    const rules = this.meta.rules
    if (value) {
      const other = rules.exclusive[stroke.label], part = rules.parts[stroke.label]
      if (other) this.setLinked(other, z, i, 0)
      if (part) this.setLinked(part, z, i, 1)
    } else for (const [part, whole] of Object.entries(rules.parts)) if (whole === stroke.label) this.setLinked(part, z, i, 0)
  }

  setLinked(label, z, i, value) {
    const mask = this.masks.at(label, z)
    if (!mask || mask[i] === value) return
    mask[i] = value
    this.masks.touched(label, z)
  }

  // -- pointer ---------------------------------------------------------------------------------
  listen() {
    const canvas = this.panel.canvas
    canvas.addEventListener('pointerdown', e => this.down(e))
    canvas.addEventListener('pointermove', e => this.move(e))
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, e => this.up(e))
    canvas.addEventListener('pointerleave', () => { this.cursor = null; this.draw() })
    canvas.addEventListener('contextmenu', e => e.preventDefault())
    canvas.addEventListener('dblclick', e => { e.preventDefault(); if (this.state.tool === 'polygon') this.closeLine() })
    canvas.addEventListener('wheel', e => this.wheel(e), { passive: false })
    this.onKey = e => this.key(e)
    document.addEventListener('keydown', this.onKey, true)
    this.onFocus = () => { if (this.ready && !this.sync.pending) this.readDocument(); else this.sync.pump() }
    window.addEventListener('focus', this.onFocus)
    window.addEventListener('online', this.onFocus)
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.panel.stage)
  }

  /** (u, v) under the pointer; whole numbers are pixel centers. */
  at(e) {
    const box = this.panel.canvas.getBoundingClientRect()
    const x = e.clientX - box.left, y = e.clientY - box.top
    const p = this.cameras[this.state.plane].place(this.picture, box.width, box.height)
    return [(x - p.x0) / p.kx - 0.5, (y - p.y0) / p.ky - 0.5, x, y]
  }

  /** Where a pixel's center lies on the page, for tests. */
  toScreen(u, v) {
    const box = this.panel.canvas.getBoundingClientRect()
    const p = this.cameras[this.state.plane].place(this.picture, box.width, box.height)
    return [box.left + p.x0 + (u + 0.5) * p.kx, box.top + p.y0 + (v + 0.5) * p.ky]
  }

  down(e) {
    if (!this.picture?.base) return
    this.panel.canvas.focus({ preventScroll: true })
    this.panel.canvas.setPointerCapture(e.pointerId)
    this.pointers.set(e.pointerId, [e.clientX, e.clientY])
    if (this.pointers.size === 2) { this.abandon(); this.gesture = { kind: 'pinch', ...this.pinch() }; return }
    if (this.pointers.size > 2) return
    const [u, v] = this.at(e)
    const tool = e.button === 2 ? 'window' : e.button === 1 ? 'pan' : this.state.tool
    if (tool === 'window' || tool === 'pan') { this.gesture = { kind: tool, x: e.clientX, y: e.clientY }; return }
    const obstacle = this.obstacle()
    if (obstacle) return this.panel.tell(obstacle)
    this.strokeRange = this.range()
    const value = Number((tool !== 'erase') !== e.shiftKey)
    if (tool === 'brush' || tool === 'erase') {
      this.gesture = { kind: 'paint', value, last: [u, v], stroke: new Stroke(this.masks, this.active) }
      this.paintTo([u, v])
    } else if (tool === 'lasso') this.gesture = { kind: 'lasso', value, points: [[u, v]] }
    else if (tool === 'polygon') { this.line.push([u, v]); this.lineValue = value }
    else if (tool === 'fill') this.fillAt(Math.round(u), Math.round(v))
    else if (tool === 'grow') this.gesture = { kind: 'grow', from: [u, v], to: [u, v], x: e.clientX, y: e.clientY, moved: false }
    this.draw()
  }

  move(e) {
    const [u, v] = this.at(e)
    this.cursor = [u, v]
    const g = this.gesture
    if (this.pointers.has(e.pointerId)) this.pointers.set(e.pointerId, [e.clientX, e.clientY])
    if (!g) return this.draw()
    if (g.kind === 'pinch') this.pinchMove(g)
    else if (g.kind === 'window') {
      this.state.width = Math.max(1, Math.round(this.state.width + (e.clientX - g.x) * 2))
      this.state.level = Math.round(this.state.level - (e.clientY - g.y))
      Object.assign(g, { x: e.clientX, y: e.clientY })
    } else if (g.kind === 'pan') {
      const camera = this.cameras[this.state.plane]
      camera.shift[0] += e.clientX - g.x
      camera.shift[1] += e.clientY - g.y
      Object.assign(g, { x: e.clientX, y: e.clientY })
    } else if (g.kind === 'paint') {
      for (const part of e.getCoalescedEvents?.() || []) { const [pu, pv] = this.at(part); this.paintTo([pu, pv]) }
      this.paintTo([u, v])
    } else if (g.kind === 'lasso') g.points.push([u, v])
    else if (g.kind === 'grow') {
      g.to = [u, v]
      g.moved = g.moved || Math.hypot(e.clientX - g.x, e.clientY - g.y) > 6
    }
    this.draw()
  }

  up(e) {
    this.pointers.delete(e.pointerId)
    const g = this.gesture
    if (!g) return
    if (g.kind === 'pinch') { if (!this.pointers.size) this.gesture = null; return }
    this.gesture = null
    if (e.type === 'pointercancel') { if (g.kind === 'paint') this.revert(g.stroke) }
    else if (g.kind === 'paint') this.finish(g.stroke, g.value ? 'painted' : 'erased')
    else if (g.kind === 'lasso') this.fillLine(g.points, g.value, 'lasso')
    else if (g.kind === 'grow') this.growFrom(g)
    else if (g.kind === 'window') this.tellWindow()
    this.keepView()
    this.draw()
  }

  /** A second finger: what the first one began is forgotten. */
  abandon() {
    if (this.gesture?.kind === 'paint') this.revert(this.gesture.stroke)
    this.gesture = null
  }

  revert(stroke) {
    for (const [z, was] of stroke.before) {
      const mask = this.masks.make(stroke.label, z)
      if (was) mask.set(was)
      else mask.fill(0)
      this.masks.touched(stroke.label, z)
    }
    if (this.ready && !this.sync.pending) this.readDocument()
  }

  pinch() {
    const [a, b] = [...this.pointers.values()]
    return { distance: Math.hypot(a[0] - b[0], a[1] - b[1]) || 1, x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 }
  }

  pinchMove(g) {
    if (this.pointers.size < 2) return
    const now = this.pinch(), box = this.panel.canvas.getBoundingClientRect(), camera = this.cameras[this.state.plane]
    camera.shift[0] += now.x - g.x
    camera.shift[1] += now.y - g.y
    camera.zoomAt(now.distance / g.distance, now.x - box.left, now.y - box.top, this.picture, box.width, box.height)
    Object.assign(g, now)
  }

  paintTo(to) {
    const g = this.gesture, { width, height } = this.picture
    stampLine(g.last, to, this.state.size / 2, this.geometry.pixel(this.state.plane), width, height,
      (u, v) => this.paintPixel(g.stroke, g.value, u, v))
    g.last = to
  }

  fillLine(points, value, note) {
    if (points.length < 3) return
    const stroke = new Stroke(this.masks, this.active)
    fillPolygon(points, this.picture.width, this.picture.height, (u, v) => this.paintPixel(stroke, value, u, v))
    this.finish(stroke, value ? note : `${note}, taken away`)
  }

  closeLine() {
    const points = this.line.filter((p, i, all) => !i || Math.hypot(p[0] - all[i - 1][0], p[1] - all[i - 1][1]) > 0.01)
    this.line = []
    if (points.length >= 3 && !this.obstacle()) this.fillLine(points, this.lineValue, 'polygon')
    this.draw()
  }

  fillAt(u, v) {
    const { width, height } = this.picture, read = this.picture.reader(this.active, this.place())
    if (u < 0 || v < 0 || u >= width || v >= height) return
    const hole = floodHole(read || (() => 0), u, v, width, height)
    if (!hole) return this.panel.tell('Fill closes a hole: click where the outline is closed all round.')
    const stroke = new Stroke(this.masks, this.active)
    for (const at of hole) this.paintPixel(stroke, 1, at % width, (at / width) | 0)
    this.finish(stroke, 'filled')
  }

  growFrom(g) {
    const label = this.label
    if (label.target !== 'regions') return this.panel.tell('Grow works in a region: add one, then click into the lesion.')
    const plane = this.state.plane, size = [this.picture.width, this.picture.height]
    const inside = p => p.map((x, k) => Math.max(0, Math.min(size[k] - 1, Math.round(x))))
    const voxel = p => this.geometry.voxel(plane, p[0], p[1], this.place())
    const command = { do: 'grow', label: label.id, dimensions: this.state.three ? 3 : 2 }
    if (!g.moved) command.seed = voxel(inside(g.from))
    else {
      const a = inside([Math.min(g.from[0], g.to[0]), Math.min(g.from[1], g.to[1])])
      const b = inside([Math.max(g.from[0], g.to[0]), Math.max(g.from[1], g.to[1])])
      const ends = [voxel(a), voxel(b)]
      const low = [0, 1, 2].map(k => Math.min(ends[0][k], ends[1][k])), high = [0, 1, 2].map(k => Math.max(ends[0][k], ends[1][k]))
      if (this.state.three) this.deepen(low, high, plane)
      command.box = [low, high]
      command.seed = low.map((x, k) => Math.round((x + high[k]) / 2))
    }
    this.panel.tell('Growing…')
    this.sync.send(command)
  }

  /** A box drawn on one plane reaches as far across it as it is wide. */
  deepen(low, high, plane) {
    const { sx, sy, sz, nz, ny, nx } = this.geometry, mm = [sz, sy, sx], n = [nz, ny, nx]
    const across = { axial: 0, coronal: 1, sagittal: 2 }[plane]
    const half = Math.max(...[0, 1, 2].filter(k => k !== across).map(k => (high[k] - low[k]) * mm[k])) / 2
    low[across] = Math.max(0, Math.round(low[across] - half / mm[across]))
    high[across] = Math.min(n[across] - 1, Math.round(high[across] + half / mm[across]))
  }

  wheel(e) {
    e.preventDefault()
    const box = this.panel.canvas.getBoundingClientRect()
    if (e.ctrlKey || e.metaKey) {
      this.cameras[this.state.plane].zoomAt(Math.exp(-e.deltaY / 300), e.clientX - box.left, e.clientY - box.top, this.picture, box.width, box.height)
      return this.draw()
    }
    this.wheelSum = (this.wheelSum || 0) + e.deltaY
    // A mouse's notch is one slice; a touch pad sends many small steps.
    const steps = Math.abs(e.deltaY) >= 50 ? Math.sign(e.deltaY) : Math.trunc(this.wheelSum / 40)
    if (!steps) return
    this.wheelSum = 0
    this.act('slice', this.place() - steps)
  }

  goTo(index) {
    const depth = this.geometry.size(this.state.plane)[2]
    this.places[this.state.plane] = Math.max(0, Math.min(depth - 1, Math.round(index)))
    this.line = []
    if (this.state.plane !== 'axial') return
    clearTimeout(this.sliceTimer)
    this.sliceTimer = setTimeout(() => { if (!this.playing) this.component.setStateValue('slice', this.places.axial) }, 500)
  }

  togglePlay() {
    if (this.meta.kind !== 'clip') return
    clearInterval(this.playing)
    if (this.playing) this.playing = null
    else this.playing = setInterval(() => { this.goTo((this.places.axial + 1) % this.geometry.nz); this.draw() }, 1000 / (this.meta.fps || 10))
    this.draw()
  }

  // -- keys ------------------------------------------------------------------------------------
  key(e) {
    const target = e.composedPath()[0]
    const typing = target.closest?.('input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable], [role=dialog]:not(.help), [role=slider], [role=combobox], [role=listbox]')
    if (typing || !this.meta || !this.root.isConnected || document.querySelector('[role=dialog]')) return
    if (this.perform(e)) { e.preventDefault(); e.stopPropagation() }
  }

  perform(e) {
    const letter = e.key.length === 1 ? e.key.toLowerCase() : e.key
    if (e.ctrlKey || e.metaKey) {
      if (letter === 'z') this.act(e.shiftKey ? 'redo' : 'undo')
      else if (letter === 'y') this.act('redo')
      else return false
      return true
    }
    if (e.altKey) return false
    const onButton = e.composedPath()[0].closest?.('button, a, [role=radio]')
    if (onButton && (e.key === 'Enter' || e.key === ' ')) return false
    const onRange = e.composedPath()[0].matches?.('input[type=range]')
    const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }
    if (steps[e.key] && !onRange) this.act('slice', this.place() + steps[e.key])
    else if (e.key === 'Home' && !onRange && this.meta.level) { this.act('plane', 'axial'); this.act('slice', this.meta.level.slice_index) }
    else if ('1234'.includes(letter) && this.meta.windows['1234'.indexOf(letter)]) this.act('window', this.meta.windows['1234'.indexOf(letter)].name)
    else if ('789'.includes(letter) && this.meta.kind !== 'clip') this.act('plane', ['axial', 'coronal', 'sagittal']['789'.indexOf(letter)])
    else if (letter === '0') { this.cameras[this.state.plane].reset(); this.draw() }
    else if ('+=-'.includes(letter)) this.zoomStep(letter === '-' ? 0.8 : 1.25)
    else if ('[]'.includes(letter)) this.act('size', Math.max(1, Math.min(60, this.state.size + (letter === ']' ? 1 : -1))))
    else if (letter === 't') this.toggleOutlines()
    else if (letter === 'n') this.nextLabel()
    else if (letter === '?') this.act('help')
    else if (e.key === ' ' && this.meta.kind === 'clip') this.togglePlay()
    else if (e.key === 'Escape') { this.panel.help.hidden = true; this.line = []; this.abandon(); this.draw() }
    else if (e.key === 'Enter' && this.line.length) this.closeLine()
    else {
      const tool = TOOLS.find(t => t[2].toLowerCase() === letter), action = ACTIONS.find(a => a[2].toLowerCase() === letter)
      if (tool) this.act('tool', tool[0])
      else if (action) this.act(action[0], e.shiftKey)
      else return false
    }
    return true
  }

  zoomStep(factor) {
    const box = this.panel.canvas.getBoundingClientRect()
    this.cameras[this.state.plane].zoomAt(factor, box.width / 2, box.height / 2, this.picture, box.width, box.height)
    this.draw()
  }

  toggleOutlines() { this.outlinesOff = !this.outlinesOff; this.draw() }

  nextLabel() {
    const shown = this.labels.filter(l => l.visible)
    if (shown.length) this.act('label', shown[(shown.findIndex(l => l.id === this.active) + 1) % shown.length].id)
  }

  // -- pictures --------------------------------------------------------------------------------
  draw() {
    if (this.asked || !this.meta) return
    this.asked = requestAnimationFrame(() => { this.asked = null; if (this.root.isConnected) this.drawNow() })
  }

  drawNow() {
    const began = performance.now(), { panel, state, picture } = this
    const canvas = panel.canvas, ratio = window.devicePixelRatio || 1
    const cw = panel.stage.clientWidth, ch = panel.stage.clientHeight
    if (!cw || !ch) return
    if (canvas.width !== Math.round(cw * ratio) || canvas.height !== Math.round(ch * ratio)) {
      canvas.width = Math.round(cw * ratio)
      canvas.height = Math.round(ch * ratio)
    }
    picture.resize(state.plane)
    const w = this.place(), shown = this.outlinesOff ? [] : this.labels.filter(l => l.visible)
    this.lut.set(state.level, state.width)
    picture.drawBase(w, this.lut)
    picture.drawOverlay(w, shown, state.opacity)
    const g = canvas.getContext('2d')
    g.setTransform(1, 0, 0, 1, 0, 0)
    g.fillStyle = '#000'
    g.fillRect(0, 0, canvas.width, canvas.height)
    g.scale(ratio, ratio)
    const p = this.cameras[state.plane].place(picture, cw, ch)
    g.imageSmoothingEnabled = p.kx < 6
    g.imageSmoothingQuality = 'high'
    g.drawImage(picture.base, p.x0, p.y0, picture.width * p.kx, picture.height * p.ky)
    g.imageSmoothingEnabled = false
    if (state.opacity) g.drawImage(picture.overlay, p.x0, p.y0, picture.width * p.kx, picture.height * p.ky)
    for (const label of shown) {
      g.strokeStyle = label.color
      g.lineWidth = label.id === this.active ? 2 : 1.2
      g.stroke(picture.outlineOnScreen(label.id, w, p))
    }
    this.drawLevel(g, p, cw)
    this.drawPointer(g, p)
    this.drawTexts(p, w)
    this.drawStrips()
    this.frames.push(performance.now() - began)
    if (this.frames.length > 200) this.frames.shift()
  }

  drawLevel(g, p, cw) {
    if (this.state.plane === 'axial' || !this.meta.level) return
    const y = p.y0 + (this.geometry.nz - this.meta.level.slice_index - 0.5) * p.ky
    g.strokeStyle = g.fillStyle = this.meta.level_color
    g.setLineDash([6, 4])
    g.beginPath()
    g.moveTo(0, y)
    g.lineTo(cw, y)
    g.stroke()
    g.setLineDash([])
    g.font = '12px sans-serif'
    g.fillText('L3', 6, y - 4)
  }

  drawPointer(g, p) {
    const screen = ([u, v]) => [p.x0 + (u + 0.5) * p.kx, p.y0 + (v + 0.5) * p.ky]
    const points = this.gesture?.kind === 'lasso' ? this.gesture.points : this.line.length ? [...this.line, ...(this.cursor ? [this.cursor] : [])] : []
    g.lineWidth = 1.5
    g.strokeStyle = '#fff'
    if (points.length) {
      g.beginPath()
      points.forEach((point, i) => g[i ? 'lineTo' : 'moveTo'](...screen(point)))
      g.stroke()
    }
    if (this.gesture?.kind === 'grow' && this.gesture.moved) {
      const [a, b] = [screen(this.gesture.from), screen(this.gesture.to)]
      g.strokeRect(Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]))
    }
    if (this.cursor && ['brush', 'erase'].includes(this.state.tool)) {
      const [x, y] = screen(this.cursor), r = this.state.size / 2 * p.scale
      g.beginPath()
      g.arc(x, y, r, 0, 2 * Math.PI)
      g.setLineDash(this.state.tool === 'erase' ? [4, 3] : [])
      g.stroke()
      g.setLineDash([])
    }
    const cursors = { brush: 'none', erase: 'none', window: 'ns-resize', pan: 'grab' }
    this.panel.canvas.style.cursor = cursors[this.state.tool] || 'crosshair'
  }

  drawTexts(p, w) {
    const { panel, state, meta, geometry } = this, text = panel.text, axial = state.plane === 'axial'
    const depth = geometry.size(state.plane)[2]
    const word = meta.kind === 'clip' ? 'frame' : 'slice'
    const position = axial && meta.kind !== 'clip' ? ` · ${geometry.world(w, 0, 0)[2].toFixed(0)} mm` : ''
    text.slice.textContent = `${word} ${w + 1} of ${depth}${position}`
    text.window.textContent = meta.kind === 'clip' ? '' : `L ${state.level}  W ${state.width}`
    const letters = meta.kind === 'clip' ? {} : PLANES[state.plane].letters
    for (const side of ['left', 'right', 'top', 'bottom']) text[side].textContent = letters[side] || ''
    text.cursor.textContent = this.cursorText(w)
    this.drawScale(p)
    this.drawStatus()
    Object.assign(panel.slider, { max: String(depth), value: String(w + 1) })
    panel.slider.setAttribute('aria-valuetext', text.slice.textContent)
    panel.slider.disabled = depth < 2
    panel.play.hidden = meta.kind !== 'clip'
    panel.play.textContent = this.playing ? 'Pause' : 'Play'
    panel.setChoices(panel.planes, meta.kind === 'clip' ? [] : [['axial', 'Axial', '7'], ['coronal', 'Coronal', '8'], ['sagittal', 'Sagittal', '9']], state.plane, 'plane')
    const chosen = meta.windows.find(x => x.level === state.level && x.width === state.width)
    panel.setChoices(panel.windows, meta.kind === 'clip' ? [] : meta.windows.map((x, k) => [x.name, x.name, `Window ${x.width}, level ${x.level} (${k + 1})`]), chosen?.name, 'window')
    this.drawControls()
  }

  cursorText(w) {
    if (!this.cursor) return ''
    const [u, v] = this.cursor.map(Math.round), { width, height } = this.picture
    if (u < 0 || v < 0 || u >= width || v >= height) return ''
    const [z, y, x] = this.geometry.voxel(this.state.plane, u, v, w)
    if (!this.loaded.slices[z]) return ''
    const value = this.voxels[z * this.masks.plane + y * this.geometry.nx + x]
    if (this.meta.kind === 'clip') return `${value} · row ${y + 1}, column ${x + 1}`
    const mm = this.geometry.world(z, y, x).map(c => c.toFixed(1))
    return `${value} HU · L ${mm[0]}  P ${mm[1]}  H ${mm[2]} mm · slice ${z + 1}`
  }

  drawScale(p) {
    const steps = [1, 2, 5, 10, 20, 50, 100], want = steps.find(mm => mm * p.scale > 55) || 200
    const box = this.panel.text.scale
    box.textContent = this.meta.unscaled ? '' : want >= 10 ? `${want / 10} cm` : `${want} mm`
    box.style.width = `${want * p.scale}px`
    box.style.visibility = this.meta.unscaled ? 'hidden' : ''
  }

  drawStatus() {
    const { sync, panel, loaded, geometry } = this
    const part = loaded.count / geometry.nz
    panel.progress.hidden = part >= 1
    panel.progress.firstChild.style.width = `${100 * part}%`
    panel.progress.setAttribute('aria-valuenow', String(Math.round(100 * part)))
    const many = n => `${n} change${n > 1 ? 's' : ''}`
    let words = this.ready ? 'Saved' : 'Reading…'
    if (sync.lost) words = `Connecting again${sync.pending ? `: ${many(sync.pending)} kept here` : ''}…`
    else if (sync.trouble && sync.pending) words = `${sync.trouble}: ${many(sync.pending)} kept here, trying again…`
    else if (sync.pending) words = 'Saving…'
    panel.text.status.textContent = words
    panel.text.status.dataset.state = sync.lost || sync.trouble && sync.pending ? 'bad' : sync.pending ? 'busy' : 'good'
  }

  drawControls() {
    const { panel, state, label, history } = this
    for (const [id, button] of panel.tools) button.setAttribute('aria-pressed', String(id === state.tool))
    const of = history?.[this.historyTarget()]
    panel.actions.get('undo').disabled = !of?.can_undo || this.sync.pending > 0
    panel.actions.get('redo').disabled = !of?.can_redo || this.sync.pending > 0
    for (const id of ['copy', 'interpolate', 'smooth', 'clear']) panel.actions.get(id).disabled = !label
    panel.size.value = state.size
    panel.sizeText.textContent = `${state.size} mm`
    panel.opacity.value = Math.round(state.opacity * 100)
    panel.three.checked = state.three
    const fixed = label?.hu
    panel.limit.checked = fixed ? true : state.limit
    panel.limit.disabled = Boolean(fixed)
    const ends = fixed || [state.lowest, state.highest]
    ;[panel.low, panel.high].forEach((field, k) => { if (field !== panel.canvas.getRootNode().activeElement) field.value = ends[k]; field.disabled = Boolean(fixed) || !state.limit })
    panel.limitBox.hidden = this.meta.kind === 'clip'
    panel.threeBox.hidden = label?.target !== 'regions' || this.meta.kind === 'clip'
    panel.tools.get('grow').disabled = label?.target === 'body'
    panel.rename.hidden = panel.remove.hidden = label?.target !== 'regions'
    panel.reset.hidden = label?.target !== 'body'
    panel.reset.disabled = history?.body.state !== 'edited'
    panel.drawLabels(this.labels, this.active)
    for (const entry of this.labels) {
      const m = this.measure(entry), row = panel.rows.get(entry.id)
      const words = [`${units(m.area)} cm²`]
      if (m.mean != null && this.meta.kind !== 'clip') words.push(`${m.mean.toFixed(1)} HU`)
      if (m.volume && entry.target === 'regions' && this.meta.kind !== 'clip') words.push(`${units(m.volume)} ml`)
      row.textContent = words.join(' · ')
    }
    this.drawNumbers()
  }

  drawNumbers() {
    const body = this.numbers?.body, box = this.panel.numbers
    const key = JSON.stringify([body, this.history?.body, this.meta.actor])
    if (box.dataset.key === key) return
    box.dataset.key = key
    if (!body) return box.replaceChildren()
    const rows = [['Muscle area', body.sma_cm2, 'cm²'], ['SMI', body.smi, 'cm²/m²'], ['Psoas area', body.pma_cm2, 'cm²'], ['PMI', body.pmi, 'cm²/m²'], ['Psoas density', body.pd_hu, 'HU'], ['Muscle attenuation', body.ma_hu, 'HU']]
    const edited = this.history?.body.state === 'edited'
    box.replaceChildren(
      element('div', { class: 'kicker' }, `At L3, ${edited ? 'from the edited outline' : 'from the automatic outline'}`),
      element('table', {}, ...rows.map(([name, value, unit]) => element('tr', {}, element('td', {}, name), element('td', { class: 'number' }, units(value)), element('td', {}, unit)))),
      element('div', { class: 'verdict' }, `${body.n_low} of ${body.n_definitions} definitions call it low${body.n_known < body.n_definitions ? ` (${body.n_definitions - body.n_known} not known)` : ''}`))
  }

  // -- the two small planes --------------------------------------------------------------------
  buildStrips() {
    const box = this.panel.strips
    box.replaceChildren()
    box.hidden = this.meta.kind === 'clip' || this.geometry.nz < 4
    this.stripCanvases = ['sagittal', 'coronal'].map(plane => {
      const canvas = element('canvas', { class: 'strip', 'data-plane': plane, title: `${plane}: click to go to a slice` })
      const go = e => {
        if (e.type === 'pointermove' && !e.buttons) return
        const part = (e.clientY - canvas.getBoundingClientRect().top) / canvas.clientHeight
        this.act('plane', 'axial')
        this.act('slice', this.geometry.nz - 1 - Math.floor(part * this.geometry.nz))
      }
      canvas.addEventListener('pointerdown', go)
      canvas.addEventListener('pointermove', go)
      box.append(canvas)
      return canvas
    })
  }

  drawStrips() {
    if (this.panel.strips.hidden) return
    ;['sagittal', 'coronal'].forEach((plane, k) => {
      const picture = this.stripPictures[k], canvas = this.stripCanvases[k]
      picture.resize(plane)
      const [su, sv] = this.geometry.pixel(plane), tall = picture.height * sv
      // The spine and what lies round it; the whole width would make the vertebrae too small to read.
      const span = Math.min(picture.width, STRIP_MM / su), middle = this.meta.spine ? this.meta.spine[plane === 'sagittal' ? 0 : 1] : picture.width / 2
      const from = Math.max(0, Math.min(picture.width - span, middle - span / 2))
      const width = canvas.clientWidth || 110, height = Math.max(60, Math.min(260, width * tall / (span * su))), ratio = window.devicePixelRatio || 1
      const key = [this.places[plane], this.lut.key, this.loaded.version, width, height, ratio, this.state.plane, this.places.axial, this.meta.level?.slice_index].join('/')
      if (canvas.dataset.key === key) return
      canvas.dataset.key = key
      picture.drawBase(this.places[plane], this.lut)
      if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio)
      if (canvas.height !== Math.round(height * ratio)) { canvas.height = Math.round(height * ratio); canvas.style.height = `${height}px` }
      const g = canvas.getContext('2d')
      g.setTransform(ratio, 0, 0, ratio, 0, 0)
      g.drawImage(picture.base, from, 0, span, picture.height, 0, 0, width, height)
      const y = z => (this.geometry.nz - z - 0.5) / this.geometry.nz * height
      const line = (z, color, dash) => { g.strokeStyle = color; g.setLineDash(dash); g.beginPath(); g.moveTo(0, y(z)); g.lineTo(width, y(z)); g.stroke(); g.setLineDash([]) }
      g.font = '10px sans-serif'
      g.fillStyle = '#fff'
      for (const v of this.meta.level?.vertebrae || []) {
        const u = ((plane === 'sagittal' ? v.row : v.column) - from) / span
        const name = [v.name, u * width - 7, y(v.slice) + 3]
        Object.assign(g, { strokeStyle: '#000', lineWidth: 3 })
        g.strokeText(...name)
        g.fillText(...name)
      }
      g.lineWidth = 1
      if (this.meta.level) line(this.meta.level.slice_index, this.meta.level_color, [4, 3])
      if (this.state.plane === 'axial') line(this.places.axial, '#fff', [])
    })
  }

  close() {
    this.round = -1
    this.sync.close()
    clearInterval(this.playing)
    clearTimeout(this.tellTimer)
    clearTimeout(this.sliceTimer)
    clearTimeout(this.windowTimer)
    this.observer.disconnect()
    document.removeEventListener('keydown', this.onKey, true)
    window.removeEventListener('focus', this.onFocus)
    window.removeEventListener('online', this.onFocus)
  }
}

export default function (component) {
  const parent = component.parentElement
  let editor = instances.get(parent)
  if (!editor) instances.set(parent, editor = new Editor(parent, component))
  editor.update(component)
  return () => {
    editor.close()
    instances.delete(parent)
  }
}
