// From state to screen: the slice, its texts and controls, and the two small planes.

class EditorPictures extends EditorState {
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
    const position = axial && meta.kind !== 'clip' ? ` · ${geometry.world(w, 0, 0)[2].toFixed(0)} mm` : ''
    // Frames are counted from 0 everywhere: in files, on the command line, in what is told of the peak.
    const moment = meta.times_s ? ` · ${meta.times_s[w].toFixed(1)} s` : ''
    text.slice.textContent = meta.kind === 'clip' ? `frame ${w} (0–${depth - 1})${moment}` : `slice ${w + 1} of ${depth}${position}`
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
    return `${value} HU · ${this.patientPlace(z, y, x)} mm · slice ${z + 1}`
  }

  /** A place as a radiologist reads it: L or R, P or A, H or F, each with its distance. */
  patientPlace(z, y, x) {
    const words = this.geometry.world(z, y, x).map((c, k) => `${['LR', 'PA', 'HF'][k][c < 0 ? 1 : 0]} ${Math.abs(c).toFixed(1)}`)
    return words.join('  ')
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

  buildStrips() {
    const box = this.panel.strips
    box.replaceChildren()
    // A few slices stretched to a picture would show nothing.
    box.hidden = this.meta.kind === 'clip' || this.geometry.nz * this.geometry.sz < SHORTEST_MM
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
}
