// What one container does right now: each section is asked for only while it is open.
'use strict';

const MAX_EVENTS = 100;
const MAX_ROWS = 20;

function shown(value, unit) {
  if (value === null) return '–';
  if (typeof value === 'string') return value;
  if (unit === 'bytes') return bytes(value);
  if (unit === 'ns') return (value / 1e6).toFixed(3) + ' ms';
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

function addRow(parent, texts, kind, numbers) {
  const row = document.createElement('tr');
  texts.forEach((text, at) => {
    const cell = document.createElement(kind);
    if (kind === 'th') cell.scope = 'col';
    if (numbers[at]) cell.className = 'n';
    cell.textContent = text;
    row.append(cell);
  });
  parent.append(row);
  return row;
}

function showFrame(section, frame) {
  const numbers = frame.columns.map((_, at) => frame.rows.some((row) => typeof row[at] === 'number'));
  const grid = document.createElement('table');
  addRow(grid.createTHead(), frame.columns.map((column) => column.title), 'th', numbers);
  const body = grid.createTBody();
  for (const row of frame.rows.slice(0, MAX_ROWS)) {
    addRow(body, row.map((value, at) => shown(value, frame.columns[at].unit)), 'td', numbers);
  }
  section.querySelector('.now').replaceChildren(grid);
  const more = frame.rows.length - MAX_ROWS + frame.left_out;
  const seconds = Math.max(1, Math.round((frame.time_ms - frame.began_ms) / 1000));
  const parts = [frame.rows.length === 0 ? `nothing in ${seconds} s` : `the last ${seconds} s`];
  if (more > 0) parts.push(`${more} more rows`);
  if (frame.lost > 0) parts.push(`${frame.lost} events lost`);
  section.querySelector('.about').textContent = parts.join(', ');
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function follow(section) {
  if (section.dataset.follows) return;
  section.dataset.follows = 'yes';
  while (section.open && !document.hidden) {
    try {
      const answer = await fetch(section.dataset.path);
      const body = await answer.json();
      if (answer.ok) showFrame(section, body);
      else section.querySelector('.about').textContent = body.message;
      if (!answer.ok) await wait(5000);
    } catch {
      section.querySelector('.about').textContent = 'The server does not answer; trying again.';
      await wait(2000);
    }
  }
  delete section.dataset.follows;
}

function listen(section) {
  const grid = document.createElement('table');
  const titles = ['Time', 'Process', 'PID', 'Call', 'Result', 'On'];
  addRow(grid.createTHead(), titles, 'th', []);
  const body = grid.createTBody();
  section.querySelector('.now').replaceChildren(grid);
  const about = section.querySelector('.about');
  let [count, lost] = [0, 0];
  const say = () => {
    about.textContent = `${count} events` + (lost ? `, ${lost} dropped or lost` : '') + `; the newest ${MAX_EVENTS} are shown`;
  };
  const source = new EventSource(section.dataset.path);
  source.addEventListener('message', (message) => {
    const event = JSON.parse(message.data);
    const time = new Date(event['evt.rawtime'] / 1e6).toISOString().slice(11, 23);
    const names = ['proc.name', 'proc.pid', 'evt.type', 'evt.res', 'fd.name'];
    const row = addRow(body, [time, ...names.map((name) => String(event[name] ?? ''))], 'td', []);
    body.prepend(row);
    if (body.rows.length > MAX_EVENTS) body.deleteRow(-1);
    count += 1;
    say();
  });
  source.addEventListener('lost', (message) => {
    const { dropped, lost: more } = JSON.parse(message.data);
    lost += dropped + more;
    say();
  });
  source.addEventListener('failed', (message) => {
    about.textContent = JSON.parse(message.data).message;
    source.close();
  });
  return source;
}

function prepareNow() {
  for (const section of document.querySelectorAll('details[data-path]')) {
    let source = null;
    const change = () => {
      const looks = section.open && !document.hidden;
      const begin = { events: listen, latency: showHeat }[section.dataset.kind];
      if (!begin) {
        if (looks) follow(section);
      } else if (looks && !source) {
        source = begin(section);
      } else if (!looks && source) {
        source.close();
        source = null;
      }
    };
    section.addEventListener('toggle', change);
    document.addEventListener('visibilitychange', change);
  }
}

prepareNow();
