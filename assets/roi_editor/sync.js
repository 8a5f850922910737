// What goes to the server, in order; nothing that was drawn is forgotten before it says so.

class Sync {
  constructor(hooks) {
    this.hooks = hooks // {onAnswer, onStatus, onRefused, onLost}
    this.queue = []
    this.busy = false
    this.handling = 0 // an answer came, and is not on the screen yet
    this.wait = 0
  }

  open({ base, study, token }) {
    Object.assign(this, { base, study, token })
    this.storageKey = `hccsurv-roi-${study}`
    this.wait = 0
  }

  get pending() { return this.queue.length + this.handling }

  /** Work of an earlier page that never arrived. */
  recover() {
    try {
      this.queue = JSON.parse(localStorage.getItem(this.storageKey) || '[]')
    } catch { this.queue = [] }
    if (!Array.isArray(this.queue)) this.queue = []
    return this.queue.length
  }

  keep() {
    try {
      if (this.queue.length) localStorage.setItem(this.storageKey, JSON.stringify(this.queue))
      else localStorage.removeItem(this.storageKey)
    } catch { /* a full storage: the queue still lives in this page */ }
  }

  send(command) {
    this.queue.push({ ...command, id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}` })
    this.keep()
    this.hooks.onStatus()
    return this.pump()
  }

  async fetch(path, options = {}) {
    return fetch(`${this.base}/${this.study}/${path}`, {
      ...options, cache: 'no-store', headers: { ...(options.headers || {}), 'X-Hccsurv-Token': this.token },
    })
  }

  async pump() {
    if (this.busy || this.closed) return
    this.busy = true
    try {
      while (this.queue.length && !this.closed) {
        let response
        try {
          response = await this.fetch('command', {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(this.queue[0]),
          })
        } catch {
          this.retryLater('No connection')
          return
        }
        if (response.status === 403) { this.lost = true; this.hooks.onLost(); return }
        if (response.status >= 500 && response.status !== 507) { this.retryLater('The server does not answer'); return }
        const answer = await response.json().catch(() => ({ error: 'The server gave no answer that can be read.' }))
        this.wait = 0
        this.trouble = ''
        const command = this.queue.shift()
        this.keep()
        this.handling = 1
        try {
          if (response.ok) await this.hooks.onAnswer(answer, command)
          else await this.hooks.onRefused(answer.error || 'The server refused the change.', command)
        } finally { this.handling = 0 }
        this.hooks.onStatus()
      }
    } finally { this.busy = false }
  }

  retryLater(trouble) {
    this.trouble = trouble
    this.wait = Math.min(10000, (this.wait || 500) * 2)
    this.hooks.onStatus()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.pump(), this.wait)
  }

  close() { this.closed = true; clearTimeout(this.timer) }
}
