// The editor's frame: buttons, lists and numbers. Everything is text a screen reader can read.

const TOOLS = [
  ['brush', 'Brush', 'B', 'Paint with a round brush'],
  ['erase', 'Eraser', 'E', 'Take away with a round brush'],
  ['lasso', 'Lasso', 'O', 'Draw round a region'],
  ['polygon', 'Polygon', 'P', 'Click corners; double click or Enter closes'],
  ['fill', 'Fill', 'F', 'Click into a hole to fill it'],
  ['grow', 'Grow', 'G', 'Click into a lesion, or drag a rough box round it'],
  ['window', 'Window', 'W', 'Drag: sideways width, up and down level (also the right mouse button)'],
  ['pan', 'Move', 'H', 'Drag the picture (also the middle mouse button, or with two fingers)'],
]

const ACTIONS = [
  ['undo', 'Undo', 'Ctrl+Z'],
  ['redo', 'Redo', 'Ctrl+Y'],
  ['copy', 'Copy up', 'C', 'Copy this slice’s outline to the next slice, towards the head (Shift: towards the feet)'],
  ['interpolate', 'Interpolate', 'I', 'Fill the slices between drawn ones'],
  ['smooth', 'Smooth', 'M', 'Smooth the outline on this slice, area kept'],
  ['clear', 'Clear slice', 'X', 'Remove the outline on this slice'],
]

const KEYS = [
  ['↑ ↓, wheel', 'next, previous slice'], ['Page ↑ ↓', 'five slices'], ['Home', 'back to L3'],
  ['1 2 3 4', 'soft tissue, liver, lung, bone window'], ['7 8 9', 'axial, coronal, sagittal'],
  ['Ctrl+wheel, + −', 'zoom'], ['0', 'whole picture'],
  ['B E O P F G', 'brush, eraser, lasso, polygon, fill, grow'], ['[ ]', 'brush smaller, larger'],
  ['Shift', 'while drawing: the other way round (take away, add)'],
  ['C, Shift+C', 'copy to the next slice, head or feet'], ['I', 'interpolate between slices'],
  ['M', 'smooth'], ['X', 'clear this slice'], ['N', 'next label'], ['T', 'outlines off and on'],
  ['Ctrl+Z, Ctrl+Y', 'undo, redo'], ['Esc', 'forget the line being drawn'], ['Space', 'clips: play, pause'],
  ['?', 'this list'],
]

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value)
    else if (value === true) made.setAttribute(name, '')
    else if (value !== false && value != null) made.setAttribute(name, value)
  }
  made.append(...children.filter(c => c != null))
  return made
}

function units(value, digits = 3) {
  if (value == null || !Number.isFinite(value)) return '–'
  if (value === 0) return '0'
  const size = Math.abs(value)
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : digits
  return value.toFixed(decimals)
}

class Panel {
  constructor(root, act) {
    this.act = act
    this.rows = new Map()
    this.canvas = element('canvas', { tabindex: '0', class: 'main', 'aria-label': 'Slice; arrow keys step through the slices' })
    this.text = Object.fromEntries(['slice', 'window', 'cursor', 'left', 'right', 'top', 'bottom', 'status', 'scale'].map(
      name => [name, element('div', { class: `on ${name}`, ...(name === 'status' ? { role: 'status' } : {}) })]))
    this.progress = element('div', { class: 'progress', role: 'progressbar', 'aria-label': 'Loading slices' }, element('i'))
    this.stage = element('div', { class: 'stage' }, this.canvas, this.progress, ...Object.values(this.text))
    this.slider = element('input', { type: 'range', min: '1', step: '1', class: 'slices', 'aria-label': 'Slice',
      oninput: e => act('slice', Number(e.target.value) - 1) })
    this.play = element('button', { class: 'flat', hidden: true, title: 'Play, pause (Space)', onclick: () => act('play') }, 'Play')
    this.tools = new Map(TOOLS.map(([id, name, key, help]) => [id, element('button',
      { 'data-tool': id, title: `${help} (${key})`, 'aria-pressed': 'false', onclick: () => act('tool', id) }, name)]))
    this.actions = new Map(ACTIONS.map(([id, name, key, help]) => [id, element('button',
      { 'data-action': id, title: `${help || name} (${key})`, onclick: e => act(id, e.shiftKey) }, name)]))
    this.makeControls()
    this.labels = element('div', { class: 'labels', role: 'radiogroup', 'aria-label': 'Label that is drawn' })
    this.numbers = element('div', { class: 'numbers', 'aria-live': 'polite' })
    this.strips = element('div', { class: 'strips' })
    this.help = element('div', { class: 'help', hidden: true, role: 'dialog', 'aria-label': 'Keys' })
    this.note = element('div', { class: 'note', role: 'alert', hidden: true })
    root.replaceChildren(element('div', { class: 'editor' },
      element('div', { class: 'bar' }, this.planes, this.windows, this.opacityBox, element('span', { class: 'grow' }),
        element('button', { class: 'flat', title: 'Keys (?)', onclick: () => act('help') }, 'Keys')),
      element('div', { class: 'body' },
        element('div', { class: 'tools' }, ...this.tools.values(), element('hr'), this.options, element('hr'), ...this.actions.values()),
        element('div', { class: 'middle' }, this.stage,
          element('div', { class: 'under' }, this.play, this.slider), this.note),
        element('div', { class: 'side' }, this.labels, this.regionButtons, this.numbers, this.strips)),
      this.help))
    this.fillHelp()
  }

  makeControls() {
    const { act } = this
    this.planes = element('div', { class: 'choice', role: 'group', 'aria-label': 'Plane' })
    this.windows = element('div', { class: 'choice', role: 'group', 'aria-label': 'Window' })
    this.opacity = element('input', { type: 'range', min: '0', max: '100', step: '2', 'aria-label': 'Fill, percent',
      oninput: e => act('opacity', Number(e.target.value) / 100) })
    this.opacityBox = element('label', { class: 'inline', title: 'How strongly the regions are filled' }, 'Fill', this.opacity)
    this.size = element('input', { type: 'range', min: '1', max: '60', step: '1', 'aria-label': 'Brush diameter, mm',
      oninput: e => act('size', Number(e.target.value)) })
    this.sizeText = element('span')
    this.limit = element('input', { type: 'checkbox', onchange: e => act('limit', e.target.checked) })
    const bound = which => element('input', { type: 'number', class: 'hu', step: '5', 'aria-label': `${which} HU`,
      onchange: e => act(which, Number(e.target.value)) })
    this.low = bound('lowest')
    this.high = bound('highest')
    this.limitBox = element('div', { class: 'limit' }, element('label', { class: 'inline', title: 'Paint only pixels of these Hounsfield units' },
      this.limit, 'HU only'), element('div', { class: 'range' }, this.low, '…', this.high))
    this.three = element('input', { type: 'checkbox', onchange: e => act('three', e.target.checked) })
    this.threeBox = element('label', { class: 'inline', title: 'Grow over slices, not on this one alone' }, this.three, 'Grow in 3-D')
    this.options = element('div', { class: 'options' },
      element('label', {}, element('span', {}, 'Brush ', this.sizeText), this.size), this.limitBox, this.threeBox)
    this.regionButtons = element('div', { class: 'regions' },
      element('button', { class: 'flat', 'data-action': 'add', title: 'Add a region: a lesion, a reference', onclick: () => act('add') }, '+ Region'),
      this.rename = element('button', { class: 'flat', 'data-action': 'rename', onclick: () => act('rename') }, 'Rename'),
      this.remove = element('button', { class: 'flat', 'data-action': 'delete', onclick: () => act('delete') }, 'Delete'),
      this.reset = element('button', { class: 'flat', 'data-action': 'reset', title: 'Back to the automatic outline; can be undone', onclick: () => act('reset') }, 'Reset to automatic'))
    this.nameField = element('input', { class: 'name', maxlength: '60', 'aria-label': 'Name of the region', hidden: true,
      onkeydown: e => { e.stopPropagation(); if (e.key === 'Enter') act('name', e.target.value); if (e.key === 'Escape') this.nameField.hidden = true } })
    this.regionButtons.append(this.nameField)
  }

  fillHelp() {
    this.help.replaceChildren(
      element('div', { class: 'help-head' }, element('b', {}, 'Keys'), element('button', { class: 'flat', onclick: () => this.act('help') }, 'Close')),
      element('table', {}, ...KEYS.map(([key, does]) => element('tr', {}, element('td', {}, element('kbd', {}, key)), element('td', {}, does)))))
  }

  setChoices(box, entries, chosen, action) {
    const key = JSON.stringify([entries, chosen])
    if (box.dataset.key === key) return
    box.dataset.key = key
    box.replaceChildren(...entries.map(([id, name, title]) => element('button',
      { 'data-choice': id, title, 'aria-pressed': String(id === chosen), onclick: () => this.act(action, id) }, name)))
  }

  drawLabels(labels, active) {
    const key = JSON.stringify(labels.map(l => [l.id, l.title, l.color, l.visible, l.id === active]))
    if (this.labels.dataset.key === key) return
    this.labels.dataset.key = key
    this.rows.clear()
    this.labels.replaceChildren(...labels.map(label => {
      const value = element('span', { class: 'value' })
      this.rows.set(label.id, value)
      const eye = element('input', { type: 'checkbox', 'aria-label': `Show ${label.title}`, title: 'Shown',
        onchange: e => this.act('visible', [label.id, e.target.checked]) })
      eye.checked = label.visible
      const pick = element('button', { class: 'pick', role: 'radio', 'data-label': label.id, 'aria-checked': String(label.id === active),
        onclick: () => this.act('label', label.id) },
        element('span', { class: 'swatch', style: `background:${label.color}` }), element('span', { class: 'title' }, label.title), value)
      return element('div', { class: 'label' }, eye, pick)
    }))
  }

  tell(text, kind = 'info') {
    this.note.hidden = !text
    this.note.className = `note ${kind}`
    this.note.replaceChildren(text || '', ...(text ? [element('button', { class: 'flat', title: 'Close', onclick: () => this.tell('') }, '×')] : []))
  }
}
