// Pictures on canvas: the snippet on top, the page beside it with the field framed.

export async function fetchBitmap(url, options) {
  const response = await fetch(url, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`image ${response.status}`);
  const blob = await response.blob();
  return createImageBitmap(blob, options);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  return ratio;
}

export class SnippetView {
  constructor(canvas, frame) {
    this.canvas = canvas;
    this.frame = frame;
    this.zoom = 2;
    this.measure();
  }

  // The frame's size is read when it changes, not in the hot loop: reading it there would force a layout.
  measure() {
    const style = getComputedStyle(this.frame);
    this.width = this.frame.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    this.height = this.frame.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  }

  // Left edge of the picture is the left edge of the input, and it stands right above it. Never larger than the frame: it does not scroll.
  draw(bitmap) {
    const ratio = fit(this.canvas, this.width, this.height);
    const context = this.canvas.getContext('2d', { alpha: true });
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!bitmap) return;
    const scale = Math.min(this.zoom, this.width / bitmap.width, this.height / bitmap.height);
    const width = bitmap.width * scale * ratio;
    const height = bitmap.height * scale * ratio;
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, this.canvas.height - height, width, height);
  }
}

export const CONTEXTS = ['band', 'page', 'close'];

export class PageView {
  constructor(canvas, frame) {
    this.canvas = canvas;
    this.frame = frame;
    this.context = 'band';
    this.bitmap = null;
    this.box = null;
  }

  show(bitmap, box) {
    this.bitmap = bitmap;
    this.box = box;
    this.draw();
  }

  cycle() {
    this.context = CONTEXTS[(CONTEXTS.indexOf(this.context) + 1) % CONTEXTS.length];
    this.draw();
    return this.context;
  }

  // band: the page's width, around the field; page: all of it; close: three times larger than the band.
  draw() {
    const width = this.frame.clientWidth;
    const height = this.frame.clientHeight;
    const ratio = fit(this.canvas, width, height);
    const pen = this.canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const bitmap = this.bitmap;
    if (!bitmap) return;
    const box = this.box || [0, 0, 1, 1];
    let scale = width / bitmap.width;
    const whole = Math.min(scale, height / bitmap.height);
    if (this.context === 'page') scale = whole;
    if (this.context === 'close') scale = this.box ? Math.min(scale * 3, (width * 0.9) / (box[2] * bitmap.width)) : scale * 1.5;
    const drawn = { width: bitmap.width * scale, height: bitmap.height * scale };
    const x = place(width, drawn.width, (box[0] + box[2] / 2) * drawn.width);
    const y = place(height, drawn.height, this.box ? (box[1] + box[3] / 2) * drawn.height : 0);
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(bitmap, x, y, drawn.width, drawn.height);
    if (!this.box) return;
    const pad = 4;
    const frame = [
      x + box[0] * drawn.width - pad,
      y + box[1] * drawn.height - pad,
      box[2] * drawn.width + 2 * pad,
      box[3] * drawn.height + 2 * pad,
    ];
    pen.save();
    pen.fillStyle = colour('--veil');
    pen.beginPath();
    pen.rect(x, y, drawn.width, drawn.height);
    pen.rect(...frame);
    pen.fill('evenodd');
    pen.restore();
    pen.lineWidth = 2;
    pen.strokeStyle = colour('--frame');
    pen.strokeRect(...frame);
  }
}

// Where a drawing of a size begins so that a point of it is in the middle of the view, without needless margins.
function place(view, drawn, point) {
  if (drawn <= view) return (view - drawn) / 2;
  return Math.min(0, Math.max(view - drawn, view / 2 - point));
}
