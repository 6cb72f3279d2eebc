// Pages of a batch by keyboard: the grid is one tab stop, arrows move, Enter opens, Delete sets aside or brings back.

import { Keys } from './keys.js';
import { fill, json } from './status.js';

const texts = json('start').texts;
const thumbs = [...document.querySelectorAll('.thumb')];
const viewer = document.getElementById('viewer');
const image = document.getElementById('viewer-image');
const inGrid = () => thumbs.includes(document.activeElement);

function rove(thumb) {
  for (const each of thumbs) each.tabIndex = each === thumb ? 0 : -1;
}

function go(thumb) {
  if (!thumb) return;
  rove(thumb);
  thumb.focus();
  if (viewer.open) open();
}

function step(by) {
  if (!inGrid() && !viewer.open) return false;
  go(thumbs[thumbs.indexOf(here()) + by]);
  return true;
}

function here() {
  return thumbs.find((each) => each.tabIndex === 0);
}

// The nearest page of the row below or above.
function row(direction) {
  if (!inGrid() || viewer.open) return false;
  const from = here().getBoundingClientRect();
  let best = null;
  let distance = Infinity;
  for (const each of thumbs) {
    const box = each.getBoundingClientRect();
    const down = (box.top - from.top) * direction;
    if (down < from.height / 2) continue;
    const far = down * 4 + Math.abs(box.left - from.left);
    if (far < distance) [best, distance] = [each, far];
  }
  go(best);
  return true;
}

function open() {
  const thumb = here();
  if (thumb.dataset.state === 'waiting') return;
  image.src = `/images/pages/${thumb.dataset.page}`;
  image.alt = fill(texts.pageAlt, { page: thumb.querySelector('figcaption .mono').textContent });
  if (!viewer.open) viewer.showModal();
}

if (thumbs.length) rove(thumbs.find((each) => `#${each.id}` === window.location.hash) || thumbs[0]);
for (const thumb of thumbs) {
  thumb.addEventListener('focus', () => rove(thumb));
  thumb.querySelector('img')?.addEventListener('click', () => {
    go(thumb);
    open();
  });
}
viewer.addEventListener('close', () => here()?.focus());

new Keys(json('keys'), 'batch', {
  next: () => step(1),
  previous: () => step(-1),
  down: () => row(1),
  up: () => row(-1),
  open: () => {
    if (!inGrid()) return false;
    open();
    return true;
  },
  aside: () => {
    if (!inGrid()) return false;
    here().querySelector('form')?.requestSubmit();
    return true;
  },
  close: () => {
    if (!viewer.open) return false;
    viewer.close();
    return true;
  },
});
document.documentElement.dataset.ready = 'yes';
