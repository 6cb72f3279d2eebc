// One key map (keys.json, also the help page), one dispatcher.

export function combination(event) {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push('Ctrl');
  if (event.altKey) parts.push('Alt');
  if (event.shiftKey && (event.key.length > 1)) parts.push('Shift');
  parts.push(event.key);
  return parts.join('+');
}

export class Keys {
  // rows: the key map; handlers: action -> function(event), answering false when the key is to be left alone.
  constructor(rows, screen, handlers) {
    this.actions = new Map();
    for (const row of rows) {
      if (row.screen !== screen) continue;
      for (const key of row.keys) this.actions.set(key, row.action);
    }
    this.handlers = handlers;
    document.addEventListener('keydown', (event) => this.dispatch(event));
  }

  dispatch(event) {
    // a dead key or an input method is composing: Enter and letters belong to it
    if (event.isComposing || event.key === 'Dead' || event.key === 'Process') return;
    const action = this.actions.get(combination(event));
    const handler = action && this.handlers[action];
    if (!handler) return;
    if (handler(event) !== false) event.preventDefault();
  }
}

const DIGIT_CODE = /^(?:Digit|Numpad)(\d)$/;

// The digit of a key by its place: on AZERTY the unshifted top row types digits where only digits make sense.
export function digitOf(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  if (/^\d$/.test(event.key)) return Number(event.key);
  if (event.shiftKey) return null;
  const match = DIGIT_CODE.exec(event.code);
  return match ? Number(match[1]) : null;
}
