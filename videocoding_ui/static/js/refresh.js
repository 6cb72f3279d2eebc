// Live panels: a fragment fetched again every few seconds while the page is looked at. A form in use is left alone.

for (const panel of document.querySelectorAll('[data-refresh]')) {
  const every = Number(panel.dataset.every) * 1000;
  window.setInterval(async () => {
    if (document.hidden || panel.contains(document.activeElement)) return;
    try {
      const response = await fetch(panel.dataset.refresh + window.location.search, { credentials: 'same-origin' });
      if (response.redirected) window.location.reload();
      if (!response.ok) return;
      const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
      if (panel.contains(document.activeElement)) return;
      panel.replaceChildren(...document.adoptNode(fresh.body).childNodes);
      panel.dataset.refreshed = String(Date.now());
    } catch {
      // the server is away: the panel keeps what it had, its time says how old that is
    }
  }, every);
}
