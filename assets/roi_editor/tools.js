// What tools and keys do.

class EditorTools extends EditorPictures {
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
    if (this.readLater) { this.readLater = false; this.readDocument() }
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
}
