// The coder's screen. On Enter the next field is painted first; everything else comes after the paint.

import { COMMA_TYPES, DIGIT_TYPES, UPPER_TYPES, isTelling, judge } from './checks.js';
import { PageView, SnippetView } from './imageview.js';
import { Keys, digitOf } from './keys.js';
import { Outbox, Queue, Refused, call } from './queue.js';
import { StatusLine, fill, json } from './status.js';

const GUARD_MS = 150;
const WARN_AT = 3;
const STOP_AT = 20;
const MARKS = new Set(['choice', 'choices', 'flag', 'document_kind']);

const start = json('start');
const texts = start.texts;
const rows = json('keys');
const by = (id) => document.getElementById(id);
const ui = Object.fromEntries(
  [
    'desk', 'batch', 'kind', 'count', 'waiting', 'fields', 'label', 'mode', 'critical', 'snippet', 'snippet-frame',
    'snippet-note', 'entry-frame', 'marks', 'entry', 'choices', 'check', 'expected', 'candidates', 'recent', 'status', 'paper', 'page',
    'page-number', 'page-zoom', 'overlay', 'overlay-title', 'overlay-text', 'overlay-body', 'overlay-link',
  ].map((id) => [id, by(id)]),
);
const status = new StatusLine(ui.status);
const snippetView = new SnippetView(ui.snippet, ui['snippet-frame']);
const pageView = new PageView(ui.page, ui.page.parentElement);
const outbox = new Outbox(start.person);
const queue = new Queue(outbox);

const state = {
  shown: null, // the item on screen
  paintedAt: 0,
  since: 0,
  keys: 0,
  chosen: new Set(), // for choices
  candidate: -1,
  overtype: true,
  overlay: '', // name of what lies over the screen
  classifying: false, // the coder says that the type is wrong
};

function afterPaint(work) {
  requestAnimationFrame(() => setTimeout(work, 0));
}

// ---- showing one item -------------------------------------------------------------------------------------------------

const isMark = (item) => item.kind === 'field' && MARKS.has(item.task.type);
const isClassify = (item) => item.kind === 'classify' || state.classifying;

function show(item) {
  state.shown = item;
  state.classifying = false;
  state.candidate = -1;
  state.keys = 0;
  state.since = performance.now();
  state.paintedAt = Infinity;
  if (!item) {
    showNothing();
    return;
  }
  closeOverlay();
  paint(item);
  afterPaint(() => {
    state.paintedAt = performance.now();
    ui.desk.dataset.ready = item.id;
    around(item);
    queue.refill();
  });
}

// The hot part: nothing here may wait or force a layout.
function paint(item) {
  snippetView.draw(item.snippet);
  const task = item.task;
  ui.label.textContent = headline(item);
  ui.desk.dataset.state = item.kind;
  const choosing = item.kind !== 'field' || isMark(item);
  ui['entry-frame'].hidden = choosing;
  ui.choices.hidden = !choosing;
  ui.entry.disabled = choosing;
  ui.expected.textContent = '';
  ui.candidates.hidden = true;
  if (choosing) {
    paintChoices(item);
    ui.choices.focus({ preventScroll: true });
    return;
  }
  ui.entry.value = item.draft ?? task.value ?? '';
  fitEntry();
  paintMarks();
  paintCheck();
  ui.entry.focus({ preventScroll: true });
  const first = doubts()[0];
  const end = ui.entry.value.length;
  if (first !== undefined) ui.entry.setSelectionRange(first, first + 1);
  else ui.entry.setSelectionRange(end, end);
}

function headline(item) {
  if (isClassify(item)) return texts.classifyTitle;
  return item.kind === 'whole' ? texts.wholeTitle : item.task.label;
}

// Everything that is beside the field; painted one frame later.
function around(item) {
  if (state.shown !== item) return;
  const paper = item.packet.document;
  ui.batch.textContent = `${paper.batch} · ${paper.number}`;
  ui.kind.textContent = paper.form_title || paper.type_words;
  const count = item.packet.tasks.length || 1;
  ui.count.textContent = item.kind === 'field' ? fill(texts.position, { number: item.number, count }) : '';
  ui.waiting.textContent = fill(texts.waiting, { count: queue.waiting });
  const task = item.task;
  ui.mode.textContent = task ? (task.mode === 'blind' ? texts.blind : texts.confirm) : '';
  ui.mode.dataset.mode = task ? task.mode : '';
  ui.critical.hidden = !task?.critical;
  ui.critical.textContent = texts.critical;
  paintSteps(item);
  paintRecent();
  paintHints(item);
  paintNote(item);
  describeSnippet(item);
  paintPage();
  if (outbox.size >= WARN_AT) status.stand(fill(texts.unsent, { count: outbox.size }));
}

function paintSteps(item) {
  const tasks = item.packet.tasks;
  const done = new Set(queue.done.filter((each) => each.packet === item.packet).map((each) => each.id));
  ui.fields.replaceChildren(
    ...tasks.map((task) => {
      const step = document.createElement('li');
      step.textContent = task.label;
      step.dataset.step = task.id === item.id ? 'here' : done.has(task.id) ? 'done' : 'todo';
      return step;
    }),
  );
}

// What was answered last, the latest first: what PageUp would take back.
function paintRecent() {
  ui.recent.replaceChildren(
    ...queue.done
      .filter((item) => item.uuid)
      .slice(-6)
      .reverse()
      .map((item) => {
        const line = document.createElement('li');
        const [label, value] = [document.createElement('span'), document.createElement('span')];
        label.textContent = item.task.label;
        value.textContent = item.previous.flag ? texts[item.previous.flag] : answerWords(item);
        if (item.previous.flag) line.dataset.flag = item.previous.flag;
        line.append(label, value);
        return line;
      }),
  );
}

function answerWords(item) {
  const { value } = item.previous;
  if (!isMark(item)) return value;
  const words = choicesOf(item).filter((choice) => [value].flat().includes(choice.value));
  return words.map((choice) => choice.label).join(', ') || texts.empty;
}

function paintHints(item) {
  const task = item.task;
  if (!task || isMark(item)) return;
  const hint = texts.hints[task.type];
  const rules = (task.failed || []).filter((code) => !code.startsWith(`${task.type}.`)).map(sentence);
  ui.expected.textContent = [...rules, hint ? `${texts.expected} : ${hint}` : ''].filter(Boolean).join(' · ');
  const options = task.candidates || [];
  ui.candidates.hidden = !options.length;
  if (!options.length) return;
  const caption = document.createElement('span');
  caption.className = 'caption';
  caption.textContent = `${texts.candidates} (Alt+↓)`;
  ui.candidates.replaceChildren(
    caption,
    ...options.map((text, index) => {
      const chip = document.createElement('span');
      chip.className = 'candidate';
      chip.dataset.chosen = index === state.candidate;
      chip.textContent = text;
      return chip;
    }),
  );
}

function paintNote(item) {
  const note = ui['snippet-note'];
  const words = { absent: item.kind === 'field' ? texts.noSnippet : '', missing: texts.imageMissing }[item.snippetState] || '';
  note.textContent = words;
  note.hidden = !words;
}

function describeSnippet(item) {
  const values = { label: headline(item), document: `${item.packet.document.batch} ${item.packet.document.number}` };
  const proposed = item.task?.mode === 'confirm' && typeof item.task.value === 'string' ? item.task.value : '';
  const words = proposed ? fill(texts.snippetAltValue, { ...values, value: proposed }) : fill(texts.snippetAlt, values);
  ui.snippet.setAttribute('aria-label', words);
}

function paintPage() {
  const item = state.shown;
  if (!item) return;
  const pages = item.packet.document.pages;
  const index = item.task?.page ?? 0;
  pageView.show(item.packet.bitmaps.get(index) || null, item.task?.box || null);
  const place = pages.length ? fill(texts.page, { page: index + 1, pages: pages.length }) : texts.noPage;
  ui['page-number'].textContent = place;
  const words = { page: index + 1, pages: pages.length, label: headline(item) };
  ui.page.setAttribute('aria-label', pages.length ? fill(texts.pageAlt, words) : texts.noPage);
  ui.desk.dataset.page = item.packet.bitmaps.get(index) ? 'ready' : 'loading';
}

// ---- the text entry ---------------------------------------------------------------------------------------------------

// Doubtful places that still stand as they were proposed.
function doubts() {
  const task = state.shown?.task;
  if (!task?.doubts?.length || typeof task.value !== 'string') return [];
  const text = ui.entry.value;
  if (text === task.value) return task.doubts;
  let head = 0;
  while (head < text.length && text[head] === task.value[head]) head += 1;
  const shift = text.length - task.value.length;
  let tail = 0;
  while (tail < text.length - head && tail < task.value.length - head && text.at(-1 - tail) === task.value.at(-1 - tail)) tail += 1;
  return task.doubts
    .map((place) => (place < head ? place : place >= task.value.length - tail ? place + shift : -1))
    .filter((place) => place >= 0);
}

// A long value is written smaller, so that all of it is seen at once; widths of a character in px at each size.
function fitEntry() {
  const length = ui.entry.value.length + 1;
  const step = [16.9, 13.3].findIndex((width) => length * width <= snippetView.width);
  ui['entry-frame'].dataset.long = step < 0 ? '2' : String(step);
}

function paintMarks() {
  const text = ui.entry.value;
  const places = new Set(doubts());
  const spans = [];
  let run = '';
  for (let index = 0; index < text.length; index += 1) {
    if (!places.has(index)) {
      run += text[index];
      continue;
    }
    if (run) spans.push(run);
    run = '';
    const mark = document.createElement('span');
    mark.className = 'doubt';
    mark.textContent = text[index];
    spans.push(mark);
  }
  if (run) spans.push(run);
  ui.marks.replaceChildren(...spans);
}

// The verdict on what is typed; the server's own refusal of this very text counts first.
function verdictOn(item) {
  const refused = item.refused;
  if (refused && refused.text === ui.entry.value) return { level: refused.level, code: refused.code };
  return judge(item.task.type, ui.entry.value);
}

function paintCheck(extra = '') {
  const item = state.shown;
  const verdict = verdictOn(item);
  const words = {
    none: '',
    ok: isTelling(item.task.type) ? `✓ ${texts.checkOk}` : '',
    check: `✗ ${sentence(verdict.code)}`,
    format: `✗ ${sentence(verdict.code)}`,
  }[verdict.level];
  ui.check.textContent = extra ? (words && verdict.level !== 'ok' ? `${words} ${extra}` : extra) : words;
  ui.check.dataset.level = extra && verdict.level === 'ok' ? 'check' : verdict.level;
  ui.entry.setAttribute('aria-invalid', verdict.level === 'check' || verdict.level === 'format');
  return verdict;
}

const sentence = (code) => texts.sentences[code] || texts.checkFailed;

ui.entry.addEventListener('input', () => {
  fitEntry();
  paintMarks();
  paintCheck();
});
ui.entry.addEventListener('scroll', () => {
  ui.marks.scrollLeft = ui.entry.scrollLeft;
});

ui.entry.addEventListener('keydown', (event) => {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  state.keys += 1;
  const type = state.shown?.task?.type;
  if (event.key.length !== 1) return;
  let typed = event.key;
  if (DIGIT_TYPES.has(type) && !event.shiftKey && /^Digit\d$/.test(event.code)) typed = event.code.slice(5);
  if (COMMA_TYPES.has(type) && event.code === 'NumpadDecimal') typed = ',';
  if (UPPER_TYPES.has(type)) typed = typed.toUpperCase();
  const over = state.overtype && state.shown.task.value && ui.entry.selectionStart === ui.entry.selectionEnd && ui.entry.selectionStart < ui.entry.value.length;
  if (typed === event.key && !over) return;
  event.preventDefault();
  const from = ui.entry.selectionStart;
  const to = over ? from + 1 : ui.entry.selectionEnd;
  ui.entry.setRangeText(typed, from, to, 'end');
  ui.entry.dispatchEvent(new Event('input', { bubbles: true }));
});

// ---- choices: boxes, signature, type of document ------------------------------------------------------------------------

function choicesOf(item) {
  if (isClassify(item)) return start.types.map((each) => ({ key: each.key, value: each.type, label: each.label }));
  if (item.kind === 'whole') return [];
  if (item.task.type === 'flag') {
    return [
      { key: 1, value: true, label: texts.present },
      { key: 2, value: false, label: texts.absent },
    ];
  }
  return item.task.options.map((option, index) => ({ key: index + 1, value: option.value, label: option.label }));
}

const isMany = (item) => item.task?.type === 'choices' && !isClassify(item);

function paintChoices(item) {
  const proposed = item.draft ?? item.task?.value;
  state.chosen = new Set(isClassify(item) || proposed === undefined || proposed === null ? [] : [proposed].flat());
  ui.check.textContent = '';
  ui.check.dataset.level = 'none';
  ui.expected.textContent = isClassify(item) ? item.packet.document.boundary_hint || texts.classifyHint : item.kind === 'whole' ? texts.wholeHint : isMany(item) ? texts.chooseMany : texts.chooseOne;
  ui.choices.setAttribute('aria-multiselectable', isMany(item));
  ui.choices.replaceChildren(
    ...choicesOf(item).map((choice) => {
      const row = document.createElement('li');
      row.id = `choice-${choice.key}`;
      row.setAttribute('role', 'option');
      const key = document.createElement('kbd');
      key.textContent = choice.key;
      row.append(key, ` ${choice.label}`);
      row.addEventListener('click', () => choose(choice.key));
      return row;
    }),
  );
  paintChosen();
}

function paintChosen() {
  choicesOf(state.shown).forEach((choice, index) => {
    const row = ui.choices.children[index];
    if (row) row.setAttribute('aria-selected', state.chosen.has(choice.value));
  });
}

function choose(digit) {
  const item = state.shown;
  if (digit === 0) state.chosen.clear();
  const choice = choicesOf(item).find((each) => each.key === digit);
  if (choice && isMany(item)) {
    if (!state.chosen.delete(choice.value)) state.chosen.add(choice.value);
  } else if (choice) {
    state.chosen = new Set([choice.value]);
  }
  ui.check.textContent = '';
  paintChosen();
  ui.choices.setAttribute('aria-activedescendant', choice ? `choice-${digit}` : '');
}

ui.choices.addEventListener('keydown', (event) => {
  if (event.repeat || event.isComposing) return;
  const digit = digitOf(event);
  if (digit === null) return;
  event.preventDefault();
  state.keys += 1;
  choose(digit);
});

// ---- answers ----------------------------------------------------------------------------------------------------------

const uuid = () => (crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join(''));

function guarded(event) {
  return event.repeat || event.isComposing || performance.now() - state.paintedAt < GUARD_MS || outbox.size >= STOP_AT;
}

function accept(event, forced = false) {
  if (state.overlay) return leaveOverlay(event);
  const item = state.shown;
  if (!item || guarded(event)) return true;
  if (isClassify(item)) return acceptType(item);
  if (item.kind === 'whole') return leave(item, { path: `documents/${item.packet.lease}/whole`, body: { fence: item.packet.fence } });
  if (isMark(item)) return acceptMark(item);
  const verdict = paintCheck();
  if (verdict.level === 'none') return refuse(texts.mustType);
  if (verdict.level === 'format') return refuse('');
  if (verdict.level === 'check' && !forced) return refuse(texts.forceHint);
  return answer(item, { value: ui.entry.value, forced });
}

function refuse(words) {
  paintCheck(words);
  ui.desk.dataset.refused = String(Number(ui.desk.dataset.refused || 0) + 1);
  return true;
}

function acceptMark(item) {
  const chosen = choicesOf(item).map((each) => each.value).filter((value) => state.chosen.has(value));
  if (isMany(item)) return answer(item, { value: chosen });
  if (chosen.length) return answer(item, { value: chosen[0] });
  if (item.task.type === 'flag' || item.task.type === 'document_kind') {
    ui.check.textContent = texts.mustChoose;
    ui.check.dataset.level = 'check';
    return true;
  }
  return answer(item, { flag: 'empty' });
}

function acceptType(item) {
  const [type] = state.chosen;
  const chosen = start.types.find((each) => each.type === type);
  if (!chosen) {
    ui.check.textContent = texts.mustChoose;
    ui.check.dataset.level = 'check';
    return true;
  }
  const { packet } = item;
  state.classifying = false;
  queue.items = [item, ...queue.items.filter((each) => each.packet !== packet)];
  status.news(fill(texts.classified, { label: chosen.label }));
  return leave(item, { path: `documents/${packet.lease}/type`, body: { fence: packet.fence, type } });
}

function flagged(flag) {
  return (event) => {
    const item = state.shown;
    if (state.overlay || !item || item.kind !== 'field' || state.classifying || guarded(event)) return true;
    return answer(item, { flag });
  };
}

function answer(item, { value = null, flag = null, forced = false }) {
  item.previous = { value, flag, forced };
  item.draft = flag ? null : value;
  const ms = Math.min(86400000, Math.round(performance.now() - state.since));
  return leave(item, { task: item.id, value, flag, forced, ms, keys: state.keys });
}

// The next one first; the answer goes to the outbox after the paint.
function leave(item, message) {
  message.uuid = uuid();
  message.fence = item.packet.fence;
  message.lease = item.packet.lease;
  item.uuid = message.path ? null : message.uuid;
  outbox.add(message);
  show(queue.advance());
  afterPaint(() => outbox.post());
  return true;
}

async function takeBack() {
  if (state.overlay && state.overlay !== 'empty') return;
  const item = queue.done.at(-1);
  if (!item || !item.uuid) {
    status.say(texts.nothingToUndo, 'warn');
    return;
  }
  keepDraft();
  if (!outbox.withdraw(item.uuid)) {
    try {
      const answer = await call('POST', `answers/${item.uuid}/undo`);
      item.packet.fence = answer.lease.fence;
    } catch (error) {
      status.say(error instanceof Refused && error.status === 409 ? texts.frozen : texts.nothingToUndo, 'warn');
      return;
    }
  }
  item.taken = true;
  queue.putBack(item, null);
  show(queue.current);
  status.say(fill(texts.undone, { label: item.task.label }));
}

// Back to where PageUp came from: the answer that was taken back is given again as it was.
function forward(event) {
  const item = state.shown;
  if (!item?.taken || !item.previous || state.overlay || guarded(event)) return true;
  item.taken = false;
  return answer(item, item.previous);
}

function keepDraft() {
  const item = state.shown;
  if (item?.kind === 'field' && !isMark(item)) item.draft = ui.entry.value;
}

outbox.addEventListener('settled', ({ detail: { answer: sent, verdict } }) => {
  if (verdict.outcome === 'invalid') {
    const item = queue.done.find((each) => each.uuid === sent.uuid);
    if (item) {
      const [code = ''] = verdict.problems;
      const level = /\.(format|ambiguous|impossible)$/.test(code) ? 'format' : 'check';
      item.refused = { text: sent.value, code, level };
      keepDraft();
      queue.putBack(item, null);
      show(queue.current);
      status.say(texts.refused, 'warn');
    }
  } else if (verdict.outcome === 'stale') {
    status.say(texts.stale, 'warn');
  }
});
outbox.addEventListener('sent', ({ detail: { verdicts } }) => {
  status.stand('');
  if (verdicts.every((each) => each.outcome === 'ok' || each.outcome === 'dup')) {
    const time = new Date().toLocaleTimeString(document.documentElement.lang);
    status.news(fill(texts.saved, { time }), 'good');
  }
  ui.desk.dataset.unsent = outbox.size;
  if (state.overlay === 'stop' && outbox.size < STOP_AT) show(queue.current);
  queue.refill();
});
outbox.addEventListener('failed', ({ detail }) => trouble(detail));
outbox.addEventListener('pausing', ({ detail: { pause } }) => {
  ui.desk.dataset.unsent = outbox.size;
  if (!outbox.failures) return;
  if (outbox.size >= STOP_AT) openOverlay('stop', texts.stopTitle, fill(texts.stopText, { count: outbox.size }));
  if (outbox.size >= WARN_AT) status.stand(fill(texts.unsent, { count: outbox.size }));
  else status.stand(fill(texts.offline, { seconds: Math.max(1, Math.round(pause / 1000)) }));
});

queue.addEventListener('filled', () => {
  if (queue.current && (!state.shown || state.overlay === 'empty' || state.overlay === 'loading')) show(queue.current);
  else if (!queue.current) showNothing();
  if (!outbox.size) status.stand('');
  if (status.element.textContent === texts.loading) status.news(texts.ready);
});
queue.addEventListener('failed', ({ detail }) => trouble(detail));
queue.addEventListener('picture', ({ detail: { item } }) => {
  if (state.shown !== item) return;
  snippetView.draw(item.snippet);
  paintNote(item);
});
queue.addEventListener('page', ({ detail: { packet } }) => {
  if (state.shown?.packet === packet) paintPage();
});
queue.addEventListener('lost', ({ detail: { here } }) => {
  if (here) openOverlay('lost', texts.lostTitle, texts.lostText);
});

function trouble({ error, away }) {
  if (away) {
    status.stand(outbox.size >= WARN_AT ? fill(texts.unsent, { count: outbox.size }) : fill(texts.offline, { seconds: 5 }));
    if (!queue.current && !queue.paused) showNothing();
    return;
  }
  if (error.status === 401) {
    const words = fill(texts.signedOutText, { count: outbox.size });
    openOverlay('out', texts.signedOutTitle, words, { link: texts.signIn, href: '/connexion?suite=/coder' });
  } else if (error.status === 403) {
    openOverlay('out', texts.forbiddenTitle, texts.forbiddenText, { link: texts.reload, href: '/coder' });
  }
}

// ---- what lies over the screen ------------------------------------------------------------------------------------------

function openOverlay(name, title, text, { link = '', href = '', body = [] } = {}) {
  if (state.overlay === 'out') return;
  state.overlay = name;
  ui['overlay-title'].textContent = title;
  ui['overlay-text'].textContent = text;
  ui['overlay-body'].replaceChildren(...body);
  ui['overlay-link'].hidden = !link;
  ui['overlay-link'].textContent = link;
  if (href) ui['overlay-link'].href = href;
  ui.overlay.dataset.name = name;
  if (!ui.overlay.open) ui.overlay.showModal();
  ui.desk.dataset.overlay = name;
}

function closeOverlay() {
  if (!state.overlay) return;
  state.overlay = '';
  ui.overlay.close();
  ui.desk.dataset.overlay = '';
}

// Enter or Escape in front of an overlay.
function leaveOverlay(event) {
  if (event.repeat) return true;
  const name = state.overlay;
  if (name === 'pause') {
    closeOverlay();
    queue.resume();
  } else if (name === 'help' || name === 'lost') {
    const item = state.shown;
    closeOverlay();
    if (name === 'help' && item) focusEntry();
    else show(queue.current);
  } else if (name === 'out') {
    window.location.assign(ui['overlay-link'].href);
  }
  return true;
}

ui.overlay.addEventListener('cancel', (event) => event.preventDefault());

function focusEntry() {
  (ui.choices.hidden ? ui.entry : ui.choices).focus({ preventScroll: true });
}

function showNothing() {
  if (queue.paused || state.overlay === 'out') return;
  state.shown = null;
  snippetView.draw(null);
  pageView.show(null, null);
  const name = queue.asking ? 'loading' : 'empty';
  const away = queue.failures > 0;
  if (name === 'loading') status.news(texts.loading);
  ui.entry.value = '';
  ui.entry.disabled = true;
  openOverlay('empty', away ? texts.stopTitle : texts.emptyTitle, away ? fill(texts.stopText, { count: outbox.size }) : texts.emptyText);
  ui.desk.dataset.state = 'empty';
  ui.desk.dataset.ready = 'empty';
  queue.refill();
}

window.setInterval(() => {
  if (queue.paused || state.overlay === 'out') return;
  if (queue.current) queue.prefetch();
  else queue.refill();
}, 5000);

function openHelp() {
  if (state.overlay) return true;
  const table = document.createElement('table');
  table.className = 'keys';
  for (const row of rows) {
    if (row.screen !== 'coder') continue;
    const line = table.insertRow();
    const key = document.createElement('kbd');
    key.textContent = row.shown;
    line.insertCell().append(key);
    line.insertCell().textContent = row.words;
  }
  openOverlay('help', texts.helpTitle, texts.close, { body: [table] });
  return true;
}

async function pause() {
  if (state.overlay && state.overlay !== 'empty') return;
  queue.paused = true;
  openOverlay('pause', texts.pauseTitle, texts.pauseText);
  state.shown = null;
  // nobody reads a subscriber's letter over an empty chair
  snippetView.draw(null);
  pageView.show(null, null);
  ui.entry.value = '';
  ui.recent.replaceChildren();
  await outbox.drained();
  await queue.pause();
}

// ---- keys ---------------------------------------------------------------------------------------------------------------

function toDoubt(step) {
  return () => {
    if (state.overlay || ui.entry.disabled) return false;
    const places = doubts();
    if (!places.length) return true;
    const here = ui.entry.selectionStart;
    const next = step > 0 ? places.find((place) => place > here) ?? places[0] : places.findLast((place) => place < here) ?? places.at(-1);
    ui.entry.setSelectionRange(next, next + 1);
    return true;
  };
}

new Keys(rows, 'coder', {
  accept: (event) => (event.target.closest?.('.bar, a, button') && !state.overlay ? false : accept(event)),
  force: (event) => accept(event, true),
  proposed: (event) => {
    if (state.overlay) return leaveOverlay(event);
    const item = state.shown;
    if (!item) return true;
    if (state.classifying) {
      show(item);
      return true;
    }
    item.draft = null;
    if (item.kind === 'field' && !isMark(item) && item.task.value === undefined) status.news(texts.notProposed);
    paint(item);
    paintHints(item);
    return true;
  },
  context: () => {
    if (state.overlay) return true;
    const context = pageView.cycle();
    ui.desk.dataset.context = context;
    return true;
  },
  zoom: () => {
    snippetView.zoom = { 1: 1.5, 1.5: 2, 2: 1 }[snippetView.zoom];
    snippetView.draw(state.shown?.snippet || null);
    ui['page-zoom'].textContent = `×${String(snippetView.zoom).replace('.', ',')}`;
    return true;
  },
  illegible: flagged('illegible'),
  empty: flagged('empty'),
  reclassify: () => {
    const item = state.shown;
    if (state.overlay || !item || item.kind === 'classify') return true;
    keepDraft();
    state.classifying = true;
    ui.mode.textContent = '';
    paint(item);
    return true;
  },
  back: () => {
    takeBack();
    return true;
  },
  forward,
  nextDoubt: toDoubt(1),
  previousDoubt: toDoubt(-1),
  candidates: () => {
    const options = state.shown?.task?.candidates;
    if (state.overlay || !options?.length || ui.entry.disabled) return true;
    state.candidate = (state.candidate + 1) % options.length;
    ui.entry.value = options[state.candidate];
    ui.entry.dispatchEvent(new Event('input', { bubbles: true }));
    paintHints(state.shown);
    return true;
  },
  overtype: () => {
    state.overtype = !state.overtype;
    status.news(state.overtype ? texts.overtypeOn : texts.overtypeOff);
    return true;
  },
  pause: () => {
    pause();
    return true;
  },
  help: openHelp,
});

const resized = new ResizeObserver(() => {
  snippetView.measure();
  snippetView.draw(state.shown?.snippet || null);
  if (state.shown?.kind === 'field') fitEntry();
  pageView.draw();
});
resized.observe(ui['snippet-frame']);
resized.observe(ui.page.parentElement);

status.say(texts.loading);
outbox.flush();
queue.refill();
