// Which pixels a tool means. All work on a plane of `width` × `height` and call `set(u, v)`.

/** Pixels whose center lies within `radius` mm of the line from a to b (in pixel coordinates). */
function stampLine(a, b, radius, size, width, height, set) {
  const [su, sv] = size
  const u0 = Math.max(0, Math.ceil(Math.min(a[0], b[0]) - radius / su))
  const u1 = Math.min(width - 1, Math.floor(Math.max(a[0], b[0]) + radius / su))
  const v0 = Math.max(0, Math.ceil(Math.min(a[1], b[1]) - radius / sv))
  const v1 = Math.min(height - 1, Math.floor(Math.max(a[1], b[1]) + radius / sv))
  const du = (b[0] - a[0]) * su, dv = (b[1] - a[1]) * sv, length2 = du * du + dv * dv
  const r2 = radius * radius + 1e-9
  for (let v = v0; v <= v1; v++) {
    for (let u = u0; u <= u1; u++) {
      const pu = (u - a[0]) * su, pv = (v - a[1]) * sv
      const t = length2 ? Math.min(1, Math.max(0, (pu * du + pv * dv) / length2)) : 0
      const eu = pu - t * du, ev = pv - t * dv
      if (eu * eu + ev * ev <= r2) set(u, v)
    }
  }
}

/** Pixels whose center lies inside a polygon (even-odd rule), as the server's `polygon_mask`. */
function fillPolygon(points, width, height, set) {
  const n = points.length
  let top = Infinity, bottom = -Infinity
  for (const [, v] of points) { top = Math.min(top, v); bottom = Math.max(bottom, v) }
  for (let v = Math.max(0, Math.ceil(top)); v <= Math.min(height - 1, Math.floor(bottom)); v++) {
    const crossings = []
    for (let i = 0; i < n; i++) {
      const [u0, v0] = points[i], [u1, v1] = points[(i + 1) % n]
      if ((v0 <= v) !== (v1 <= v)) crossings.push(u0 + ((v - v0) / (v1 - v0)) * (u1 - u0))
    }
    crossings.sort((x, y) => x - y)
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      // A crossing counts for the centers right of it, as numpy.searchsorted(side="left") has it.
      const from = Math.max(0, Math.floor(crossings[k]) + 1)
      const to = Math.min(width - 1, Math.floor(crossings[k + 1]))
      for (let u = from; u <= to; u++) set(u, v)
    }
  }
}

/** The region of zeros round (u, v), closed by ones; null where it reaches the picture's edge. */
function floodHole(isSet, u, v, width, height) {
  const seen = new Uint8Array(width * height), stack = [v * width + u], found = []
  if (isSet(u, v)) return null
  seen[stack[0]] = 1
  while (stack.length) {
    const at = stack.pop(), x = at % width, y = (at / width) | 0
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) return null
    found.push(at)
    for (const next of [at - 1, at + 1, at - width, at + width]) {
      if (!seen[next] && !isSet(next % width, (next / width) | 0)) {
        seen[next] = 1
        stack.push(next)
      }
    }
  }
  return found
}
