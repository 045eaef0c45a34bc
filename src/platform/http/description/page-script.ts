/**
 * What the page of the API does in a browser: it finds operations as one types, and calls them on the system that
 * serves it. The key stays in the field where it was entered; what comes back is shown as text, never as HTML.
 */
export const SCRIPT = `
'use strict';
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const search = document.getElementById('search');
if (search) {
  const none = document.getElementById('none');
  const count = document.getElementById('count');
  const entries = all('.op').map((op) => [op, op.textContent.toLowerCase()]);
  const links = all('aside li').map((li) => [li, document.getElementById(li.firstElementChild.hash.slice(1))]);
  const find = () => {
    const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let found = 0;
    for (const [op, text] of entries) {
      const name = op.firstElementChild.textContent.toLowerCase();
      op.hidden = !words.every((word) => (word.length < 3 ? name : text).includes(word));
      if (!op.hidden) found++;
    }
    for (const [li, target] of links) li.hidden = target !== null && target.closest('.op').hidden;
    for (const section of all('main section')) if (section.querySelector('.op')) section.hidden = !section.querySelector('.op:not([hidden])');
    for (const list of all('aside ul')) list.hidden = list.previousElementSibling.hidden = words.length > 0 && !list.querySelector('li:not([hidden])');
    count.textContent = words.length === 0 ? '' : found + ' found';
    none.hidden = found > 0;
    document.querySelector('main').classList.toggle('searching', words.length > 0);
  };
  search.addEventListener('input', find);
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    search.focus();
  });
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const op = target && target.closest('.op');
    if (!op) return;
    op.open = true;
    op.scrollIntoView();
  };
  addEventListener('hashchange', open);
  open();
  find();
}
// A page that came without TLS from another machine has no crypto.randomUUID.
const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
for (const button of all('.copy')) {
  // Nor a clipboard.
  if (!navigator.clipboard) button.hidden = true;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.closest('figure').querySelector('pre').textContent);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
}
const SHOWN_MAX = 100000;
const HEADERS = ['content-type', 'etag', 'location', 'retry-after', 'ratelimit', 'idempotency-replayed', 'x-correlation-id'];
for (const form of all('form.try')) {
  const output = form.querySelector('output');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { method, path } = form.dataset;
    const query = new URLSearchParams();
    const headers = { accept: 'application/json, */*' };
    const key = document.getElementById('key').value.trim();
    if (key) headers.authorization = 'Bearer ' + key;
    let url = path;
    for (const input of all('[data-in]', form)) {
      const { in: place, name } = input.dataset;
      let value = input.value;
      if (value === '' && input.dataset.made) value = fresh();
      if (place === 'path') url = url.replace('{' + name + '}', encodeURIComponent(value));
      else if (value === '') continue;
      else if (place === 'query') query.append(name, value);
      else if (place === 'header') headers[name] = value;
    }
    const body = form.querySelector('textarea');
    if (body && body.value.trim() !== '') headers['content-type'] = 'application/json';
    const button = form.querySelector('button');
    button.disabled = true;
    output.textContent = 'Waiting for the answer …';
    try {
      const startedMs = performance.now();
      const answer = await fetch(url + (query.size > 0 ? '?' + query : ''), {
        method: method.toUpperCase(),
        headers,
        body: body && body.value.trim() !== '' ? body.value : undefined,
        signal: AbortSignal.timeout(35000),
      });
      let text = await answer.text();
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch {}
      const lines = HEADERS.filter((name) => answer.headers.has(name)).map((name) => name + ': ' + answer.headers.get(name));
      const tookMs = Math.round(performance.now() - startedMs);
      output.textContent = answer.status + ' ' + answer.statusText + ' in ' + tookMs + ' ms\\n' + lines.join('\\n') + '\\n\\n' + text.slice(0, SHOWN_MAX);
    } catch (error) {
      output.textContent = 'No answer: ' + error.message;
    } finally {
      button.disabled = false;
    }
  });
}
`;
