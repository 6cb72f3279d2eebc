// The one line that speaks: what was saved, what waits, what went wrong. Read out politely by screen readers.

export class StatusLine {
  constructor(element) {
    this.element = element;
    this.standing = '';
  }

  // Say it, until something else is said.
  say(text, kind = '') {
    this.element.textContent = text;
    this.element.dataset.kind = kind;
  }

  // Something that stays true (server away): small news do not hide it.
  stand(text) {
    if (text === this.standing) return;
    this.standing = text;
    this.say(text, text ? 'warn' : '');
  }

  news(text, kind = '') {
    if (!this.standing) this.say(text, kind);
  }
}

// Fill {name} places of a text; the values go in as text and are never markup.
export function fill(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function json(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]').content;
}
