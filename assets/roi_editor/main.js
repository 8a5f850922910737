// The editor: pointer and wheel, and how it hangs in the page.

const instances = new WeakMap()

class Editor extends EditorTools {
  constructor(parent, component) {
    super()
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
