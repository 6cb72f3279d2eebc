// Uploads with progress, by choosing or by dropping. Without this script the form works as it is.

import { csrfToken, fill, json } from './status.js';

const start = json('start');
const form = document.getElementById('upload');
const files = document.getElementById('files');
const drop = document.getElementById('drop');
const progress = document.getElementById('progress');
const line = document.getElementById('upload-status');
const button = form.querySelector('button');

const size = () => [...files.files].reduce((sum, file) => sum + file.size, 0);

function describe() {
  const megabytes = (size() / 1048576).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 });
  line.textContent = files.files.length ? fill(start.texts.chosen, { count: files.files.length, size: megabytes }) : '';
}

files.addEventListener('change', describe);
for (const name of ['dragenter', 'dragover']) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.dataset.over = 'yes';
  });
}
for (const name of ['dragleave', 'drop']) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    delete drop.dataset.over;
  });
}
drop.addEventListener('drop', (event) => {
  files.files = event.dataTransfer.files;
  describe();
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!files.files.length) return;
  if (size() > start.max_bytes) {
    line.textContent = start.texts.tooBig;
    return;
  }
  const request = new XMLHttpRequest();
  request.open('POST', form.action);
  request.setRequestHeader('Accept', 'application/json');
  request.setRequestHeader('X-CSRF-Token', csrfToken());
  request.responseType = 'json';
  progress.hidden = false;
  button.disabled = true;
  request.upload.addEventListener('progress', ({ loaded, total }) => {
    progress.value = (100 * loaded) / total;
    line.textContent = fill(start.texts.sending, { percent: Math.floor(progress.value) });
  });
  request.addEventListener('load', () => {
    if (request.status === 200) {
      line.textContent = start.texts.sent;
      window.location.assign(request.response.path);
      return;
    }
    over(request.response?.title || String(request.status));
  });
  request.addEventListener('error', () => over(start.texts.noAnswer));
  request.send(new FormData(form));
});

function over(reason) {
  progress.hidden = true;
  button.disabled = false;
  line.textContent = fill(start.texts.failed, { reason });
}
