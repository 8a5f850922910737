// Planes of the volume, and how a slice becomes a picture.

const PLANES = {
  axial: { letters: { left: 'R', right: 'L', top: 'A', bottom: 'P' }, key: '7' },
  coronal: { letters: { left: 'R', right: 'L', top: 'H', bottom: 'F' }, key: '8' },
  sagittal: { letters: { left: 'A', right: 'P', top: 'H', bottom: 'F' }, key: '9' },
}

class Geometry {
  constructor(meta) {
    [this.nz, this.ny, this.nx] = meta.shape
    ;[this.sz, this.sy, this.sx] = meta.spacing_mm
    this.affine = meta.affine
    this.box = meta.box
  }

  /** [width, height, depth] of a plane. */
  size(plane) {
    if (plane === 'axial') return [this.nx, this.ny, this.nz]
    return plane === 'coronal' ? [this.nx, this.nz, this.ny] : [this.ny, this.nz, this.nx]
  }

  /** Pixel size (u, v), mm. */
  pixel(plane) {
    if (plane === 'axial') return [this.sx, this.sy]
    return plane === 'coronal' ? [this.sx, this.sz] : [this.sy, this.sz]
  }

  /** (z, y, x) of a pixel; the head is at the top of coronal and sagittal planes. */
  voxel(plane, u, v, w) {
    if (plane === 'axial') return [w, v, u]
    return plane === 'coronal' ? [this.nz - 1 - v, w, u] : [this.nz - 1 - v, u, w]
  }

  /** LPS position, mm. */
  world(z, y, x) {
    return [0, 1, 2].map(r => this.affine[r][0] * x + this.affine[r][1] * y + this.affine[r][2] * z + this.affine[r][3])
  }
}

class Lut {
  constructor() { this.gray = new Uint8Array(65536); this.key = '' }

  /** DICOM's LINEAR_EXACT; index is the value as unsigned 16 bit. */
  set(level, width) {
    const key = `${level}/${width}`
    if (key === this.key) return
    this.key = key
    const low = level - width / 2
    for (let i = 0; i < 65536; i++) {
      const value = i < 32768 ? i : i - 65536
      this.gray[i] = Math.max(0, Math.min(255, Math.round(((value - low) / width) * 255)))
    }
  }
}

function canvasOf(width, height) {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  return canvas
}

/** A picture of one plane, drawn anew only where something changed. */
class PlanePicture {
  constructor(geometry, voxels, loaded, masks) {
    Object.assign(this, { geometry, voxels, loaded, masks })
    this.baseKey = ''
    this.overlayKey = ''
    this.paths = new Map()
  }

  resize(plane) {
    const [width, height] = this.geometry.size(plane)
    if (this.base && this.plane === plane) return
    Object.assign(this, { plane, width, height })
    this.base = canvasOf(width, height)
    this.overlay = canvasOf(width, height)
    this.baseImage = this.base.getContext('2d').createImageData(width, height)
    this.overlayImage = this.overlay.getContext('2d').createImageData(width, height)
    this.basePixels = new Uint32Array(this.baseImage.data.buffer)
    this.overlayPixels = new Uint32Array(this.overlayImage.data.buffer)
    this.baseKey = this.overlayKey = ''
    this.paths.clear()
  }

  drawBase(w, lut) {
    const key = `${this.plane}/${w}/${lut.key}/${this.loaded.version}`
    if (key === this.baseKey) return
    this.baseKey = key
    const { nx, ny, nz } = this.geometry, gray = lut.gray, out = this.basePixels, vox = this.voxels
    const put = (at, index) => {
      const g = gray[vox[index] & 0xffff]
      out[at] = 0xff000000 | (g << 16) | (g << 8) | g
    }
    if (this.plane === 'axial') {
      const start = w * nx * ny
      for (let i = 0; i < nx * ny; i++) put(i, start + i)
    } else {
      const columns = this.width, step = this.plane === 'coronal' ? 1 : nx
      for (let v = 0; v < nz; v++) {
        const z = nz - 1 - v
        const start = z * nx * ny + (this.plane === 'coronal' ? w * nx : w)
        for (let u = 0; u < columns; u++) put(v * columns + u, start + u * step)
      }
    }
    this.base.getContext('2d').putImageData(this.baseImage, 0, 0)
  }

  /** A reader of one label on the plane: (u, v) -> 0 or 1; null where the label is empty there. */
  reader(label, w) {
    const { nx, nz } = this.geometry
    if (this.plane === 'axial') {
      const mask = this.masks.at(label, w)
      return mask ? (u, v) => mask[v * nx + u] : null
    }
    const of = this.masks.slices.get(label)
    if (!of || !of.size) return null
    const rows = new Array(nz)
    for (const [z, mask] of of) rows[z] = mask
    return this.plane === 'coronal'
      ? (u, v) => rows[nz - 1 - v]?.[w * nx + u] || 0
      : (u, v) => rows[nz - 1 - v]?.[u * nx + w] || 0
  }

  drawOverlay(w, labels, opacity) {
    const shown = labels.filter(l => l.visible)
    const key = `${this.plane}/${w}/${opacity}/${this.masks.stamp}/${shown.map(l => l.id + l.color)}`
    if (key === this.overlayKey) return
    this.overlayKey = key
    const out = this.overlayPixels
    out.fill(0)
    const alpha = Math.round(opacity * 255)
    for (const label of shown) {
      const read = this.reader(label.id, w)
      if (!read || !alpha) continue
      const [r, g, b] = label.rgb, color = ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0
      for (let v = 0, i = 0; v < this.height; v++) for (let u = 0; u < this.width; u++, i++) if (read(u, v)) out[i] = color
    }
    this.overlay.getContext('2d').putImageData(this.overlayImage, 0, 0)
  }

  /** The outline of a label along its pixels' edges, in pixel coordinates. */
  outline(label, w) {
    const stamp = this.plane === 'axial' ? this.masks.stampOf(label, w) : this.masks.stamp
    const key = `${this.plane}/${w}/${label}`, known = this.paths.get(key)
    if (known && known.stamp === stamp) return known.path
    const read = this.reader(label, w), path = new Path2D()
    if (read) {
      const inside = (u, v) => u >= 0 && v >= 0 && u < this.width && v < this.height && read(u, v)
      for (let v = 0; v < this.height; v++) {
        for (let u = 0; u < this.width; u++) {
          if (!read(u, v)) continue
          if (!inside(u, v - 1)) { path.moveTo(u, v); path.lineTo(u + 1, v) }
          if (!inside(u, v + 1)) { path.moveTo(u, v + 1); path.lineTo(u + 1, v + 1) }
          if (!inside(u - 1, v)) { path.moveTo(u, v); path.lineTo(u, v + 1) }
          if (!inside(u + 1, v)) { path.moveTo(u + 1, v); path.lineTo(u + 1, v + 1) }
        }
      }
    }
    if (this.paths.size > 60) this.paths.clear()
    this.paths.set(key, { stamp, path })
    return path
  }

  /** The same in the screen's pixels, so that its line is equally wide in both directions. */
  outlineOnScreen(label, w, p) {
    const path = this.outline(label, w), key = `${label}/screen`, known = this.paths.get(key)
    const place = `${p.kx}/${p.ky}/${p.x0}/${p.y0}`
    if (known && known.of === path && known.place === place) return known.path
    const moved = new Path2D()
    moved.addPath(path, new DOMMatrix([p.kx, 0, 0, p.ky, p.x0, p.y0]))
    this.paths.set(key, { of: path, place, path: moved })
    return moved
  }
}

/** Where a plane lies on the screen: zoom about the middle, and a shift. */
class Camera {
  constructor() { this.reset() }
  reset() { this.zoom = 1; this.shift = [0, 0] }

  /** Screen pixels of one mm, and the origin, for a canvas of cw × ch; axial shows the body at first. */
  place(picture, cw, ch) {
    const [su, sv] = picture.geometry.pixel(picture.plane), whole = [0, 0, picture.width, picture.height]
    const [u0, v0, u1, v1] = (picture.plane === 'axial' && picture.geometry.box) || whole
    const fit = Math.min(cw / ((u1 - u0) * su), ch / ((v1 - v0) * sv))
    const scale = fit * this.zoom
    const kx = scale * su, ky = scale * sv
    const x0 = cw / 2 - ((u0 + u1) / 2) * kx + this.shift[0]
    const y0 = ch / 2 - ((v0 + v1) / 2) * ky + this.shift[1]
    return { kx, ky, x0, y0, scale }
  }

  zoomAt(factor, x, y, picture, cw, ch) {
    const before = this.place(picture, cw, ch)
    const u = (x - before.x0) / before.kx, v = (y - before.y0) / before.ky
    this.zoom = Math.max(0.5, Math.min(24, this.zoom * factor))
    const after = this.place(picture, cw, ch)
    this.shift[0] += x - (after.x0 + u * after.kx)
    this.shift[1] += y - (after.y0 + v * after.ky)
  }
}
